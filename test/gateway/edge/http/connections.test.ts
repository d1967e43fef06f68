/** Clients that leave, stall, pipeline or send nonsense: nothing upstream goes on for nobody, and nothing breaks. */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { eventually } from '../../../fakes/journal.ts';
import { chunkOf, doneChunk, json, sse, startScripted, usageChunk } from '../upstream/scripted.ts';
import { wholeChat, type Answering, type Upstream } from '../upstream/scripted.ts';
import { key, narrowKey, startHarness, type Harness } from './harness.ts';
import { headerOf, post, postText, rawConnection, send } from './http-client.ts';

let upstream: Upstream;
let harness: Harness;
const config = (): string => `providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${upstream.origin}/v1" }
models: { gpt-4o-mini: openai, gpt-*: openai, claude-secret: openai }
retry: { triesPerCall: 3, backoff: 5ms, backoffMax: 60s }
timeouts: { idle: 3s, firstByte: 20s, total: 60s }
limits: { body: 64KiB, callsInFlight: 50 }`;
beforeAll(async () => {
  upstream = await startScripted();
  harness = await startHarness(config());
});
afterAll(async () => {
  await harness.close();
  await upstream.close();
});
beforeEach(() => {
  upstream.answer((response) => void response.writeHead(200, json).end(wholeChat()));
});

const path = '/v1/chat/completions';
const chat = (more: object = {}): string =>
  JSON.stringify({
    model: 'gpt-4o-mini',
    messages: [{ role: 'user', content: 'one question' }],
    ...more,
  });
const text = (more: object = {}, headers: readonly string[] = []): string =>
  postText({ path, key, body: chat(more), headers });
const lastReceived = () => {
  const received = upstream.received.at(-1);
  if (received === undefined) throw new Error('nothing was received');
  return received;
};
/** Waits for one more settlement, and a little for a second that must not come. */
const nextSettlement = async (before: number) => {
  await harness.settledCount(before + 1);
  await sleep(50);
  expect(harness.settlements.length).toBe(before + 1);
  return harness.settlements[before];
};

test.each([true, false])(
  'a client that leaves before the first byte is let go of upstream and booked once (stream %s)',
  async (stream) => {
    upstream.answer(() => {});
    const [before, asked] = [harness.settlements.length, upstream.received.length];
    const connection = await rawConnection(harness.port);
    connection.write(text({ stream }));
    await eventually(() => upstream.received.length > asked, 'the provider is asked');
    connection.destroy();
    await eventually(() => lastReceived().gone, 'the provider is let go of');
    expect(await nextSettlement(before)).toMatchObject({
      outcome: 'abandoned',
      errorCode: 'client_closed',
      httpStatus: 499,
      streamOutcome: stream ? 'abandoned' : '',
      attempts: [{ error: 'caller', wasteReason: 'abandoned', usageSource: 'estimated' }],
    });
    expect(upstream.received.length).toBe(asked + 1);
  },
);

test('a client that leaves mid-stream is let go of upstream; what was said is counted', async () => {
  upstream.answer((response) => {
    response.writeHead(200, sse);
    response.write(chunkOf({ content: 'some words that were relayed' }));
  });
  const before = harness.settlements.length;
  const connection = await rawConnection(harness.port);
  connection.write(text({ stream: true }));
  await connection.receives('relayed');
  connection.destroy();
  await eventually(() => lastReceived().gone, 'the provider is let go of');
  const settlement = await nextSettlement(before);
  expect(settlement).toMatchObject({
    outcome: 'abandoned',
    streamOutcome: 'abandoned',
    attempts: [{ usageSource: 'estimated', wasteReason: 'abandoned', status: 200 }],
  });
  expect(settlement?.attempts[0]?.usage.tokens.output_text).toBeGreaterThan(2);
});

test.each([
  ['with a length', ['content-length: 1000', '', '{"mod']],
  ['in chunks', ['transfer-encoding: chunked', '', '6\r\n{"mod"\r\n']],
])('a client that leaves during its upload %s is an abandoned call of its own', async (_, rest) => {
  const [before, asked] = [harness.settlements.length, upstream.received.length];
  const connection = await rawConnection(harness.port);
  const head = [`POST ${path} HTTP/1.1`, 'host: localhost', `authorization: Bearer ${key}`];
  connection.write([...head, ...rest].join('\r\n'));
  await sleep(100);
  connection.destroy();
  expect(await nextSettlement(before)).toMatchObject({
    outcome: 'abandoned',
    errorCode: 'client_closed',
    httpStatus: 499,
    attempts: [],
    call: { caller: { keyId: 'wide' } },
  });
  expect(upstream.received.length).toBe(asked);
});

