/** Clocks, retries and fallback: what an attempt does when its provider does not answer as it should. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Settlement } from '../../../../gateway/src/model/settlement.ts';
import { eventually } from '../../../fakes/journal.ts';
import { closeAfterEach } from '../http/closing.ts';
import { key, startHarness, type Harness } from '../http/harness.ts';
import { headerOf, post, type Reply } from '../http/http-client.ts';
import { chunkOf, doneChunk, json, sse, startScripted, usageChunk, wholeChat } from './scripted.ts';
import type { Answering, Upstream } from './scripted.ts';

const closing = closeAfterEach();

const scripted = async (how?: Answering): Promise<Upstream> => {
  const upstream = await startScripted(how);
  closing.push(() => upstream.close());
  return upstream;
};
const started = async (config: string): Promise<Harness> => {
  const harness = await startHarness(config);
  closing.push(() => harness.close());
  return harness;
};

const openaiAt = (name: string, origin: string): string =>
  `  ${name}: { use: openai, apiKey: "\${OPENAI_KEY}", baseUrl: "${origin}/v1" }\n`;
/** One provider, patient in everything but what a test says. */
const onlyOne = (origin: string, more = ''): Promise<Harness> =>
  started(`providers:\n${openaiAt('first', origin)}models: { gpt-*: first }
retry: { backoff: 5ms, backoffMax: 2s }\n${more}`);
/** Two providers behind `gpt-x`, in their order. */
const two = (first: string, second: string, more = ''): Promise<Harness> =>
  started(`providers:\n${openaiAt('first', first)}${openaiAt('second', second)}
models: { gpt-*: { targets: [first, second] } }
retry: { triesPerTarget: 1, backoff: 5ms, backoffMax: 2s }\n${more}`);

const messages = [{ role: 'user', content: 'a question of some length' }];
const ask = (harness: Harness, more: object = {}): Promise<Reply> =>
  post(`${harness.url}/v1/chat/completions`, key, { model: 'gpt-x', messages, ...more });
const booked = (harness: Harness, reply: Reply): Promise<Settlement> =>
  harness.settled(headerOf(reply, 'x-tollgate-call-id'));
const codeOf = (reply: Reply): string => headerOf(reply, 'x-tollgate-error-code');
const kinds = ({ attempts }: Settlement): readonly string[] => attempts.map(({ error }) => error);

const good: Answering = (response) => void response.writeHead(200, json).end(wholeChat());
const goodStream: Answering = (response) => {
  response.writeHead(200, sse);
  response.end(chunkOf({ content: 'whole' }) + chunkOf({}, 'stop') + usageChunk + doneChunk);
};
const silent: Answering = () => {};
/** Answers with these, one request each; the last one from then on. */
const inTurn =
  (...answers: readonly [Answering, ...Answering[]]): Answering =>
  (response, received, nth) => {
    const answer = answers[Math.min(nth, answers.length) - 1] ?? answers[0];
    return answer(response, received, nth);
  };
const status =
  (code: number, headers: object = {}): Answering =>
  (response) =>
    void response.writeHead(code, { ...json, ...headers }).end('{"error":{"message":"no"}}');

/** A process that listens and never accepts: once its queue is full, Linux answers no further SYN. */
const deafListener = `const server = require('node:net').createServer();
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  require('node:fs').writeSync(1, String(server.address().port));
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
});`;

