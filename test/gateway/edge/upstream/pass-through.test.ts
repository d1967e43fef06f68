/** What goes to a provider and what comes back, byte for byte and header for header. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { key, openaiSecret, anthropicSecret, startHarness, type Harness } from '../http/harness.ts';
import { headerOf, post } from '../http/http-client.ts';
import { chunkOf, doneChunk, json, sse, startScripted, usageChunk, wholeChat } from './scripted.ts';
import type { Received, Upstream } from './scripted.ts';

let upstream: Upstream;
let harness: Harness;
beforeAll(async () => {
  upstream = await startScripted();
  harness = await startHarness(`providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${upstream.origin}/v1", organization: org-1 }
  anthropic: { apiKey: "\${ANTHROPIC_KEY}", baseUrl: "${upstream.origin}" }
models:
  gpt-*: openai
  claude-*: anthropic
  alias: { targets: [{ provider: openai, model: gpt-4o-mini }] }
retry: { triesPerTarget: 1 }`);
});
afterAll(async () => {
  await harness.close();
  await upstream.close();
});

const chatUrl = (): string => `${harness.url}/v1/chat/completions`;
const last = (): Received => {
  const received = upstream.received.at(-1);
  if (received === undefined) throw new Error('nothing was received');
  return received;
};

/** Everything that a parser and a printer would change. */
const strange = String.raw`{ "zeta" : 1e2, "temperature":0.10,"top_p": 1.0 ,
  "big": 12345678901234567890, "messages":[{"role":"user","content":"caf\u00e9 \/ \ud83d\ude00 é 😀"}],
  "model"  :  "gpt-4o-mini", "unknown_field":{"b":1,"a":[ ]}, "alpha":-0 }`;

test('a request of the same dialect reaches the provider with every byte as it was', async () => {
  await post(chatUrl(), key, strange);
  expect(last().body).toBe(strange);
});

test('an alias changes the value of model and nothing else', async () => {
  await post(chatUrl(), key, strange.replace('"gpt-4o-mini"', '"alias"'));
  expect(last().body).toBe(strange);
});

test('a stream asks for its usage in the same bytes otherwise', async () => {
  upstream.answer((response) => {
    response.writeHead(200, sse);
    response.end(chunkOf({ content: 'a' }) + chunkOf({}, 'stop') + usageChunk + doneChunk);
  });
  await post(chatUrl(), key, strange.replace('{', '{"stream":true,'));
  expect(last().body).toBe(
    strange
      .replace('{', '{"stream":true,')
      .replace(/ \}$/, ' ,"stream_options":{"include_usage":true}}'),
  );
});

const reply = String.raw`{ "id":"chatcmpl-1","object":"chat.completion","created":1.76e9,"model":"gpt-4o-mini",
 "choices":[{"index":0,"message":{"role":"assistant","content":"caf\u00e9 \/ é"},"finish_reason":"stop","x":0.10}],
 "usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"new_tokens":1e0},"brand_new":{} }
`;

test('a whole reply reaches the client with every byte as it was, and its length', async () => {
  upstream.answer((response) => {
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
    for (const char of reply) response.write(char);
    response.end();
  });
  const { body, headers } = await post(chatUrl(), key, strange);
  expect(body.toString()).toBe(reply);
  expect(headers['content-type']).toBe('application/json; charset=utf-8');
  expect(headers['content-length']).toBe(String(Buffer.byteLength(reply)));
});

/** Comments, unknown events, ids, retry hints, carriage returns, and no blank between colon and value. */
const odd = [
  ': ping from a proxy\n\n',
  'event: brand_new\nid: 7\nretry: 1000\ndata:{"anything":1e2}\n\n',
  chunkOf({ role: 'assistant', content: '' }),
  chunkOf({ content: 'café 😀' }).replace('café', String.raw`caf\u00e9`),
  'data: {"id":"chatcmpl-1","choices":[],"brand_new":true}\r\n\r\n',
  chunkOf({}, 'stop'),
];

/** Cut in the middle of events and of characters. */
const answerInPieces = (text: string, pieceBytes: number): void =>
  upstream.answer(async (response) => {
    response.writeHead(200, sse);
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      await new Promise<void>((resolve) => {
        response.write(bytes.subarray(at, at + pieceBytes), () => resolve());
      });
      await new Promise(setImmediate);
    }
    response.end();
  });

