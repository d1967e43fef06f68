/** How a stream ends: with the last event of its dialect, or cleanly after all in it has stopped. What follows is nothing. */
import type { Socket } from 'node:net';
import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { eventually } from '../../../fakes/journal.ts';
import { closeAfterEach } from '../http/closing.ts';
import { key, startHarness, type Harness } from '../http/harness.ts';
import { headerOf, post, postText, rawConnection } from '../http/http-client.ts';
import { chunkedHead, httpChunk, lastChunk, startRaw, type RawAnswer } from './raw-upstream.ts';
import { chunkOf, doneChunk, usageChunk } from './scripted.ts';

const closing = closeAfterEach();

/** A gateway whose every model is at this provider, in either dialect, and patient. */
const started = async (answer: RawAnswer) => {
  const upstream = await startRaw(answer);
  closing.push(() => upstream.close());
  const harness = await startHarness(`providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${upstream.origin}/v1" }
  anthropic: { apiKey: "\${ANTHROPIC_KEY}", baseUrl: "${upstream.origin}" }
models: { gpt-*: openai, claude-*: anthropic }
timeouts: { firstByte: 50s, idle: 50s, total: 50s }`);
  closing.push(() => harness.close());
  return { upstream, harness };
};

const event = (type: string, body: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...body })}\n\n`;
const anthropicBegun = [
  event('message_start', {
    message: { id: 'm', model: 'claude-x', usage: { input_tokens: 3, output_tokens: 1 } },
  }),
  event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
  event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'hello' } }),
  event('content_block_stop', { index: 0 }),
  event('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } }),
].join('');
const messageStop = event('message_stop', {});
const openaiBegun = chunkOf({ content: 'hello' }) + chunkOf({}, 'stop') + usageChunk;

const content = {
  max_tokens: 9,
  stream: true,
  messages: [{ role: 'user', content: 'a question' }],
};
const ways = {
  'OpenAI, usage asked for': {
    path: '/v1/chat/completions',
    body: { ...content, model: 'gpt-x', stream_options: { include_usage: true } },
    sent: openaiBegun,
    end: doneChunk,
  },
  'OpenAI, usage withheld': {
    path: '/v1/chat/completions',
    body: { ...content, model: 'gpt-x' },
    sent: openaiBegun,
    end: doneChunk,
  },
  Anthropic: {
    path: '/v1/messages',
    body: { ...content, model: 'claude-x' },
    sent: anthropicBegun,
    end: messageStop,
  },
  'OpenAI from Anthropic': {
    path: '/v1/chat/completions',
    body: { ...content, model: 'claude-x' },
    sent: anthropicBegun,
    end: messageStop,
  },
  'Anthropic from OpenAI': {
    path: '/v1/messages',
    body: { ...content, model: 'gpt-x' },
    sent: openaiBegun,
    end: doneChunk,
  },
} as const;

const lastEvents = { '/v1/chat/completions': doneChunk, '/v1/messages': messageStop } as const;

/** What a provider does behind its last event. */
const afterwards: Readonly<Record<string, (socket: Socket) => void>> = {
  'the end of the body': (socket) => void socket.write(lastChunk),
  'a closed connection': (socket) => void socket.end(),
  'a reset': (socket) => void socket.resetAndDestroy(),
  silence: () => {},
  'an error event': (socket) =>
    void socket.write(httpChunk('data: {"error":{"message":"late","type":"server_error"}}\n\n')),
  nonsense: (socket) => void socket.write(httpChunk('data: <html>\n\nnot an event')),
  'no HTTP': (socket) => void socket.write('nonsense\r\n\r\n'),
};

const answered = {
  outcome: 'answered',
  streamOutcome: 'complete',
  errorCode: '',
  attempts: [
    { error: '', wasteReason: '', usageSource: 'provider', finishReason: /stop|end_turn/ },
  ],
} as const;
const expectAnswered = async (harness: Harness, callId: string): Promise<void> => {
  const settlement = await harness.settled(callId);
  const [attempt] = answered.attempts;
  expect(settlement).toMatchObject({
    ...answered,
    attempts: [{ ...attempt, finishReason: expect.stringMatching(attempt.finishReason) }],
  });
};

describe.each(Object.entries(ways))('%s', (_, { path, body, sent, end }) => {
  test.each(Object.entries(afterwards))(
    'a reply whose last event is followed by %s is answered, and nothing follows for the client',
    async (_name, then) => {
      const { harness } = await started((socket) => {
        socket.write(chunkedHead() + httpChunk(sent));
        socket.write(httpChunk(end), () => then(socket));
      });
      const reply = await post(harness.url + path, key, body);
      expect([reply.status, reply.whole]).toEqual([200, true]);
      const text = reply.body.toString();
      expect(text.endsWith(lastEvents[path])).toBe(true);
      expect(text).not.toMatch(/error|html/);
      await expectAnswered(harness, headerOf(reply, 'x-tollgate-call-id'));
    },
  );

  test('what follows the last event in one packet with it does not reach the client either', async () => {
    const { harness } = await started((socket) => {
      const late = 'data: {"error":{"message":"late","type":"server_error"}}\n\n';
      socket.end(chunkedHead() + httpChunk(sent + end + late));
    });
    const reply = await post(harness.url + path, key, body);
    expect(reply.body.toString().endsWith(lastEvents[path])).toBe(true);
    await expectAnswered(harness, headerOf(reply, 'x-tollgate-call-id'));
  });

  test.each(['destroy', 'resetAndDestroy', 'end'] as const)(
    'a client that leaves (%s) with the last event was answered, long before the provider ends its body',
    async (leave) => {
      const { harness, upstream } = await started((socket) => {
        socket.write(chunkedHead() + httpChunk(sent));
        socket.write(httpChunk(end));
      });
      const connection = await rawConnection(harness.port);
      connection.write(postText({ path, key, body: JSON.stringify(body) }));
      await connection.receives(lastEvents[path]);
      connection.socket[leave]();
      const callId = /x-tollgate-call-id: (\S+)/.exec(connection.received())?.[1] ?? '';
      await expectAnswered(harness, callId);
      await eventually(() => upstream.connections[0]?.destroyed === true, 'it is let go of');
      connection.destroy();
    },
  );

  test('a provider that ends its body well after all has stopped needs no last event; the client gets one', async () => {
    const { harness } = await started((socket) => {
      socket.write(chunkedHead() + httpChunk(sent) + lastChunk);
    });
    const reply = await post(harness.url + path, key, body);
    const text = reply.body.toString();
    expect(text.endsWith(lastEvents[path])).toBe(true);
    expect(text.split(lastEvents[path])).toHaveLength(2);
    await expectAnswered(harness, headerOf(reply, 'x-tollgate-call-id'));
  });

  test('all has stopped, but the connection breaks: the reply was cut', async () => {
    const { harness } = await started((socket) => {
      socket.end(chunkedHead() + httpChunk(sent));
    });
    const reply = await post(harness.url + path, key, body);
    expect(reply.body.toString()).toContain('"code":"stream_cut"');
    expect(reply.body.toString()).not.toContain(lastEvents[path]);
    expect(await harness.settled(headerOf(reply, 'x-tollgate-call-id'))).toMatchObject({
      outcome: 'broken',
      streamOutcome: 'cut',
    });
  });
});

test('a body that ends well while a choice still speaks was cut', async () => {
  const half = JSON.stringify({
    id: 'c',
    choices: [
      { index: 0, delta: { content: 'a' }, finish_reason: 'stop' },
      { index: 1, delta: { content: 'b' }, finish_reason: null },
    ],
  });
  const { harness } = await started((socket) => {
    socket.write(chunkedHead() + httpChunk(`data: ${half}\n\n`) + lastChunk);
  });
  const reply = await post(`${harness.url}/v1/chat/completions`, key, {
    ...content,
    model: 'gpt-x',
  });
  expect(reply.body.toString()).toContain('"code":"stream_cut"');
  expect(reply.body.toString()).not.toContain('[DONE]');
});

test('the connection of a reply whose body ends a little late serves the next one', async () => {
  const { harness, upstream } = await started((socket) => {
    socket.write(chunkedHead() + httpChunk(openaiBegun + doneChunk));
    setTimeout(() => socket.write(lastChunk), 30);
  });
  const url = `${harness.url}/v1/chat/completions`;
  await post(url, key, { ...content, model: 'gpt-x' });
  await new Promise((resolve) => setTimeout(resolve, 200));
  const reply = await post(url, key, { ...content, model: 'gpt-x' });
  await expectAnswered(harness, headerOf(reply, 'x-tollgate-call-id'));
  expect(upstream.requests()).toBe(2);
  expect(upstream.connections.length).toBe(1);
});

const countsBehind = {
  '/v1/chat/completions': chunkOf({}).replace(
    /"choices":\[.*\]/,
    '"choices":[],"usage":{"prompt_tokens":70,"completion_tokens":30}',
  ),
  '/v1/messages': event('message_delta', { usage: { input_tokens: 70, output_tokens: 30 } }),
} as const;

test.each([
  ['/v1/chat/completions', 'gpt-x', chunkOf({ content: 'hi' }) + chunkOf({}, 'stop'), doneChunk],
  ['/v1/messages', 'claude-x', anthropicBegun, messageStop],
] as const)(
  '%s: usage that comes with the last event, behind it, is booked and not passed on',
  async (path, model, sent, end) => {
    // The body never ends: nothing is waited for.
    const { harness } = await started((socket) => {
      socket.write(chunkedHead() + httpChunk(sent + end + countsBehind[path]));
    });
    const reply = await post(`${harness.url}${path}`, key, { ...content, model });
    expect(reply.body.toString()).toBe(sent + end);
    const settlement = await harness.settled(headerOf(reply, 'x-tollgate-call-id'));
    expect(settlement).toMatchObject({
      outcome: 'answered',
      attempts: [
        { usageSource: 'provider', usage: { tokens: { input_uncached: 70, output_text: 30 } } },
      ],
    });
  },
);

test("a provider's error event that carries usage is paid for, and not said twice", async () => {
  // OpenRouter, recorded.
  const failing = `data: ${JSON.stringify({
    id: 'gen-1',
    model: 'gpt-x',
    choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
    error: { code: 502, message: 'Token limit reached' },
    usage: { prompt_tokens: 43, completion_tokens: 10, total_tokens: 64 },
  })}\n\n`;
  const { harness } = await started((socket) => {
    socket.write(chunkedHead() + httpChunk(chunkOf({ content: 'hi' })));
    socket.write(httpChunk(failing + doneChunk) + lastChunk);
  });
  const reply = await post(`${harness.url}/v1/chat/completions`, key, {
    ...content,
    model: 'gpt-x',
    stream_options: { include_usage: true },
  });
  expect(reply.body.toString().match(/"error":/g)).toHaveLength(1);
  const settlement = await harness.settled(headerOf(reply, 'x-tollgate-call-id'));
  expect(settlement).toMatchObject({
    outcome: 'broken',
    attempts: [
      {
        usageSource: 'provider',
        usage: { tokens: { input_uncached: 43, output_text: 10, output_reasoning: 11 } },
      },
    ],
  });
});

test('an error in a choice, or a choice that stops with `error`, is no answer', async () => {
  for (const choice of [
    { index: 0, delta: {}, finish_reason: 'error' },
    { index: 0, delta: {}, finish_reason: 'stop', error: { code: 429, message: 'slow down' } },
  ]) {
    const { harness } = await started((socket) => {
      const text = chunkOf({ content: 'hi' });
      socket.write(chunkedHead() + httpChunk(text));
      socket.write(httpChunk(`data: ${JSON.stringify({ id: 'c', choices: [choice] })}\n\n`));
      socket.write(httpChunk(doneChunk) + lastChunk);
    });
    const reply = await post(`${harness.url}/v1/chat/completions`, key, {
      ...content,
      model: 'gpt-x',
    });
    const settlement = await harness.settled(headerOf(reply, 'x-tollgate-call-id'));
    expect(settlement).toMatchObject({ outcome: 'broken', errorCode: 'stream_failed' });
  }
});

test.each([
  ['negative', { prompt_tokens: -5, completion_tokens: -5, total_tokens: -10 }],
  ['absurd', { prompt_tokens: 9e15, completion_tokens: 9e15 }],
  ['in words', { prompt_tokens: 'some', completion_tokens: 'few' }],
  ['nothing at all', { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }],
])('usage that is %s is estimated, and not free', async (_, usage) => {
  const { harness } = await started((socket) => {
    const whole = {
      id: 'c',
      model: 'gpt-4o-mini',
      choices: [{ index: 0, message: { content: 'an answer' }, finish_reason: 'stop' }],
      usage,
    };
    socket.write(chunkedHead('application/json') + httpChunk(JSON.stringify(whole)) + lastChunk);
  });
  const reply = await post(`${harness.url}/v1/chat/completions`, key, {
    ...content,
    model: 'gpt-4o-mini',
    stream: false,
  });
  const settlement = await harness.settled(headerOf(reply, 'x-tollgate-call-id'));
  expect(settlement.attempts).toMatchObject([
    { usageSource: 'estimated', charge: { priceStatus: 'priced' } },
  ]);
  expect(Number(headerOf(reply, 'x-tollgate-cost-usd'))).toBeGreaterThan(0);
});

describe('the official SDK of OpenAI', () => {
  test.each([
    ['[DONE], then silence', doneChunk, ''],
    ['[DONE], then a reset', doneChunk, 'reset'],
    ['no [DONE]', '', lastChunk],
  ])('reads a stream that ends with %s to its end', async (_, end, then) => {
    const { harness } = await started((socket) => {
      socket.write(chunkedHead() + httpChunk(openaiBegun + end), () => {
        if (then === 'reset') socket.resetAndDestroy();
        else socket.write(then);
      });
    });
    const client = new OpenAI({ apiKey: key, baseURL: `${harness.url}/v1`, maxRetries: 0 });
    const stream = await client.chat.completions.create({
      model: 'gpt-x',
      messages: [{ role: 'user', content: 'a question' }],
      stream: true,
      stream_options: { include_usage: true },
    });
    let said = '';
    let total = 0;
    for await (const chunk of stream) {
      said += chunk.choices[0]?.delta.content ?? '';
      total += chunk.usage?.total_tokens ?? 0;
    }
    expect([said, total]).toEqual(['hello', 5]);
    await harness.settledCount(1);
    expect(harness.settlements).toMatchObject([{ outcome: 'answered', streamOutcome: 'complete' }]);
  });
});