test('a provider that accepts no connection in time: provider_timeout, and nobody bills it', async () => {
  const child = spawn(process.execPath, ['-e', deafListener], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const fillers: net.Socket[] = [];
  try {
    const [said]: unknown[] = await once(child.stdout, 'data');
    const port = Number(String(said));
    let connected = 0;
    for (let i = 0; i < 8; i += 1) {
      const filler = net.connect(port, '127.0.0.1', () => (connected += 1));
      fillers.push(filler.on('error', () => {}));
    }
    // One more than the backlog: then the queue is full.
    await eventually(() => connected >= 2, 'the queue is full');
    const harness = await onlyOne(
      `http://127.0.0.1:${port}`,
      'timeouts: { connect: 300ms, firstByte: 20s }',
    );
    const reply = await ask(harness);
    expect([reply.status, codeOf(reply)]).toEqual([504, 'provider_timeout']);
    expect((await booked(harness, reply)).attempts[0]).toMatchObject({
      status: 0,
      error: 'timeout',
      usageSource: 'none',
    });
  } finally {
    child.kill('SIGKILL');
    for (const filler of fillers) filler.destroy();
  }
});

test.each([
  ['a stream that stays silent', true, 'timeouts: { firstByte: 3s }'],
  ['a whole reply that does not come', false, 'timeouts: { firstByte: 20ms, total: 3s }'],
])('%s is not asked for again: it may be billed', async (_, stream, timeouts) => {
  const upstream = await scripted(silent);
  const harness = await onlyOne(upstream.origin, timeouts);
  const reply = await ask(harness, { stream });
  expect([reply.status, codeOf(reply)]).toEqual([504, 'provider_timeout']);
  const settlement = await booked(harness, reply);
  expect(settlement.attempts).toMatchObject([{ error: 'timeout', usageSource: 'estimated' }]);
  await eventually(() => upstream.received.every(({ gone }) => gone), 'it is let go of');
  expect(upstream.received.length).toBe(1);
});

test('retry.billed: what may be billed is asked for again', async () => {
  const upstream = await scripted(silent);
  const harness = await started(`providers:
${openaiAt('first', upstream.origin)}models: { gpt-*: first }
retry: { backoff: 5ms, billed: true }
timeouts: { firstByte: 200ms }`);
  const reply = await ask(harness, { stream: true });
  expect(kinds(await booked(harness, reply))).toEqual(['timeout', 'timeout']);
});

test('a whole reply that has begun to arrive has until the total, not only until the first byte', async () => {
  const upstream = await scripted(async (response) => {
    response.writeHead(200, json);
    const text = wholeChat();
    response.write(text.slice(0, 10));
    await sleep(3500);
    response.end(text.slice(10));
  });
  const harness = await onlyOne(upstream.origin, 'timeouts: { firstByte: 3s, total: 30s }');
  expect((await ask(harness)).body.toString()).toBe(wholeChat());
});

test('a stream that has begun may last longer than the wait for its first byte', async () => {
  const upstream = await scripted(async (response) => {
    response.writeHead(200, sse);
    response.write(chunkOf({ content: 'first ' }));
    await sleep(3500);
    response.end(chunkOf({}, 'stop') + usageChunk + doneChunk);
  });
  const harness = await onlyOne(upstream.origin, 'timeouts: { firstByte: 3s, total: 30s }');
  expect(await booked(harness, await ask(harness, { stream: true }))).toMatchObject({
    outcome: 'answered',
    streamOutcome: 'complete',
  });
});

test('attempts that are over leave no clock running', async () => {
  const upstream = await scripted(good);
  const harness = await onlyOne(upstream.origin);
  const clocks = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  await ask(harness);
  const before = clocks();
  for (let i = 0; i < 20; i += 1) await ask(harness);
  expect(clocks() - before).toBeLessThan(10);
});

test('a whole reply that never ends is over at the total', async () => {
  const upstream = await scripted((response) => {
    response.writeHead(200, json);
    const timer = setInterval(() => response.write(' '), 30);
    response.on('close', () => clearInterval(timer));
  });
  const harness = await onlyOne(upstream.origin, 'timeouts: { firstByte: 20ms, total: 400ms }');
  const reply = await ask(harness);
  expect([reply.status, codeOf(reply)]).toEqual([504, 'provider_timeout']);
  expect(reply.body.toString()).toContain('400 ms');
});

test('a stream that never ends is over at the total, told as stalled', async () => {
  const upstream = await scripted((response) => {
    response.writeHead(200, sse);
    const timer = setInterval(() => response.write(chunkOf({ content: 'more ' })), 30);
    response.on('close', () => clearInterval(timer));
  });
  const harness = await onlyOne(upstream.origin, 'timeouts: { firstByte: 3s, total: 4s }');
  const reply = await ask(harness, { stream: true });
  expect([reply.status, reply.whole]).toEqual([200, true]);
  expect(reply.body.toString()).toMatch(/within 4000 ms.*"code":"stream_stalled"/);
  expect(await booked(harness, reply)).toMatchObject({
    outcome: 'broken',
    streamOutcome: 'stalled',
  });
});

test('idle: a gap that is too long ends a stream, shorter ones do not', async () => {
  const upstream = await scripted(async (response) => {
    response.writeHead(200, sse);
    for (let i = 0; i < 4; i += 1) {
      response.write(chunkOf({ content: `w${i} ` }));
      await sleep(900);
    }
    // and then nothing more
  });
  const harness = await onlyOne(upstream.origin, 'timeouts: { idle: 3s }');
  const reply = await ask(harness, { stream: true });
  expect(reply.body.toString()).toContain('w3');
  expect(reply.body.toString()).toContain('"code":"stream_stalled"');
});

test('429 with retry-after is tried again after that time, at the same provider', async () => {
  let firstMs = 0;
  let secondMs = 0;
  const upstream = await scripted(
    inTurn(
      (...of) => {
        firstMs = performance.now();
        return status(429, { 'retry-after': '1' })(...of);
      },
      (...of) => {
        secondMs = performance.now();
        return good(...of);
      },
    ),
  );
  const harness = await onlyOne(upstream.origin);
  const reply = await ask(harness);
  expect([reply.status, headerOf(reply, 'x-tollgate-attempts')]).toEqual([200, '2']);
  expect(secondMs - firstMs).toBeGreaterThan(950);
  const settlement = await booked(harness, reply);
  expect(kinds(settlement)).toEqual(['rate_limited', '']);
  expect(settlement.attempts[0]).toMatchObject({ wasteReason: 'retry', usageSource: 'none' });
});

test('a pause longer than ours is not waited for: the caller is told it', async () => {
  const upstream = await scripted(status(429, { 'retry-after': '3600' }));
  const harness = await onlyOne(upstream.origin);
  const reply = await ask(harness);
  expect([reply.status, headerOf(reply, 'retry-after')]).toEqual([429, '3600']);
  expect(upstream.received.length).toBe(1);
});

test.each([500, 503, 529, 408, 409, 425, 498])('%i is tried again', async (code) => {
  const upstream = await scripted(inTurn(status(code), good));
  const harness = await onlyOne(upstream.origin);
  const reply = await ask(harness);
  expect([reply.status, upstream.received.length]).toEqual([200, 2]);
});

test.each([400, 413, 422])('%i is the answer: nobody else is asked', async (code) => {
  const [first, second] = [await scripted(status(code)), await scripted(good)];
  const harness = await two(first.origin, second.origin);
  const reply = await ask(harness);
  expect([reply.status, codeOf(reply), second.received.length]).toEqual([
    code,
    'provider_refused',
    0,
  ]);
});

test('a connection that died while it was idle is no error to the caller', async () => {
  const upstream = await scripted((response, _received, nth) => {
    // The second request comes on the kept connection, which is reset under it.
    if (nth === 2) response.socket?.resetAndDestroy();
    else response.writeHead(200, json).end(wholeChat());
  });
  const harness = await onlyOne(upstream.origin);
  expect((await ask(harness)).status).toBe(200);
  const reply = await ask(harness);
  expect([reply.status, upstream.received.length]).toEqual([200, 3]);
  expect(kinds(await booked(harness, reply))).toEqual(['network', '']);
});

test.each([
  ['an error', status(500)],
  ['our bad credential', status(401)],
  ['our empty purse', status(402)],
  ['a model it does not have', status(404)],
  ['a reset', (response) => void response.socket?.resetAndDestroy()],
  ['no reply of its dialect', (response) => void response.writeHead(200, json).end('<html>')],
  ['half a reply', (response) => void response.writeHead(200, json).end(wholeChat().slice(0, 50))],
] as const satisfies readonly (readonly [string, Answering])[])(
  'after %s the second target answers',
  async (_, answer) => {
    const [first, second] = [await scripted(answer), await scripted(good)];
    const harness = await two(first.origin, second.origin);
    const reply = await ask(harness);
    expect([reply.status, headerOf(reply, 'x-tollgate-provider')]).toEqual([200, 'second']);
    expect(headerOf(reply, 'x-tollgate-attempts')).toBe('2');
    const { attempts } = await booked(harness, reply);
    expect(attempts.map(({ target, wasteReason }) => [target.provider, wasteReason])).toEqual([
      ['first', 'fallback'],
      ['second', ''],
    ]);
  },
);

test.each([
  ['nothing', ''],
  ['a comment', ': hello\n\n'],
  ['the role alone', chunkOf({ role: 'assistant', content: '' })],
])(
  'a stream that dies after status 200 and %s is answered by the second target',
  async (_, text) => {
    const first = await scripted((response) => {
      response.writeHead(200, sse);
      response.flushHeaders();
      response.write(text, () => setTimeout(() => response.socket?.destroy(), 20));
    });
    const second = await scripted(goodStream);
    const harness = await two(first.origin, second.origin);
    const reply = await ask(harness, { stream: true, stream_options: { include_usage: true } });
    expect(reply.body.toString()).toBe(
      chunkOf({ content: 'whole' }) + chunkOf({}, 'stop') + usageChunk + doneChunk,
    );
    expect(headerOf(reply, 'x-tollgate-provider')).toBe('second');
  },
);

test('after its first content a stream is nobody else to continue', async () => {
  const first = await scripted((response) => {
    response.writeHead(200, sse);
    response.write(chunkOf({ content: 'half' }), () => response.socket?.destroy());
  });
  const second = await scripted(goodStream);
  const harness = await two(first.origin, second.origin);
  const reply = await ask(harness, { stream: true });
  const text = reply.body.toString();
  expect(text).toContain('half');
  expect(text).toContain('"code":"stream_cut"');
  expect(second.received.length).toBe(0);
  const settlement = await booked(harness, reply);
  expect(settlement).toMatchObject({ outcome: 'broken', streamOutcome: 'cut' });
  expect(settlement.attempts[0]).toMatchObject({
    wasteReason: 'stream_cut',
    usageSource: 'estimated',
  });
});

test.each(['/v1/chat/completions', '/v1/messages'])(
  'fallback crosses dialects under %s: the client reads its own',
  async (path) => {
    const anthropicReply = JSON.stringify({
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'claude-x',
      content: [{ type: 'text', text: 'from claude' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 3, output_tokens: 2 },
    });
    const openai = await scripted(path === '/v1/messages' ? good : status(500));
    const anthropic = await scripted((response, received) =>
      path === '/v1/messages'
        ? status(529)(response, received, 1)
        : void response.writeHead(200, json).end(anthropicReply),
    );
    const targets = path === '/v1/messages' ? '[anthropic, openai]' : '[openai, anthropic]';
    const harness = await started(`providers:
${openaiAt('openai', openai.origin)}  anthropic: { apiKey: "\${ANTHROPIC_KEY}", baseUrl: "${anthropic.origin}" }
models: { some-model: { targets: ${targets} }, gpt-4o-mini: openai }
retry: { triesPerTarget: 1 }`);
    const reply = await post(harness.url + path, key, {
      model: 'some-model',
      max_tokens: 9,
      messages,
    });
    expect(reply.status).toBe(200);
    expect(JSON.parse(reply.body.toString())).toMatchObject(
      path === '/v1/messages'
        ? { type: 'message', content: [{ type: 'text', text: 'hello' }] }
        : { object: 'chat.completion', choices: [{ message: { content: 'from claude' } }] },
    );
    expect(headerOf(reply, 'x-tollgate-attempts')).toBe('2');
  },
);

test('triesPerCall bounds all tries together', async () => {
  const [first, second] = [await scripted(status(500)), await scripted(status(500))];
  const harness = await started(`providers:
${openaiAt('first', first.origin)}${openaiAt('second', second.origin)}
models: { gpt-*: { targets: [first, second] } }
retry: { triesPerTarget: 3, triesPerCall: 4, backoff: 1ms, backoffMax: 5ms }`);
  const reply = await ask(harness);
  expect(reply.status).toBe(500);
  expect([first.received.length, second.received.length]).toEqual([3, 1]);
  expect(kinds(await booked(harness, reply))).toEqual(['server', 'server', 'server', 'server']);
});

test('a reply larger than limits.reply is not collected, and never sent in part', async () => {
  const upstream = await scripted((response) => {
    response.writeHead(200, json);
    response.end(wholeChat('x'.repeat(300_000)));
  });
  const harness = await onlyOne(upstream.origin, 'limits: { reply: 64KiB }');
  const reply = await ask(harness);
  expect([reply.status, codeOf(reply)]).toEqual([502, 'provider_invalid']);
  expect(reply.body.toString()).toContain('65536 bytes');
  const inBounds = await onlyOne(upstream.origin, 'limits: { reply: 1MiB }');
  expect((await ask(inBounds)).body.length).toBeGreaterThan(300_000);
});

test('maxConnections: further calls wait for a connection, and all are answered', async () => {
  let now = 0;
  let most = 0;
  const upstream = await scripted(async (response) => {
    now += 1;
    most = Math.max(most, now);
    await sleep(20);
    now -= 1;
    response.writeHead(200, json).end(wholeChat());
  });
  const harness = await started(`providers:
  first: { use: openai, apiKey: "\${OPENAI_KEY}", baseUrl: "${upstream.origin}/v1", maxConnections: 3 }
models: { gpt-*: first }`);
  const replies = await Promise.all(Array.from({ length: 20 }, () => ask(harness)));
  expect(replies.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
  expect(most).toBe(3);
});
