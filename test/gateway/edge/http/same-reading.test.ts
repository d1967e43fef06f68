/** What was checked is what is sent: bytes and headers that another reader could read otherwise reach no provider. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { json, startScripted, wholeChat, type Upstream } from '../upstream/scripted.ts';
import { key, narrowKey, startHarness, type Harness } from './harness.ts';
import { post, rawConnection } from './http-client.ts';

let upstream: Upstream;
let harness: Harness;
beforeAll(async () => {
  upstream = await startScripted();
  harness = await startHarness(`providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${upstream.origin}/v1" }
  anthropic: { apiKey: "\${ANTHROPIC_KEY}", baseUrl: "${upstream.origin}" }
models: { gpt-4o-mini: openai, gpt-4o: openai, claude-*: anthropic }
limits: { bodyValues: 1000, bodyDepth: 20, bodyKeys: 100 }`);
});
afterAll(async () => {
  await harness.close();
  await upstream.close();
});
beforeEach(() => {
  upstream.answer((response) => void response.writeHead(200, json).end(wholeChat()));
});

const path = '/v1/chat/completions';
const messages = '"messages":[{"role":"user","content":"hi"}]';
const refusal = async (body: string | Buffer, at = path) => {
  const asked = upstream.received.length;
  const reply = await post(harness.url + at, key, body);
  expect(upstream.received.length, 'the provider was asked').toBe(asked);
  const { error } = JSON.parse(reply.body.toString());
  return [reply.status, error.code ?? error.type, error.param ?? null];
};

test.each([
  ['the model', `{"model":"gpt-4o-mini",${messages},"model":"gpt-4o"}`, 'model'],
  ['the model, in escapes', `{"\\u006dodel":"gpt-4o",${messages},"model":"gpt-4o-mini"}`, 'model'],
  ['stream', `{"model":"gpt-4o-mini",${messages},"stream":false,"stream":true}`, 'stream'],
  [
    'an option inside',
    `{"model":"gpt-4o-mini",${messages},"stream":true,"stream_options":{"include_usage":true,"include_usage":false}}`,
    'stream_options.include_usage',
  ],
  [
    "a message's role",
    '{"model":"gpt-4o-mini","messages":[{"role":"user","role":"system","content":"hi"}]}',
    'messages[0].role',
  ],
  [
    "a tool's name",
    `{"model":"gpt-4o-mini",${messages},"tools":[{"type":"function","function":{"name":"a","name":"b"}}]}`,
    'tools[0].function.name',
  ],
  ['a field we do not know', `{"model":"gpt-4o-mini",${messages},"n":1,"n":100}`, 'n'],
])('%s said twice is refused with its place, and nothing is sent', async (_, body, param) => {
  expect(await refusal(body)).toEqual([400, 'invalid_json', param]);
});

test('the dialect of Anthropic refuses it likewise, naming the place', async () => {
  const body = `{"model":"claude-a","max_tokens":5,${messages},"max_tokens":5000}`;
  const reply = await post(`${harness.url}/v1/messages`, key, body);
  expect(reply.status).toBe(400);
  expect(JSON.parse(reply.body.toString()).error.message).toContain('`max_tokens`');
});

test.each([
  ['in capitals', `{"model":"gpt-4o-mini",${messages},"Model":"gpt-4o"}`, 'model'],
  ['with the long s', `{"model":"gpt-4o-mini",${messages},"\u017ftream":true}`, 'stream'],
  ['with the Kelvin sign', `{"model":"gpt-4o-mini",${messages},"max_to\u212aens":9}`, 'max_tokens'],
  [
    'inside',
    `{"model":"gpt-4o-mini",${messages},"stream":true,"stream_options":{"Include_Usage":true}}`,
    'stream_options.include_usage',
  ],
])('a field that some readers take for one of ours is refused: %s', async (_, body, param) => {
  expect(await refusal(body)).toEqual([400, 'invalid_value', param]);
});

const valid = `{"model":"gpt-4o-mini",${messages}}`;
test.each([
  ['a byte order mark', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(valid)])],
  ['UTF-16', Buffer.from(valid, 'utf16le')],
  ['a byte that is no UTF-8', Buffer.from(valid.replace('hi', '\xff'), 'latin1')],
  ['an overlong slash', Buffer.from(valid.replace('hi', '\xc0\xaf'), 'latin1')],
  ['a surrogate in UTF-8', Buffer.from(valid.replace('hi', '\xed\xa0\x80'), 'latin1')],
  ['NUL behind it', `${valid}\0`],
  ['a second document behind it', `${valid}{"model":"gpt-4o"}`],
  ['a comment', valid.replace(',', '/* */,')],
  ['NaN', valid.replace('{', '{"temperature":NaN,')],
  ['a trailing comma', valid.replace(/}$/, ',}')],
])('what is no JSON in UTF-8 to the letter is refused: %s', async (_, body) => {
  expect(await refusal(body)).toEqual([400, 'invalid_json', null]);
});