test.each([7, 64, 100_000])(
  'a stream reaches who asked for its usage with every byte as it was, in pieces of %i',
  async (pieceBytes) => {
    const text = [...odd, usageChunk, doneChunk].join('');
    answerInPieces(text, pieceBytes);
    const streamed = {
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: 'x' }],
      stream: true,
    };
    const asked = { ...streamed, stream_options: { include_usage: true } };
    expect((await post(chatUrl(), key, asked)).body.toString()).toBe(text);
    // Who did not ask for it gets all but the one event that was not asked for.
    expect((await post(chatUrl(), key, streamed)).body.toString()).toBe(
      text.replace(usageChunk, ''),
    );
  },
);

test('an unknown event of Anthropic reaches the client too', async () => {
  const text = [
    'event: message_start\ndata: {"type":"message_start","message":{"id":"m","model":"claude-x","usage":{"input_tokens":1,"output_tokens":1}}}\n\n',
    'event: from_the_future\ndata: {"type":"from_the_future","x":1e2}\n\n',
    'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n',
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}\n\n',
    'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}\n\n',
    'event: message_stop\ndata: {"type":"message_stop"}\n\n',
  ].join('');
  answerInPieces(text, 50);
  const body = {
    model: 'claude-x',
    max_tokens: 5,
    stream: true,
    messages: [{ role: 'user', content: 'x' }],
  };
  expect((await post(`${harness.url}/v1/messages`, key, body)).body.toString()).toBe(text);
});

test("the provider gets the gateway's credential, and nothing that was the client's to keep", async () => {
  const clients = {
    cookie: 'session=of-the-client',
    'x-api-key': key,
    'openai-organization': 'org-of-the-client',
    'x-forwarded-for': '10.0.0.1',
    'x-tollgate-user': 'ada',
    'x-tollgate-tags': 'feature=search',
    baggage: 'user.id=ada',
    tracestate: 'vendor=secret',
    'proxy-authorization': 'Basic of-the-client',
    'x-custom': 'of-the-client',
    'anthropic-beta': 'some-beta',
    'user-agent': 'of-the-client',
  };
  upstream.answer((response) => void response.writeHead(200, json).end(wholeChat()));
  await post(chatUrl(), key, strange, clients);
  const { headers } = last();
  expect(headers.authorization).toBe(`Bearer ${openaiSecret}`);
  expect(Object.keys(headers).toSorted()).toEqual([
    'accept',
    'accept-encoding',
    'authorization',
    'connection',
    'content-length',
    'content-type',
    'host',
    'openai-organization',
    'traceparent',
  ]);
  expect(headers['openai-organization']).toBe('org-1');
  expect(JSON.stringify(headers)).not.toMatch(/of-the-client|\bada\b|\bsearch\b/);

  const message = { model: 'claude-x', max_tokens: 5, messages: [{ role: 'user', content: 'x' }] };
  await post(`${harness.url}/v1/messages`, key, message, clients);
  expect(last().headers).toMatchObject({
    'x-api-key': anthropicSecret,
    'anthropic-beta': 'some-beta',
    'anthropic-version': '2023-06-01',
  });
  expect(last().headers.authorization).toBeUndefined();
  expect(JSON.stringify(last().headers)).not.toMatch(/of-the-client|\bada\b|\bsearch\b|\btg-/);
});