test('a client that leaves during the pause between two tries is not tried for again', async () => {
  upstream.answer((response) => {
    response.writeHead(429, { ...json, 'retry-after': '50' }).end('{}');
  });
  const [before, asked] = [harness.settlements.length, upstream.received.length];
  const connection = await rawConnection(harness.port);
  connection.write(text());
  await eventually(() => upstream.received.length > asked, 'the provider is asked');
  await sleep(100);
  connection.destroy();
  expect(await nextSettlement(before)).toMatchObject({ outcome: 'abandoned' });
  expect(upstream.received.length).toBe(asked + 1);
});

test('limits.callsInFlight counts calls whose bodies are still on their way', async () => {
  const uploads = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const connection = await rawConnection(harness.port);
      connection.write(postText({ path, key, body: '{"mod', length: 100 }));
      return connection;
    }),
  );
  let refused = await post(harness.url + path, key, chat());
  // Until the last upload has been seen, there is room for one more call.
  while (refused.status === 200) refused = await post(harness.url + path, key, chat());
  expect([refused.status, JSON.parse(refused.body.toString())]).toMatchObject([
    503,
    { error: { code: 'too_many_calls' } },
  ]);
  const before = harness.settlements.length;
  for (const { destroy } of uploads) destroy();
  await harness.settledCount(before + 50);
  expect((await post(harness.url + path, key, chat())).status).toBe(200);
});