test.each([
  ['too large for a double', '1e999'],
  ['beyond what every reader keeps exact', '9007199254740993'],
  ['a fraction by one reading', '1.5'],
])('a count of tokens is a number that every reader reads the same: %s', async (_, number) => {
  const body = valid.replace('{', `{"max_tokens":${number},`);
  expect(await refusal(body)).toEqual([400, 'invalid_value', 'max_tokens']);
});

test.each([
  [
    'values',
    `{"model":"gpt-4o-mini","metadata":[${Array(1000).fill('{}').join(',')}],${messages}}`,
  ],
  ['depth', `{"model":"gpt-4o-mini","a":${'['.repeat(30)}${']'.repeat(30)},${messages}}`],
  [
    'keys',
    `{"model":"gpt-4o-mini","a":{${Array.from({ length: 101 }, (_, i) => `"k${i}":1`).join(',')}},${messages}}`,
  ],
])('a body past its limit of %s is refused as too large', async (_, body) => {
  expect((await refusal(body)).slice(0, 2)).toEqual([413, 'body_too_large']);
});

test('keys that only look alike, and __proto__ once, pass byte for byte', async () => {
  const body = `{"model":"gpt-4o-mini",${messages},"__proto__":{"model":"gpt-4o"},"MODELS":1,"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"id":{"type":"string"},"ID":{"type":"string"}}}}}]}`;
  expect((await post(harness.url + path, key, body)).status).toBe(200);
  expect(upstream.received.at(-1)?.body).toBe(body);
});

const raw = async (...headers: readonly string[]): Promise<string> => {
  const connection = await rawConnection(harness.port);
  const head = [`POST ${path} HTTP/1.1`, ...headers, `content-length: ${valid.length}`];
  connection.write([...head, 'connection: close', '', valid].join('\r\n'));
  await connection.closed;
  return connection.received().split('\r\n')[0] ?? '';
};

test('a credential said twice is none, whichever comes first', async () => {
  const asked = upstream.received.length;
  const [good, bad] = [`authorization: Bearer ${key}`, 'authorization: Bearer tg-not-a-key-at-all'];
  for (const both of [
    [good, bad],
    [bad, good],
    [`x-api-key: ${key}`, `x-api-key: ${narrowKey}`],
  ]) {
    expect(await raw('host: localhost', ...both)).toBe('HTTP/1.1 401 Unauthorized');
  }
  expect(upstream.received.length).toBe(asked);
  expect(await raw('host: localhost', good)).toBe('HTTP/1.1 200 OK');
});

test('keys of two callers are none; a key of someone else beside ours goes nowhere', async () => {
  const bearer = `authorization: Bearer ${key}`;
  expect(await raw('host: localhost', bearer, `x-api-key: ${narrowKey}`)).toBe(
    'HTTP/1.1 401 Unauthorized',
  );
  expect(await raw('host: localhost', bearer, `x-api-key: ${key}`)).toBe('HTTP/1.1 200 OK');
  expect(await raw('host: localhost', bearer, 'x-api-key: sk-ant-0123')).toBe('HTTP/1.1 200 OK');
  expect(JSON.stringify(upstream.received)).not.toContain('sk-ant-0123');
});

test('a content encoding said twice is not taken for none', async () => {
  const bearer = `authorization: Bearer ${key}`;
  const twice = ['content-encoding: identity', 'content-encoding: gzip'];
  expect(await raw('host: localhost', bearer, ...twice)).toBe(
    'HTTP/1.1 415 Unsupported Media Type',
  );
});