test('a reply says who served it, what it cost and what the gateway itself took', async () => {
  upstream.answer((response) => {
    response.writeHead(200, { ...json, 'set-cookie': 'a=b', 'x-request-id': 'r', server: 'them' });
    response.end(wholeChat());
  });
  const whole = await post(chatUrl(), key, { ...JSON.parse(strange), model: 'alias' });
  expect(Object.keys(whole.headers).toSorted()).toEqual([
    'connection',
    'content-length',
    'content-type',
    'date',
    'request-id',
    'x-content-type-options',
    'x-request-id',
    'x-tollgate-attempts',
    'x-tollgate-cache',
    'x-tollgate-call-id',
    'x-tollgate-cost-usd',
    'x-tollgate-model',
    'x-tollgate-overhead-ms',
    'x-tollgate-provider',
    'x-tollgate-trace-id',
  ]);
  expect(whole.headers).toMatchObject({
    'x-tollgate-provider': 'openai',
    'x-tollgate-model': 'gpt-4o-mini',
    'x-tollgate-attempts': '1',
    'x-tollgate-cache': 'off',
  });
  expect(headerOf(whole, 'x-tollgate-overhead-ms')).toMatch(/^\d+\.\d\d$/);
  const settlement = await harness.settled(headerOf(whole, 'x-tollgate-call-id'));
  expect(headerOf(whole, 'x-tollgate-cost-usd')).toMatch(/^0\.\d+$/);
  expect(settlement.attempts[0]?.charge.total).toBe(
    BigInt(Math.round(Number(headerOf(whole, 'x-tollgate-cost-usd')) * 1e12)),
  );
});

test.each([1, 100_000])(
  'a stream promises no cost, however fast it came, and proxies are told not to hold it (pieces of %i)',
  async (pieceBytes) => {
    answerInPieces([...odd, doneChunk].join(''), pieceBytes);
    const body = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'x' }], stream: true };
    const { headers } = await post(chatUrl(), key, body);
    expect(headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
      'x-tollgate-attempts': '1',
    });
    expect(headers['x-tollgate-cost-usd']).toBeUndefined();
    expect(headers['content-length']).toBeUndefined();
  },
);

test('early hints before a reply are not the reply', async () => {
  upstream.answer((response) => {
    response.writeEarlyHints({ link: '</a>; rel=preload' });
    response.writeHead(200, json).end(wholeChat());
  });
  expect((await post(chatUrl(), key, strange)).status).toBe(200);
});

test('a provider that answers a stream with a whole reply is believed, in either dialect', async () => {
  upstream.answer((response) => void response.writeHead(200, json).end(wholeChat()));
  const openai = { model: 'gpt-x', messages: [{ role: 'user', content: 'x' }], stream: true };
  const same = await post(chatUrl(), key, openai);
  expect([same.headers['content-type'], same.body.toString()]).toEqual([
    'application/json',
    wholeChat(),
  ]);
  const other = await post(`${harness.url}/v1/messages`, key, { ...openai, max_tokens: 5 });
  expect(other.headers['content-type']).toBe('application/json');
  expect(JSON.parse(other.body.toString())).toMatchObject({ type: 'message', role: 'assistant' });
});

test.each([
  ['letters beyond ASCII', 'gpt-é😀', 'gpt-%C3%A9%F0%9F%98%80'],
  ['spaces at its ends', 'gpt-x ', 'gpt-x%20'],
])(
  'a model with %s is served, and its name put into the header safely',
  async (_, model, shown) => {
    upstream.answer((response) => void response.writeHead(200, json).end(wholeChat()));
    const body = { model, messages: [{ role: 'user', content: 'x' }] };
    const good = await post(chatUrl(), key, body);
    expect([good.status, headerOf(good, 'x-tollgate-model')]).toEqual([200, shown]);
    expect(last().body).toContain(model);
    upstream.answer((response) => void response.writeHead(500, json).end('{}'));
    const bad = await post(chatUrl(), key, body);
    expect([bad.status, headerOf(bad, 'x-tollgate-model')]).toEqual([500, shown]);
  },
);

test.each([
  ['a line break', String.raw`gpt-a\r\nx-injected: 1`],
  ['half a surrogate pair', String.raw`gpt-\ud800`],
  ['a zero byte', String.raw`gpt-\u0000`],
  ['more than 256 characters', `gpt-${'x'.repeat(300)}`],
])('a model with %s is refused, naming the field', async (_, model) => {
  const before = upstream.received.length;
  const text = `{"model":"${model}","messages":[{"role":"user","content":"x"}]}`;
  const { status, body, headers } = await post(chatUrl(), key, text);
  expect(status).toBe(400);
  expect(JSON.parse(body.toString())).toMatchObject({
    error: { code: 'invalid_value', param: 'model' },
  });
  expect(headers['x-injected']).toBeUndefined();
  expect(upstream.received.length).toBe(before);
});
