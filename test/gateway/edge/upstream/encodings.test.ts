/** Replies that come otherwise than asked for: compressed, under another content type, behind a 1xx, in HTTP/1.0. */
import * as zlib from 'node:zlib';
import { expect, test } from 'vitest';
import { closeAfterEach } from '../http/closing.ts';
import { key, startHarness, type Harness } from '../http/harness.ts';
import { headerOf, post, type Reply } from '../http/http-client.ts';
import { chunkedHead, httpChunk, lastChunk, startRaw, type RawAnswer } from './raw-upstream.ts';
import { chunkOf, doneChunk, startScripted, usageChunk, wholeChat } from './scripted.ts';

const closing = closeAfterEach();
const started = async (origin: string, more = ''): Promise<Harness> => {
  const harness = await startHarness(`providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${origin}/v1" }
  anthropic: { apiKey: "\${ANTHROPIC_KEY}", baseUrl: "${origin}" }
models: { gpt-*: openai, claude-*: anthropic }
retry: { triesPerTarget: 1 }
${more}`);
  closing.push(() => harness.close());
  return harness;
};
const startedRaw = async (answer: RawAnswer): Promise<Harness> => {
  const upstream = await startRaw(answer);
  closing.push(() => upstream.close());
  return started(upstream.origin);
};
const ask = (harness: Harness, stream: boolean, path = '/v1/chat/completions'): Promise<Reply> =>
  post(harness.url + path, key, {
    model: 'gpt-x',
    max_tokens: 9,
    stream,
    ...(stream && path !== '/v1/messages' ? { stream_options: { include_usage: true } } : {}),
    messages: [{ role: 'user', content: 'a question' }],
  });

const wholeStream = chunkOf({ content: 'so' }) + chunkOf({}, 'stop') + usageChunk + doneChunk;

const encodings = {
  gzip: ['gzip', zlib.gzipSync],
  'gzip in capitals': ['GZIP', zlib.gzipSync],
  'x-gzip': ['x-gzip', zlib.gzipSync],
  br: ['br', zlib.brotliCompressSync],
  zstd: ['zstd', zlib.zstdCompressSync],
  deflate: ['deflate', zlib.deflateSync],
  'deflate without its header': ['deflate', zlib.deflateRawSync],
  identity: ['identity', (text: string) => Buffer.from(text)],
} as const;

test.each(Object.entries(encodings))(
  'a provider that sends %s unasked is read: whole replies, streams, errors',
  async (_, [name, compress]) => {
    const upstream = await startScripted((response, { body }) => {
      const { stream, max_tokens: tokens }: { stream: boolean; max_tokens: number } =
        JSON.parse(body);
      const encoded = { 'content-encoding': name };
      if (tokens === 1) {
        response.writeHead(400, { ...encoded, 'content-type': 'application/json' });
        response.end(compress('{"error":{"message":"Grüße 😀"}}'));
      } else if (stream) {
        response.writeHead(200, { ...encoded, 'content-type': 'text/event-stream' });
        const bytes = compress(wholeStream);
        for (const byte of bytes.subarray(0, 20)) response.write(Buffer.of(byte));
        response.end(bytes.subarray(20));
      } else {
        response.writeHead(200, { ...encoded, 'content-type': 'application/json' });
        response.end(compress(wholeChat('Grüße 😀')));
      }
    });
    closing.push(() => upstream.close());
    const harness = await started(upstream.origin);
    const whole = await ask(harness, false);
    expect([whole.status, whole.body.toString()]).toEqual([200, wholeChat('Grüße 😀')]);
    expect(whole.headers['content-encoding']).toBeUndefined();
    const stream = await ask(harness, true);
    expect([stream.status, stream.body.toString()]).toEqual([200, wholeStream]);
    const error = await post(`${harness.url}/v1/chat/completions`, key, {
      model: 'gpt-x',
      max_tokens: 1,
      messages: [{ role: 'user', content: 'a question' }],
    });
    expect([error.status, error.body.toString()]).toEqual([
      400,
      expect.stringContaining('Grüße 😀'),
    ]);
    expect(upstream.received[0]?.headers['accept-encoding']).toBe('identity');
  },
);

