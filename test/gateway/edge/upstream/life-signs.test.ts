/** A provider that lives is not ended for being slow; one that falls silent is; and a client that waits hears of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { eventually } from '../../../fakes/journal.ts';
import { closeAfterEach } from '../http/closing.ts';
import { key, startHarness, type Harness } from '../http/harness.ts';
import { headerOf, post, postText, rawConnection } from '../http/http-client.ts';
import { chunkOf, doneChunk, json, sse, startScripted, usageChunk, wholeChat } from './scripted.ts';
import type { Answering, Upstream } from './scripted.ts';

const closing = closeAfterEach();
const scripted = async (how: Answering): Promise<Upstream> => {
  const upstream = await startScripted(how);
  closing.push(() => upstream.close());
  return upstream;
};
/** Both dialects at one provider. */
const started = async (origin: string, timeouts: string, more = ''): Promise<Harness> => {
  const harness = await startHarness(`providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${origin}/v1" }
  anthropic: { apiKey: "\${ANTHROPIC_KEY}", baseUrl: "${origin}" }
models: { gpt-*: openai, claude-*: anthropic }
timeouts: ${timeouts}
${more}`);
  closing.push(() => harness.close());
  return harness;
};

const event = (type: string, body: object = {}): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...body })}\n\n`;
const messages = [{ role: 'user', content: 'a question' }];
const paths = { openai: '/v1/chat/completions', anthropic: '/v1/messages' } as const;
const models = { openai: 'gpt-x', anthropic: 'claude-x' } as const;
const openaiEnd = chunkOf({}, 'stop') + usageChunk + doneChunk;
const anthropicEnd =
  event('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } }) +
  event('message_stop');
const start = event('message_start', {
  message: { id: 'm', model: 'claude-x', usage: { input_tokens: 3, output_tokens: 1 } },
});
const text = event('content_block_delta', { delta: { type: 'text_delta', text: 'so' } });

/** What each dialect's providers send while they think, before and after content. */
const thinking = {
  'comments of OpenRouter': [
    'openai',
    '',
    ': OPENROUTER PROCESSING\n\n',
    chunkOf({ content: 'so' }),
    openaiEnd,
  ],
  'blank lines': ['openai', '', '\n', chunkOf({ content: 'so' }), openaiEnd],
  'pings of Anthropic': ['anthropic', start, event('ping'), text, anthropicEnd],
} as const;

test.each(Object.entries(thinking))(
  '%s keep a stream alive for longer than its clocks, before and after its first content',
  async (_, [dialect, head, sign, said, end]) => {
    const signsForMs = 2_500;
    const signs = async (write: (sign: string) => void): Promise<void> => {
      for (const untilMs = performance.now() + signsForMs; performance.now() < untilMs;) {
        write(sign);
        await sleep(50);
      }
    };
    const upstream = await scripted(async (response) => {
      response.writeHead(200, sse);
      response.write(head);
      await signs((one) => response.write(one));
      response.write(said);
      await signs((one) => response.write(one));
      response.end(end);
    });
    const harness = await started(upstream.origin, '{ firstByte: 1500ms, idle: 1500ms }');
    const body = { model: models[dialect], max_tokens: 9, stream: true, messages };
    const reply = await post(harness.url + paths[dialect], key, body);
    expect(reply.body.toString()).toContain('so');
    expect(await harness.settled(headerOf(reply, 'x-tollgate-call-id'))).toMatchObject({
      outcome: 'answered',
      attempts: [{ error: '' }],
    });
    expect(upstream.received.length).toBe(1);
  },
);

test('a stream that falls silent after a life sign is ended, before its content too', async () => {
  const upstream = await scripted((response) => {
    response.writeHead(200, sse);
    response.write(': hello\n\n');
  });
  const harness = await started(upstream.origin, '{ firstByte: 300ms, idle: 50s, hold: 50s }');
  const body = { model: 'gpt-x', stream: true, messages };
  const reply = await post(harness.url + paths.openai, key, body);
  expect([reply.status, headerOf(reply, 'x-tollgate-error-origin')]).toEqual([504, 'network']);
  expect(reply.body.toString()).toContain('300 ms');
});

test('a whole reply may be silent for longer than every clock but its total', async () => {
  const upstream = await scripted(async (response) => {
    await sleep(600);
    response.writeHead(200, json);
    response.write(wholeChat().slice(0, 20));
    await sleep(600);
    response.end(wholeChat().slice(20));
  });
  const harness = await started(
    upstream.origin,
    '{ firstByte: 50ms, idle: 50ms, hold: 50ms, total: 50s }',
  );
  const reply = await post(harness.url + paths.openai, key, { model: 'gpt-x', messages });
  expect([reply.status, reply.body.toString()]).toEqual([200, wholeChat()]);
  expect(upstream.received.length).toBe(1);
});

/** A provider whose stream lives without content until the test lets it speak. */
const waiting = (head: string, end: string) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const answer: Answering = async (response) => {
    response.writeHead(200, sse);
    response.flushHeaders();
    if (head !== '') response.write(head);
    await promise;
    response.end(end);
  };
  return { answer, speak: resolve };
};

// oxfmt-ignore
test.each([
  ['its head alone', { head: '', dialect: 'openai', model: 'gpt-x', shown: ': keep-alive' }],
  ['comments', { head: ': waiting\n\n', dialect: 'openai', model: 'gpt-x', shown: ': waiting' }],
  ['pings, told to a client of another dialect', { head: event('ping'), dialect: 'openai', model: 'claude-x', shown: ': keep-alive' }],
  ['a beginning, told to a client of another dialect', { head: start, dialect: 'openai', model: 'claude-x', shown: '"role":"assistant"' }],
] as const)(
  'a stream that lives by %s is not held back for longer than timeouts.hold',
  async (_, { head, dialect, model, shown }) => {
    const end =
      model === 'gpt-x'
        ? chunkOf({ content: 'spoken' }) + openaiEnd
        : start + text.replace('so', 'spoken') + anthropicEnd;
    const provider = waiting(head, end);
    const upstream = await scripted(provider.answer);
    const harness = await started(upstream.origin, '{ hold: 100ms }');
    const connection = await rawConnection(harness.port);
    const body = JSON.stringify({ model, max_tokens: 9, stream: true, messages });
    connection.write(postText({ path: paths[dialect], key, body }));
    await connection.receives(shown);
    expect(connection.received()).toMatch(/^HTTP\/1\.1 200 [^]*content-type: text\/event-stream/i);
    expect(connection.received()).not.toContain('spoken');
    provider.speak();
    await connection.receives(doneChunk);
    await harness.settledCount(1);
    expect(harness.settlements).toMatchObject([{ outcome: 'answered', streamOutcome: 'complete' }]);
    connection.destroy();
  },
);

test('life signs that mean nothing to the client are told to it as such, once in a while', async () => {
  const upstream = await scripted((response) => {
    response.writeHead(200, sse);
    response.write(start + text);
    const timer = setInterval(() => response.write(event('ping')), 30);
    response.on('close', () => clearInterval(timer));
  });
  const harness = await started(upstream.origin, '{ hold: 200ms }');
  const connection = await rawConnection(harness.port);
  const body = JSON.stringify({ model: 'claude-x', max_tokens: 9, stream: true, messages });
  connection.write(postText({ path: paths.openai, key, body }));
  await eventually(
    () => connection.received().split(': keep-alive\n\n').length > 3,
    'the client is told three times',
  );
  connection.destroy();
});

test('a stream that breaks after it was let through without content is nobody else to answer', async () => {
  const provider = waiting(': waiting\n\n', 'data: <html>\n\n');
  const upstream = await scripted(provider.answer);
  const harness = await started(upstream.origin, '{ hold: 100ms }');
  const connection = await rawConnection(harness.port);
  const body = JSON.stringify({ model: 'gpt-x', stream: true, messages });
  connection.write(postText({ path: paths.openai, key, body }));
  await connection.receives(': waiting');
  provider.speak();
  await connection.receives('"code":"stream_failed"');
  await harness.settledCount(1);
  expect(harness.settlements).toMatchObject([{ outcome: 'broken', streamOutcome: 'failed' }]);
  connection.destroy();
});

test('timeouts.firstContent: a stream that only lives is left for the next target', async () => {
  const first = await scripted((response) => {
    response.writeHead(200, sse);
    const timer = setInterval(() => response.write(': waiting\n\n'), 30);
    response.on('close', () => clearInterval(timer));
  });
  const second = await scripted(
    (response) => void response.writeHead(200, sse).end(chunkOf({ content: 'so' }) + openaiEnd),
  );
  const harness = await startHarness(`providers:
  first: { use: openai, apiKey: "\${OPENAI_KEY}", baseUrl: "${first.origin}/v1", timeouts: { firstContent: 200ms } }
  second: { use: openai, apiKey: "\${OPENAI_KEY}", baseUrl: "${second.origin}/v1" }