test('a reader that stops for longer than the idle time misses nothing, and is not taken for a stalled provider', async () => {
  const words = Array.from({ length: 3000 }, (_, i) =>
    chunkOf({ content: `${i} ${'x'.repeat(2000)}` }),
  );
  const whole = [...words, chunkOf({}, 'stop'), usageChunk, doneChunk].join('');
  upstream.answer((response) => void response.writeHead(200, sse).end(whole));
  const before = harness.settlements.length;
  const got = await new Promise<string>((resolve, reject) => {
    const request = http.request(
      harness.url + path,
      { method: 'POST', headers: { authorization: `Bearer ${key}` }, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        response.once('data', () => {
          response.pause();
          setTimeout(() => response.resume(), 5000);
        });
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve(Buffer.concat(chunks).toString()));
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(chat({ stream: true, stream_options: { include_usage: true } }));
  });
  expect(got.length).toBe(whole.length);
  expect(got === whole).toBe(true);
  expect(await nextSettlement(before)).toMatchObject({
    outcome: 'answered',
    streamOutcome: 'complete',
  });
});

test.each([
  ['of a stream', true, false],
  ['of a stream whose provider is done', true, true],
  ['of a whole reply', false, true],
])(
  'a client that reads nothing %s is let go of, and it is its own doing',
  async (_, stream, done) => {
    const impatient = await startHarness(
      config().replace('callsInFlight: 50', 'callsInFlight: 50, slowReader: 500ms'),
    );
    // More than the buffers of two sockets hold.
    const large = 'x'.repeat(20_000_000);
    const words = Array.from({ length: 20 }, (_word, i) =>
      chunkOf({ content: large.slice(0, 1_000_000 + i) }),
    );
    upstream.answer((response) => {
      if (!stream) response.writeHead(200, json).end(wholeChat(large));
      else {
        response.writeHead(200, sse);
        response.write(words.join(''));
        if (done) response.end(chunkOf({}, 'stop') + doneChunk);
      }
    });
    const connection = await rawConnection(impatient.port);
    connection.socket.pause();
    connection.write(postText({ path, key, body: chat({ stream }) }));
    await impatient.settledCount(1);
    expect(impatient.settlements).toMatchObject([
      {
        outcome: 'abandoned',
        errorCode: 'client_closed',
        errorOrigin: 'client',
        streamOutcome: stream ? 'abandoned' : '',
        attempts: [{ error: 'caller', errorMessage: 'The client stopped reading its reply.' }],
      },
    ]);
    await eventually(() => lastReceived().gone || done, 'the provider is let go of');
    connection.destroy();
    await impatient.close();
  },
);

test("the provider's clocks stand still while the client takes nothing", async () => {
  const words = Array.from({ length: 8 }, () => chunkOf({ content: 'x'.repeat(1_000_000) }));
  const whole = [...words, chunkOf({}, 'stop'), doneChunk].join('');
  upstream.answer((response) => void response.writeHead(200, sse).end(whole));
  const hurried = await startHarness(
    config().replace('firstByte: 20s, total: 60s', 'firstByte: 4s, total: 4s'),
  );
  const connection = net.connect(hurried.port, '127.0.0.1');
  connection.write(text({ stream: true }, ['connection: close']));
  let lengthBytes = 0;
  connection.once('data', () => {
    connection.pause();
    setTimeout(() => connection.resume(), 5_000);
  });
  connection.on('data', (chunk: Buffer) => {
    lengthBytes += chunk.length;
  });
  await once(connection, 'close');
  expect(lengthBytes).toBeGreaterThan(whole.length);
  await hurried.settledCount(1);
  expect(hurried.settlements).toMatchObject([{ outcome: 'answered', streamOutcome: 'complete' }]);
  await hurried.close();
});

test('pipelined requests are answered in their order, each as its own call', async () => {
  upstream.answer(async (response, { body }) => {
    // The first one takes longest.
    await sleep(body.includes('"n1"') ? 150 : 5);
    response.writeHead(200, json).end(wholeChat(`answer to ${/"n\d"/.exec(body)?.[0]}`));
  });
  const before = harness.settlements.length;
  const connection = await rawConnection(harness.port);
  const wrong = postText({ path, key: 'tg-wrong', body: chat() });
  connection.write(text({ user: 'n1' }) + wrong + text({ user: 'n2' }) + text({ user: 'n3' }));
  await connection.receives('answer to \\"n3\\"');
  const order = [...connection.received().matchAll(/HTTP\/1\.1 (\d+)|answer to \\"(n\d)\\"/g)];
  expect(order.map(([, status, name]) => status ?? name)).toEqual([
    '200',
    'n1',
    '401',
    '200',
    'n2',
    '200',
    'n3',
  ]);
  await harness.settledCount(before + 4);
  connection.destroy();
});

test('a client that leaves with pipelined streams open ends all of them', async () => {
  upstream.answer((response) => {
    response.writeHead(200, sse);
    response.write(chunkOf({ content: 'first' }));
  });
  const [before, asked] = [harness.settlements.length, upstream.received.length];
  const connection = await rawConnection(harness.port);
  connection.write(text({ stream: true }) + text({ stream: true }) + text());
  await eventually(() => upstream.received.length >= asked + 3, 'all three are asked');
  connection.destroy();
  await harness.settledCount(before + 3);
  expect(harness.settlements.slice(before).map(({ outcome }) => outcome)).toEqual([
    'abandoned',
    'abandoned',
    'abandoned',
  ]);
  await eventually(() => upstream.received.slice(asked).every(({ gone }) => gone), 'all let go of');
});

test('a connection serves on after each kind of refusal', async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const url = harness.url + path;
  const authorization = `Bearer ${key}`;
  const requests = [
    { body: chat(), headers: { authorization: 'Bearer tg-wrong' } },
    { body: chat(), headers: { authorization, 'content-encoding': 'gzip' } },
    { body: '{', headers: { authorization } },
    { body: chat({ temperature: 'hot' }), headers: { authorization } },
    { body: chat({ model: 'none' }), headers: { authorization } },
    { body: chat(), headers: { authorization, 'x-tollgate-tags': 'nothing' } },
    { body: chat(), headers: { authorization } },
  ];
  const statuses: number[] = [];
  const sockets = new Set<unknown>();
  let kept = 0;
  agent.on('free', (socket) => {
    sockets.add(socket);
    kept += 1;
  });
  for (const request of requests) statuses.push((await send(url, { ...request, agent })).status);
  expect(statuses).toEqual([401, 415, 400, 400, 404, 400, 200]);
  expect([sockets.size, kept]).toEqual([1, requests.length]);
  agent.destroy();
});

test('an unknown key is refused while a large body is still coming, and the connection closed', async () => {
  const connection = await rawConnection(harness.port);
  connection.write(postText({ path, key: 'tg-wrong', body: '{"a', length: 50_000_000 }));
  await connection.receives('"code":"invalid_api_key"');
  await connection.closed;
  expect(connection.received()).toMatch(/connection: close/i);
});