test('events of a compressed stream reach the client as they come', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const upstream = await startScripted(async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' });
    const gzip = zlib.createGzip({ flush: zlib.constants.Z_SYNC_FLUSH });
    gzip.pipe(response);
    gzip.write(chunkOf({ content: 'first' }));
    await promise;
    gzip.end(chunkOf({}, 'stop') + doneChunk);
  });
  closing.push(() => upstream.close());
  const harness = await started(upstream.origin);
  const reply = await fetch(`${harness.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({
      model: 'gpt-x',
      stream: true,
      messages: [{ role: 'user', content: 'x' }],
    }),
  });
  const reader = reply.body?.pipeThrough(new TextDecoderStream()).getReader();
  expect((await reader?.read())?.value).toContain('first');
  resolve();
  expect((await reader?.read())?.value).toContain('[DONE]');
});

test.each([false, true])(
  'a few bytes that say many are given up at limits.reply (stream %s)',
  async (stream) => {
    const bomb = zlib.gzipSync(Buffer.alloc(50_000_000, stream ? ': \n\n' : ' '));
    const upstream = await startScripted((response) => {
      response.writeHead(200, {
        'content-type': stream ? 'text/event-stream' : 'application/json',
        'content-encoding': 'gzip',
      });
      response.end(bomb);
    });
    closing.push(() => upstream.close());
    const harness = await started(upstream.origin, 'limits: { reply: 1MiB, event: 2MiB }');
    const reply = await ask(harness, stream);
    expect(reply.status).toBe(502);
    expect(reply.body.toString()).toContain('limits.reply');
  },
);

test.each([
  ['an unknown encoding', { 'content-encoding': 'snappy' }, wholeChat()],
  ['two encodings', { 'content-encoding': 'gzip, br' }, wholeChat()],
  ['bytes that are not what they say', { 'content-encoding': 'gzip' }, wholeChat()],
  [
    'half of what they say',
    { 'content-encoding': 'br' },
    zlib.brotliCompressSync(wholeChat()).subarray(0, 40),
  ],
])('%s: provider_invalid, and the next call is served', async (_, headers, body) => {
  const upstream = await startScripted((response, _received, nth) => {
    const type = { 'content-type': 'application/json' };
    if (nth === 1) response.writeHead(200, { ...type, ...headers }).end(body);
    else response.writeHead(200, type).end(wholeChat());
  });
  closing.push(() => upstream.close());
  const harness = await started(upstream.origin);
  const reply = await ask(harness, false);
  expect(await harness.settled(headerOf(reply, 'x-tollgate-call-id'))).toMatchObject({
    httpStatus: 502,
    errorCode: 'provider_invalid',
  });
  expect((await ask(harness, false)).status).toBe(200);
});

test.each([
  'text/event-stream',
  'Text/Event-Stream',
  'text/event-stream;charset=UTF-8',
  'text/plain',
  'application/json',
  'application/octet-stream',
  '',
])('a stream under the content type "%s" is a stream, in both dialects', async (type) => {
  const comment = ': hello\n\n';
  const harness = await startedRaw((socket) => {
    const head = `HTTP/1.1 200 OK\r\n${type === '' ? '' : `content-type: ${type}\r\n`}`;
    socket.write(`${head}transfer-encoding: chunked\r\n\r\n`);
    for (const char of comment) socket.write(httpChunk(char));
    socket.write(httpChunk(wholeStream) + lastChunk);
  });
  const same = await ask(harness, true);
  expect([same.status, same.body.toString()]).toEqual([200, comment + wholeStream]);
  expect(headerOf(same, 'content-type')).toMatch(/^text\/event-stream/i);
  const other = await ask(harness, true, '/v1/messages');
  expect(other.body.toString()).toContain('event: message_stop');
  expect(headerOf(other, 'content-type')).toBe('text/event-stream; charset=utf-8');
});

test.each([
  'application/json',
  'Application/JSON; charset=utf-8',
  'text/plain',
  'text/event-stream',
  '',
])(
  'a whole reply under the content type "%s" is a whole reply, asked for as such or as a stream',
  async (type) => {
    const harness = await startedRaw((socket) => {
      const head = `HTTP/1.1 200 OK\r\n${type === '' ? '' : `content-type: ${type}\r\n`}`;
      const body = `\n\n ${wholeChat()}`;
      socket.write(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    });
    expect((await ask(harness, false)).body.toString()).toBe(`\n\n ${wholeChat()}`);
    if (type === 'text/event-stream') return;
    const streamed = await ask(harness, true);
    expect([streamed.status, streamed.body.toString()]).toEqual([200, `\n\n ${wholeChat()}`]);
    expect(headerOf(streamed, 'content-type')).not.toContain('event-stream');
  },
);

const continues = 'HTTP/1.1 100 Continue\r\n\r\n';
test.each([
  ['100 Continue', [continues]],
  ['100 Continue with headers', ['HTTP/1.1 100 Continue\r\nx: 1\r\ny: 100\r\n\r\n']],
  [
    '100 Continue twice, and 103',
    [continues, continues, 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n'],
  ],
  ['102 Processing', ['HTTP/1.1 102 Processing\r\n\r\n']],
  ['100 Continue byte by byte', Array.from(continues)],
])('%s unasked is passed over, on a new connection and on a kept one', async (_, parts) => {
  const upstream = await startRaw(async (socket) => {
    for (const part of parts) {
      socket.write(part);
      await new Promise(setImmediate);
    }
    // What looks like one inside the reply is the reply's.
    const body = wholeChat('HTTP/1.1 100 Continue\r\n\r\n');
    socket.write(chunkedHead('application/json') + httpChunk(body) + lastChunk);
  });
  closing.push(() => upstream.close());
  const harness = await started(upstream.origin);
  for (let i = 0; i < 3; i += 1) {
    const reply = await ask(harness, false);
    expect(reply.status).toBe(200);
    expect(reply.body.toString()).toBe(wholeChat('HTTP/1.1 100 Continue\r\n\r\n'));
  }
  expect(upstream.connections.length).toBe(1);
});

test.each([false, true])(
  'HTTP/1.0 whose body ends with the connection (stream %s)',
  async (stream) => {
    const body = stream ? wholeStream : wholeChat();
    const harness = await startedRaw((socket) => {
      const type = stream ? 'text/event-stream' : 'application/json';
      socket.end(`HTTP/1.0 200 OK\r\ncontent-type: ${type}\r\n\r\n${body}`);
    });
    for (let i = 0; i < 2; i += 1) {
      const reply = await ask(harness, stream);
      expect([reply.status, reply.body.toString()]).toEqual([200, body]);
    }
  },
);