models: { gpt-*: { targets: [first, second] } }`);
  closing.push(() => harness.close());
  const body = { model: 'gpt-x', stream: true, messages };
  const reply = await post(harness.url + paths.openai, key, body);
  expect(headerOf(reply, 'x-tollgate-provider')).toBe('second');
  const settlement = await harness.settled(headerOf(reply, 'x-tollgate-call-id'));
  expect(settlement.attempts).toMatchObject([{ error: 'timeout' }, { error: '' }]);
});

test.each([
  [
    'an image',
    {
      images: [
        { type: 'image_url', image_url: { url: `data:image/png;base64,${'A'.repeat(2_000_000)}` } },
      ],
    },
  ],
  ['audio', { audio: { id: 'a', data: 'A'.repeat(2_000_000) } }],
  ['a field of the future', { hologram: 'A'.repeat(2_000_000) }],
])('%s larger than a MiB is content, whether usage is withheld or not', async (_, delta) => {
  const whole = chunkOf({ role: 'assistant', content: '' }) + chunkOf(delta) + chunkOf({}, 'stop');
  const upstream = await scripted((response) => {
    response.writeHead(200, sse);
    response.end(whole + usageChunk + doneChunk);
  });
  const harness = await started(upstream.origin, '{ hold: 50s }');
  for (const [options, expected] of [
    [{ include_usage: true }, whole + usageChunk + doneChunk],
    [{ include_usage: false }, whole + doneChunk],
  ] as const) {
    const body = { model: 'gpt-x', stream: true, stream_options: options, messages };
    const reply = await post(harness.url + paths.openai, key, body);
    expect(reply.status).toBe(200);
    expect(reply.body.toString() === expected).toBe(true);
  }
});

test.each([
  ['usage asked for', 'gpt-x', { include_usage: true }],
  ['usage withheld', 'gpt-x', { include_usage: false }],
  ['told in another dialect', 'claude-x', { include_usage: true }],
])('an event above limits.event fails a stream the same way: %s', async (_, model, options) => {
  const large = 'A'.repeat(300_000);
  const upstream = await scripted((response) => {
    response.writeHead(200, sse);
    response.end(
      model === 'gpt-x'
        ? chunkOf({ content: large }) + openaiEnd
        : start + text.replace('so', large) + anthropicEnd,
    );
  });
  const harness = await started(upstream.origin, '{ hold: 50s }', 'limits: { event: 64KiB }');
  const body = { model, stream: true, stream_options: options, messages };
  const reply = await post(harness.url + paths.openai, key, body);
  expect(reply.status).toBe(502);
  expect(reply.body.toString()).toContain('larger than 65536 bytes (limits.event)');
});

test('a beginning without content that is larger than limits.event is let through, not kept', async () => {
  const upstream = await scripted((response) => {
    response.writeHead(200, sse);
    for (let i = 0; i < 200; i += 1) response.write(`: ${'x'.repeat(1000)}\n\n`);
    response.end(chunkOf({ content: 'so' }) + openaiEnd);
  });
  const harness = await started(upstream.origin, '{ hold: 50s }', 'limits: { event: 64KiB }');
  const body = { model: 'gpt-x', stream: true, messages };
  const reply = await post(harness.url + paths.openai, key, body);
  expect([reply.status, reply.body.toString().endsWith(doneChunk)]).toEqual([200, true]);
});
