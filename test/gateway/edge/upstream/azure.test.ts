/** Azure OpenAI over real sockets: as an application whose token is had, sent, kept over a reload and never shown. */
import { expect, test } from 'vitest';
import { closeAfterEach } from '../http/closing.ts';
import { key, startHarness } from '../http/harness.ts';
import { send } from '../http/http-client.ts';
import { json, startScripted, wholeChat, type Answering } from './scripted.ts';

const closing = closeAfterEach();
const clientSecret = 'the-client-secret-of-the-application';

const started = async (login: Answering, answer: Answering) => {
  const [tokens, upstream] = [await startScripted(login), await startScripted(answer)];
  closing.push(
    () => tokens.close(),
    () => upstream.close(),
  );
  const harness = await startHarness(
    `providers:
  azure:
    baseUrl: "${upstream.origin}"
    tenantId: tenant-1
    clientId: client-1
    clientSecret: "\${AZURE_CLIENT_SECRET}"
    loginUrl: "${tokens.origin}"
models: { gpt-4o-mini: { targets: [{ provider: azure, model: my/deployment }] } }`,
    undefined,
    { AZURE_CLIENT_SECRET: clientSecret },
  );
  closing.push(() => harness.close());
  const ask = () =>
    send(`${harness.url}/v1/chat/completions`, {
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'x' }] }),
    });
  return { tokens, upstream, harness, ask };
};

const token = 'the-token-that-was-had-for-the-secret';
const giving: Answering = (response) =>
  void response
    .writeHead(200, json)
    .end(JSON.stringify({ token_type: 'Bearer', expires_in: 3599, access_token: token }));

test('a token is had for the secret, once for many calls, and sent with each', async () => {
  const { tokens, upstream, ask } = await started(
    giving,
    (response) => void response.writeHead(200, json).end(wholeChat()),
  );
  const replies = await Promise.all([ask(), ask(), ask()]);
  expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(tokens.received).toHaveLength(1);
  const [asked] = tokens.received;
  expect(asked?.path).toBe('/tenant-1/oauth2/v2.0/token');
  expect(Object.fromEntries(new URLSearchParams(asked?.body))).toEqual({
    grant_type: 'client_credentials',
    scope: 'https://cognitiveservices.azure.com/.default',
    client_id: 'client-1',
    client_secret: clientSecret,
  });
  expect(upstream.received).toHaveLength(3);
  for (const { path, headers } of upstream.received) {
    expect(path).toBe(
      '/openai/deployments/my%2Fdeployment/chat/completions?api-version=2024-10-21',
    );
    expect(headers.authorization).toBe(`Bearer ${token}`);
    expect(JSON.stringify(headers)).not.toContain(clientSecret);
  }
});

test('a token that the provider quotes reaches nobody', async () => {
  const { harness, ask } = await started(giving, (response) => {
    const error = { message: `The token ${token} is not valid for ${clientSecret}.`, type: 't' };
    response.writeHead(400, json).end(JSON.stringify({ error }));
  });
  const reply = await ask();
  expect(reply.status).toBe(400);
  await harness.settled(String(reply.headers['x-tollgate-call-id']));
  const everything = [reply.body.toString(), JSON.stringify(reply.headers), ...harness.written];
  expect(everything.join()).not.toContain(token);
  expect(everything.join()).not.toContain(clientSecret);
});

test('without a token no call is made; the account says whose fault it was', async () => {
  const { upstream, harness, ask } = await started(
    (response) => void response.writeHead(401, json).end('{"error":"invalid_client"}'),
    (response) => void response.writeHead(200, json).end(wholeChat()),
  );
  const reply = await ask();
  expect(reply).toMatchObject({
    status: 502,
    headers: { 'x-tollgate-error-code': 'provider_auth' },
  });
  expect(upstream.received).toEqual([]);
  const settlement = await harness.settled(String(reply.headers['x-tollgate-call-id']));
  expect(settlement).toMatchObject({ outcome: 'exhausted', errorCode: 'provider_auth' });
  expect(settlement.attempts).toHaveLength(1);
  expect(settlement.attempts[0]).toMatchObject({ error: 'auth', status: 0 });
});
