/** Large bodies: what they are to a provider, how many there may be, and what they must not cost others. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { json, startScripted, wholeChat, type Upstream } from '../upstream/scripted.ts';
import { key, narrowKey, startHarness, type Harness } from './harness.ts';
import { post, postText, rawConnection, send } from './http-client.ts';

const mib = 1024 * 1024;
let upstream: Upstream;
let harness: Harness;
beforeAll(async () => {
  upstream = await startScripted();
  harness = await startHarness(`providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${upstream.origin}/v1" }
  anthropic: { apiKey: "\${ANTHROPIC_KEY}", baseUrl: "${upstream.origin}" }
models:
  gpt-4o-mini: openai
  claude-*: anthropic
  both: { targets: [{ provider: openai, model: gpt-4o }, { provider: anthropic, model: claude-a }] }
limits: { bodiesInFlight: 12MiB, bodiesPerKey: 8MiB, bodyValues: 10000000 }`);
});
afterAll(async () => {
  await harness.close();
  await upstream.close();
});
beforeEach(() => {
  upstream.answer((response) => void response.writeHead(200, json).end(wholeChat()));
});

const path = '/v1/chat/completions';
const chat = (bytes: number, more: object = {}): string =>
  JSON.stringify({
    model: 'gpt-4o-mini',
    messages: [{ role: 'user', content: 'a "word" \u00e9\n'.repeat(bytes / 16) }],
    ...more,
  });
const codeOf = ({ status, body }: { status: number; body: Buffer }) => [
  status,
  JSON.parse(body.toString()).error?.code,
];
const lastBody = (): string => upstream.received.at(-1)?.body ?? '';

test('a large body reaches a provider of its own dialect byte for byte', async () => {
  const body = chat(mib);
  expect((await post(harness.url + path, key, body)).status).toBe(200);
  expect(lastBody() === body).toBe(true);
});

test('what must differ is cut into it, and a further target of another dialect has its own words', async () => {
  upstream.answer((response, { path: at }) => {
    response.writeHead(at.endsWith('completions') ? 500 : 400, json).end('{}');
  });
  const before = upstream.received.length;
  const body = chat(mib, { model: 'both', max_tokens: 5 });
  await post(harness.url + path, key, body);
  const sent = upstream.received.slice(before);
  const [first, last] = [sent.at(0)?.body ?? '', JSON.parse(sent.at(-1)?.body ?? '{}')];
  expect(first === body.replace('"both"', '"gpt-4o"')).toBe(true);
  expect(sent.at(-1)?.path).toContain('/v1/messages');
  expect(last.model).toBe('claude-a');
  expect(JSON.stringify(last.messages).length).toBeGreaterThan(mib / 2);
});

test('a large body is checked like any other', async () => {
  const text = chat(mib);
  const twice = text.replace(/}$/, ',"model":"claude-a"}');
  const asked = upstream.received.length;
  expect(codeOf(await post(harness.url + path, key, twice))).toEqual([400, 'invalid_json']);
  expect(codeOf(await post(harness.url + path, key, `${text}x`))).toEqual([400, 'invalid_json']);
  expect(codeOf(await post(harness.url + path, narrowKey, chat(mib, { model: 'o9' })))).toEqual([
    404,
    'model_not_found',
  ]);
  expect(upstream.received.length).toBe(asked);
});

test('tokens of a large body that no provider counted are counted by us', async () => {
  upstream.answer((response) => {
    const { usage: _, ...rest } = JSON.parse(wholeChat());
    response.writeHead(200, json).end(JSON.stringify(rest));
  });
  const reply = await post(harness.url + path, key, chat(mib));
  const { attempts } = await harness.settled(String(reply.headers['x-tollgate-call-id']));
  expect(attempts[0]).toMatchObject({ usageSource: 'estimated' });
  expect(attempts[0]?.usage.tokens.input_uncached).toBeGreaterThan(mib / 16);
});

/** A body of which so much has come, and the rest does not. */
const unfinished = async (bytes: number, of: string) => {
  const connection = await rawConnection(harness.port);
  connection.write(postText({ path, key: of, body: 'x'.repeat(bytes), length: bytes + 1 }));
  return connection;
};

test('the bodies of one key have their share of memory, all of them theirs; small ones pass, and room comes back', async () => {
  // Each counts twice: 6 of this key's 8 MiB.
  const first = await unfinished(3 * mib, key);
  const answer = async (bytes: number, of = key) =>
    codeOf(await post(harness.url + path, of, chat(bytes)));
  // What came of an unfinished body has to be here before another is sent, or that one may be the first to take the room.
  const taken = async (bytes: number): Promise<void> => {
    for (let now = 0; now < bytes;) {
      expect((await answer(1000))[0]).toBe(200);
      now = [...harness.store.values('bodyBytes')].at(0)?.value ?? 0;
    }
  };
  await taken(6 * mib);
  expect(await answer(2 * mib)).toEqual([429, 'too_many_bytes_of_key']);
  expect((await answer(1000))[0]).toBe(200);
  expect((await answer(mib, narrowKey))[0]).toBe(200);

  const second = await unfinished(2.5 * mib, narrowKey);
  await taken(11 * mib);
  expect(await answer(0.9 * mib)).toEqual([503, 'too_many_bytes']);
  expect((await answer(1000))[0]).toBe(200);

  first.destroy();
  second.destroy();
  let served: unknown[] = [];
  for (; served[0] !== 200;) served = await answer(2 * mib);
});

test('a body that becomes more than the memory for it is refused, and the next one is served', async () => {
  const bomb = `{"model":"gpt-4o-mini","messages":[${'{},'.repeat(9_000_000)}{}]}`;
  const order: string[] = [];
  const big = post(harness.url + path, key, bomb).then((reply) => {
    order.push('bomb');
    return codeOf(reply);
  });
  const health = async (): Promise<void> => {
    await send(`${harness.url}/health/live`, { method: 'GET' });
    order.push('health');
  };
  await health();
  await health();
  expect(await big).toEqual([413, 'body_too_large']);
  expect(order.slice(0, 2)).toEqual(['health', 'health']);
  expect((await post(harness.url + path, key, chat(mib))).status).toBe(200);
});