test.each([
  ['a length that says so', 'content-length: 70000', 'x'],
  ['chunks that add up', 'transfer-encoding: chunked', `11170\r\n${'x'.repeat(70_000)}\r\n`],
])(
  'a body that is too large by %s: 413 with limit and field, and the connection closed',
  async (_, how, body) => {
    const connection = await rawConnection(harness.port);
    connection.write(
      [
        `POST ${path} HTTP/1.1`,
        'host: localhost',
        `authorization: Bearer ${key}`,
        how,
        '',
        body,
      ].join('\r\n'),
    );
    await connection.receives('"code":"body_too_large"');
    await connection.closed;
    expect(connection.received()).toMatch(/^HTTP\/1\.1 413 /);
    expect(connection.received()).toContain('larger than 65536 bytes (limits.body)');
  },
);

test.each(['gzip', 'br', 'deflate, gzip', 'x'])(
  'content-encoding %s is refused: 415',
  async (encoding) => {
    const { status, body } = await post(harness.url + path, key, chat(), {
      'content-encoding': encoding,
    });
    expect([status, body.toString()]).toEqual([415, expect.stringContaining('unsupported_media')]);
  },
);

test('content-encoding identity, no content type, and a byte order of headers of any case are taken', async () => {
  const headers = { Authorization: `bearer ${key}`, 'Content-Encoding': 'identity' };
  expect((await send(harness.url + path, { headers, body: chat() })).status).toBe(200);
  expect(
    (await send(harness.url + path, { headers: { 'X-API-Key': key }, body: chat() })).status,
  ).toBe(200);
});

test('bytes that are no HTTP get an answer in our shape, and nobody else notices', async () => {
  for (const nonsense of [
    'HELLO\r\n\r\n',
    '\u0016\u0003\u0001\u0002\u0000\u0001',
    `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n`,
    `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n`,
    `GET / HTTP/1.1\r\nhost: localhost\r\nx: a\u0001b\r\nbad header\r\n\r\n`,
  ]) {
    const connection = await rawConnection(harness.port);
    connection.write(nonsense);
    await connection.closed;
    expect(connection.received()).toMatch(
      /^HTTP\/1\.1 400 Bad Request\r\n[^]*"code":"invalid_value"/,
    );
  }
  const connection = await rawConnection(harness.port);
  connection.write(
    `GET /health/live HTTP/1.1\r\nhost: localhost\r\nx-big: ${'a'.repeat(20_000)}\r\n\r\n`,
  );
  await connection.closed;
  expect(connection.received()).toMatch(/^HTTP\/1\.1 431 [^]*"code":"invalid_value"/);
  expect((await post(harness.url + path, key, chat())).status).toBe(200);
});

test('nonsense behind a stream does not land in the stream', async () => {
  upstream.answer((response) => {
    response.writeHead(200, sse);
    response.write(chunkOf({ content: 'first' }));
  });
  const connection = await rawConnection(harness.port);
  connection.write(text({ stream: true }));
  await connection.receives('first');
  connection.write('NONSENSE\r\n\r\n');
  await connection.closed;
  expect(connection.received().match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200']);
  await eventually(() => lastReceived().gone, 'the provider is let go of');
});

test('header values of any bytes crash nothing and are answered', async () => {
  const bytes = fc.uint8Array({ minLength: 0, maxLength: 400 }).map((value) =>
    Buffer.from(value)
      .toString('latin1')
      .replaceAll(/[\r\n]/g, ' '),
  );
  const names = [
    'traceparent',
    'tracestate',
    'baggage',
    'authorization',
    'x-api-key',
    'openai-beta',
  ];
  const ours = ['agent', 'session', 'user', 'tags'].map((name) => `x-tollgate-${name}`);
  const name = fc.constantFrom(...names, ...ours, 'content-type', 'accept', 'expect');
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(name, bytes), { maxLength: 4 }), async (pairs) => {
      const connection = await rawConnection(harness.port);
      const headers = [...pairs.map(([key, value]) => `${key}: ${value}`), 'connection: close'];
      connection.write(Buffer.from(text({}, headers), 'latin1'));
      await connection.closed;
      expect(connection.received()).toMatch(/^HTTP\/1\.1 (200|400|401|415|417|431) /);
      expect(connection.received()).not.toContain('internal_error');
    }),
    { numRuns: 150 },
  );
  expect(harness.settlements.some(({ outcome }) => outcome === 'crashed')).toBe(false);
});

