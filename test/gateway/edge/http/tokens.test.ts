/** Calls with tokens of an issuer in place of a key, as clients see them and as they are booked. */
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { unidentified } from '../../../../gateway/src/decide/unidentified.ts';
import {
  audience,
  makeKey,
  nowSeconds,
  startIssuer,
  type FakeIssuer,
  type SigningKey,
} from '../../../fakes/issuer.ts';
import { json, startScripted, wholeChat, type Upstream } from '../upstream/scripted.ts';
import { key, startHarness, type Harness } from './harness.ts';
import { headerOf, post, postText, rawConnection, send, type Reply } from './http-client.ts';

let upstream: Upstream;
let issuer: FakeIssuer;
let signing: SigningKey;
let harness: Harness;
beforeAll(async () => {
  upstream = await startScripted();
  issuer = await startIssuer();
  signing = await makeKey('1');
  issuer.holds(signing.jwk);
  upstream.answer((response) => void response.writeHead(200, json).end(wholeChat()));
  harness = await startHarness(`providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${upstream.origin}/v1" }
models: { gpt-4o-mini: openai, gpt-*: openai }
issuers:
  - name: corp
    issuer: "${issuer.url}"
    audience: ${audience}
    claims:
      team: /groups/0
      application: { value: chat }
      user: { claim: email, otherwise: '' }
    modelsFrom: models
budgets:
  - { id: poor, scope: { key: 'jwt:corp:poor' }, unit: usd, limit: 0, window: day }`);
});
afterAll(async () => {
  await harness.close();
  await upstream.close();
  await issuer.close();
});