test('models are listed by key, in the shape of who asks', async () => {
  const list = async (headers: Record<string, string>, name = '') => {
    const reply = await send(`${harness.url}/v1/models${name}`, { method: 'GET', headers });
    const body: { data?: { id: string }[]; id?: string } = JSON.parse(reply.body.toString());
    return { reply, ids: body.data?.map(({ id }) => id) ?? body.id };
  };
  const wide = await list({ authorization: `Bearer ${key}` });
  expect(wide.ids).toEqual(['claude-secret', 'gpt-*', 'gpt-4o-mini']);
  const narrow = await list({ 'x-api-key': narrowKey, 'anthropic-version': '2023-06-01' });
  expect(narrow.ids).toEqual(['gpt-4o-mini']);
  expect(JSON.parse(narrow.reply.body.toString())).toMatchObject({
    data: [{ type: 'model', id: 'gpt-4o-mini' }],
    has_more: false,
  });
  expect((await list({ 'x-api-key': narrowKey }, '/gpt-4o-mini')).ids).toBe('gpt-4o-mini');
  const hidden = await list({ 'x-api-key': narrowKey }, '/claude-secret');
  expect([hidden.reply.status, headerOf(hidden.reply, 'x-tollgate-error-origin')]).toEqual([
    404,
    'client',
  ]);
  const stranger = await list({ authorization: 'Bearer tg-wrong' });
  expect([stranger.reply.status, headerOf(stranger.reply, 'x-tollgate-call-id').length]).toEqual([
    401, 36,
  ]);
});

test('closing waits neither for connections opened in advance nor for half a request', async () => {
  const other = await startHarness(config());
  const fresh = await rawConnection(other.port);
  const half = await rawConnection(other.port);
  half.write('POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n');
  await sleep(50);
  await other.server.drain(1000);
  await other.close();
  await Promise.all([fresh.closed, half.closed]);
});

test.each([
  ['waits for its provider', () => {}],
  [
    'pauses before another try',
    (response) => void response.writeHead(429, { ...json, 'retry-after': '50' }).end('{}'),
  ],
] as const satisfies readonly (readonly [string, Answering])[])(
  'a whole reply that %s when the drain is over is refused by the gateway, and may be asked for elsewhere',
  async (_, answer) => {
    upstream.answer(answer);
    const asked = upstream.received.length;
    const other = await startHarness(config());
    const reply = post(other.url + path, key, chat());
    await eventually(() => upstream.received.length > asked, 'the provider is asked');
    await other.server.drain(50);
    await other.close();
    const { status, headers, body } = await reply;
    expect([status, JSON.parse(body.toString())]).toMatchObject([
      503,
      { error: { code: 'gateway_stopped' } },
    ]);
    expect(headers['x-should-retry']).toBeUndefined();
    expect(other.settlements).toMatchObject([
      { outcome: 'broken', errorCode: 'gateway_stopped', errorOrigin: 'gateway' },
    ]);
    expect(other.settlements[0]?.attempts.at(-1)).toMatchObject({ error: 'gateway' });
    // What had not been sent is not sent any more.
    expect(upstream.received.length).toBe(asked + 1);
  },
);

test('a stream that outlives the drain ends with an error event, and is booked as ended by the gateway', async () => {
  upstream.answer((response) => {
    response.writeHead(200, sse);
    response.write(chunkOf({ content: 'first' }));
  });
  const other = await startHarness(config());
  const connection = await rawConnection(other.port);
  connection.write(text({ stream: true }));
  await connection.receives('first');
  await other.server.drain(50);
  expect(other.settlements.length).toBe(0);
  await other.close();
  await connection.closed;
  expect(connection.received()).toMatch(
    /"content":"first".*data: \{"error":.*"code":"gateway_stopped"/s,
  );
  expect(other.settlements).toMatchObject([
    {
      outcome: 'broken',
      errorCode: 'gateway_stopped',
      errorOrigin: 'gateway',
      streamOutcome: 'cut',
      attempts: [{ error: 'gateway', wasteReason: 'stream_cut', usageSource: 'estimated' }],
    },
  ]);
  await eventually(() => lastReceived().gone, 'the provider is let go of');
});