const said = {
  groups: ['search', 'CLAIM-NOT-MAPPED'],
  models: 'gpt-4o-mini',
  secret: 'CLAIM-UNREAD',
};
const tokenOf = (more: object = {}): Promise<string> => issuer.sign(signing, { ...said, ...more });
const ask = (
  token: string,
  headers: Record<string, string> = {},
  more: object = {},
): Promise<Reply> =>
  post(
    `${harness.url}/v1/chat/completions`,
    token,
    { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hello' }], ...more },
    headers,
  );
const bookedOf = (reply: Reply) => harness.settled(headerOf(reply, 'x-tollgate-call-id'));

test('a call with a token is booked on whom the token names', async () => {
  const reply = await ask(await tokenOf({ email: 'ada@example.org' }));
  expect(reply.status).toBe(200);
  expect(await bookedOf(reply)).toMatchObject({
    outcome: 'answered',
    call: {
      caller: { keyId: 'jwt:corp:ada', team: 'search', app: 'chat' },
      identity: { user: 'ada@example.org' },
    },
  });
});

test('the end user of a token counts before the one that a client names; without one the client is believed', async () => {
  const headers = { 'x-tollgate-user': 'eve', baggage: 'user.id=eve' };
  const named = await bookedOf(await ask(await tokenOf({ email: 'ada@example.org' }), headers));
  expect(named.call.identity.user).toBe('ada@example.org');
  const unnamed = await bookedOf(await ask(await tokenOf(), headers));
  expect(unnamed.call.identity.user).toBe('eve');
});

test('a token may use the models that its claim lists, and no other', async () => {
  const reply = await ask(await tokenOf(), {}, { model: 'gpt-4o' });
  expect([reply.status, headerOf(reply, 'x-tollgate-error-code')]).toEqual([
    404,
    'model_not_found',
  ]);
  expect(reply.body.toString()).toContain('It may use: gpt-4o-mini.');
});

test('/v1/models lists what a token may use, and refuses as calls do', async () => {
  const list = async (token: string): Promise<Reply> =>
    send(`${harness.url}/v1/models`, {
      method: 'GET',
      headers: { authorization: `Bearer ${token}` },
    });
  const listed = await list(await tokenOf());
  expect(JSON.parse(listed.body.toString())).toMatchObject({ data: [{ id: 'gpt-4o-mini' }] });
  const refused = await list(await tokenOf({ aud: 'elsewhere' }));
  expect(refused.status).toBe(401);
  expect(refused.body.toString()).toContain('made for somebody else');
});

test('a budget holds for the one whom a token names', async () => {
  const reply = await ask(await tokenOf({ sub: 'poor' }));
  expect(headerOf(reply, 'x-tollgate-error-code')).toBe('budget_exceeded');
  expect((await ask(await tokenOf({ sub: 'rich' }))).status).toBe(200);
});

test('a token and a key of ours in one request are nobody\u2019s; a key alone is as ever', async () => {
  expect((await ask(await tokenOf(), { 'x-api-key': key })).status).toBe(401);
  expect((await ask(key)).status).toBe(200);
});

describe('a refused token', () => {
  const failures = (reason: string): number => {
    for (const { labels, value } of harness.store.values('authFailures'))
      if (labels['reason'] === reason) return value;
    return 0;
  };
  // oxfmt-ignore
  test.each([
    ['expired', { exp: 1 }], ['not_yet_valid', { nbf: 9_999_999_999 }], ['issuer', { iss: 'https://evil.example' }],
    ['audience', { aud: 'elsewhere' }], ['claims', { groups: ['\u001b[31m'] }], ['claims', { sub: { a: 1 } }],
    ['claims', { models: undefined }],
  ] as const)('%s: 401 with words for it, counted, booked on nobody', async (reason, claims) => {
    const before = failures(reason);
    const reply = await ask(await tokenOf(claims));
    expect(reply.status).toBe(401);
    expect(JSON.parse(reply.body.toString())).toMatchObject({
      error: { code: 'invalid_api_key', message: expect.stringMatching(/^The token was refused: /) },
    });
    if (reason !== 'claims')
      expect(reply.body.toString()).toContain(JSON.stringify(unidentified({ reason }).message).slice(1, -1));
    expect(failures(reason)).toBe(before + 1);
    expect(await bookedOf(reply)).toMatchObject({ outcome: 'unidentified', call: { caller: null } });
  });

  test('of 1 MB, or of more than headers may be, is refused before anybody looks at it', async () => {
    for (const chars of [16_000, 750_000]) {
      const connection = await rawConnection(harness.port);
      connection.socket.on('error', () => {});
      const token = await tokenOf({ x: 'x'.repeat(chars) });
      connection.write(postText({ path: '/v1/chat/completions', key: token, body: '{}' }));
      await connection.receives('HTTP/1.1 431 ');
      connection.destroy();
    }
    expect((await ask(await tokenOf())).status).toBe(200);
  });
});

test('a call that waits for the keys of its issuer keeps the configuration that it began with', async () => {
  const slow = await startIssuer();
  const asked = Promise.withResolvers<ServerResponse>();
  // The question of the start fails; the next one is a token's, so whoever sent it waits.
  slow.answer((response) => {
    if (slow.asked.length > 1) asked.resolve(response);
    else response.writeHead(503).end();
  });
  const one = await startHarness(`providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${upstream.origin}/v1" }
models: { gpt-*: openai }
issuers:
  - { name: slow, issuer: "${slow.url}", audience: ${audience}, jwks: "${slow.url}/jwks" }`);
  const token = await slow.sign(signing);
  const call = (): Promise<Reply> =>
    post(`${one.url}/v1/chat/completions`, token, {
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: 'hello' }],
    });
  let waiting = call();
  let response = await Promise.race([asked.promise, waiting.then(() => null)]);
  while (response === null) {
    waiting = call();
    response = await Promise.race([asked.promise, waiting.then(() => null)]);
  }
  let isClosed = false;
  const closing = one.runtime.close().then(() => (isClosed = true));
  await Promise.race([closing, sleep(100)]);
  expect(isClosed).toBe(false);
  response.end(JSON.stringify({ keys: [signing.jwk] }));
  expect((await waiting).status).toBe(200);
  await closing;
  await one.close();
  await slow.close();
});

test('neither a token nor its other claims are written anywhere, nor come back from a provider that repeats them', async () => {
  const token = await tokenOf({ email: 'ada@example.org', exp: nowSeconds() + 1234 });
  upstream.answer((response, { headers }) => {
    expect(JSON.stringify(headers)).not.toContain(token);
    response.writeHead(400, json);
    response.end(JSON.stringify({ error: { message: `who is ${token}?`, type: 'x' } }));
  });
  const echoed = await ask(token);
  upstream.answer((response) => void response.writeHead(200, json).end(wholeChat()));
  expect(echoed.status).toBe(400);
  const bad = await ask(await tokenOf({ groups: ['NOT\nMAPPABLE'], exp: nowSeconds() + 1235 }));
  await bookedOf(bad);
  const seen = JSON.stringify([
    echoed.body.toString(),
    echoed.headers,
    bad.body.toString(),
    bad.headers,
    harness.written,
    harness.settlements.map(({ call }) => call.caller),
    [...harness.store.values('authFailures')].map(({ labels }) => labels),
  ]);
  const parts = token.split('.');
  for (const secret of [token, ...parts.slice(1), 'CLAIM-NOT-MAPPED', 'CLAIM-UNREAD', 'MAPPABLE'])
    expect(seen).not.toContain(secret);
});
