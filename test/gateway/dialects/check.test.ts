import { expect, test } from 'vitest';
import type { RequestParameters } from '../../../gateway/src/model/call.ts';
import type { JsonObject } from '../../../gateway/src/model/json.ts';
import { told } from '../../../gateway/src/dialects/errors.ts';
import { standardTraits } from '../../../gateway/src/dialects/dialect.ts';
import { anthropic, openai } from './both.ts';

const messages = [{ role: 'user', content: 'a secret' }];
const chat = { model: 'm', messages };
const claude = { model: 'm', messages, max_tokens: 5 };

test('a chat completion is taken as it is, unknown fields and all', () => {
  const body = {
    ...chat,
    stream: true,
    max_tokens: 5,
    max_completion_tokens: 7,
    temperature: 0,
    top_p: 1,
    stream_options: { include_usage: true, future: 1 },
    future: { anything: [] },
  };
  expect(openai.client.check(body, 'chat')).toEqual({
    kind: 'ok',
    value: {
      model: 'm',
      stream: true,
      wantsStreamUsage: true,
      dimensions: {},
      maxTokens: 7,
      choices: 1,
      temperature: 0,
      topP: 1,
    },
  });
});

const nulls = {
  stream: null,
  max_tokens: null,
  temperature: null,
  top_p: null,
  stream_options: null,
};
test('null is the same as absent', () => {
  const ask = {
    model: 'm',
    stream: false,
    wantsStreamUsage: false,
    dimensions: {},
    maxTokens: null,
    choices: 1,
    temperature: null,
    topP: null,
  };
  expect(openai.client.check({ ...chat, ...nulls }, 'chat')).toEqual({ kind: 'ok', value: ask });
});

test.each<[JsonObject, string, string]>([
  [{ messages }, 'model', '`model` must be a non-empty string, but nothing was given.'],
  [
    { ...chat, model: '' },
    'model',
    '`model` must be a non-empty string, but an empty string was given.',
  ],
  [{ ...chat, model: 7 }, 'model', '`model` must be a non-empty string, but a number was given.'],
  [
    { ...chat, messages: [] },
    'messages',
    '`messages` must be a non-empty array, but an empty array was given.',
  ],
  [
    { ...chat, messages: 'a secret' },
    'messages',
    '`messages` must be a non-empty array, but a string was given.',
  ],
  [
    { ...chat, stream: 'true' },
    'stream',
    '`stream` must be true, false or null, but a string was given.',
  ],
  [
    { ...chat, max_tokens: 0 },
    'max_tokens',
    '`max_tokens` must be a whole number of at least 1, or null, but 0 was given.',
  ],
  [
    { ...chat, max_tokens: '5' },
    'max_tokens',
    '`max_tokens` must be a whole number of at least 1, or null, but a string was given.',
  ],
  [
    { ...chat, max_completion_tokens: 1.5 },
    'max_completion_tokens',
    '`max_completion_tokens` must be a whole number of at least 1, or null, but a fraction was given.',
  ],
  [
    { ...chat, temperature: Infinity },
    'temperature',
    '`temperature` must be a number or null, but a number too large to represent was given.',
  ],
  [{ ...chat, top_p: {} }, 'top_p', '`top_p` must be a number or null, but an object was given.'],
  [
    { ...chat, stream_options: [] },
    'stream_options',
    '`stream_options` must be an object or null, but an empty array was given.',
  ],
  [
    { ...chat, stream_options: { include_usage: 1 } },
    'stream_options.include_usage',
    '`stream_options.include_usage` must be true, false or null, but a number was given.',
  ],
])(
  'a wrong chat completion %# is refused, naming the field and never its content',
  (body, param, message) => {
    expect(openai.client.check(body, 'chat')).toEqual({
      kind: 'bad',
      problem: { code: 'invalid_value', param, message },
    });
  },
);

test.each(['', [], undefined, 5, null])('an embedding of %j is refused', (input) => {
  expect(openai.client.check({ model: 'm', input }, 'embeddings')).toMatchObject({
    kind: 'bad',
    problem: { param: 'input' },
  });
});

test('embeddings are never streamed', () => {
  expect(
    openai.client.check({ model: 'm', input: ['a'], stream: true }, 'embeddings'),
  ).toMatchObject({
    kind: 'ok',
    value: { stream: false },
  });
});

test('a message request needs its limit, which may be 0 to fill the cache', () => {
  expect(anthropic.client.check({ ...claude, max_tokens: 0 }, 'chat')).toMatchObject({
    kind: 'ok',
    value: { maxTokens: 0 },
  });
  for (const max_tokens of [undefined, null, -1, 1.5, '5']) {
    expect(anthropic.client.check({ ...claude, max_tokens }, 'chat')).toMatchObject({
      problem: { code: 'invalid_value', param: 'max_tokens' },
    });
  }
});

test('the Anthropic dialect has no embeddings', () => {
  expect(anthropic.client.check(claude, 'embeddings')).toMatchObject({
    problem: { code: 'unsupported_operation' },
  });
});

const ask = {
  model: 'm',
  stream: true,
  wantsStreamUsage: false,
  dimensions: {},
  maxTokens: null,
  choices: 1,
  temperature: null,
  topP: null,
};
const plain = { ...ask, stream: false };
const editsOf = (
  { passing }: typeof openai,
  parameters: RequestParameters,
  body: JsonObject,
  { model = 'm', traits = standardTraits } = {},
) => passing.edits({ parameters, model, body, operation: 'chat', traits });

test('the model is set only when it is another', () => {
  expect(editsOf(openai, plain, chat)).toBeNull();
  expect(editsOf(openai, plain, chat, { model: 'other' })).toEqual({ set: { model: 'other' } });
  expect(editsOf(anthropic, { ...ask, wantsStreamUsage: true }, claude)).toBeNull();
  expect(editsOf(anthropic, ask, claude, { model: 'other' })).toEqual({ set: { model: 'other' } });
});

test('a stream is always asked for its usage, and no other stream option is set', () => {
  const stream_options = { include_usage: false, include_obfuscation: false };
  expect(editsOf(openai, ask, { ...chat, stream_options })).toEqual({
    set: { stream_options: { include_usage: true } },
  });
  expect(editsOf(openai, { ...ask, wantsStreamUsage: true }, chat)).toBeNull();
});

test('a vendor that reports usage unasked and refuses to be asked is not asked', () => {
  const traits = { usageUnasked: true, olderMaxTokens: true };
  expect(editsOf(openai, ask, chat, { traits })).toBeNull();
});

const failure = {
  code: 'provider_rate_limited',
  message: 'Slow down.',
  param: null,
  status: 429,
  origin: 'provider',
  retryAfterMs: 3000,
  headers: {},
  said: null,
} as const;

test('errors take the form of the dialect', () => {
  expect(openai.client.error(failure)).toEqual({
    error: {
      message: 'Slow down.',
      type: 'rate_limit_error',
      param: null,
      code: 'provider_rate_limited',
    },
  });
  expect(anthropic.client.error(failure)).toMatchObject({
    type: 'error',
    error: { type: 'rate_limit_error', message: 'Slow down.' },
  });
  expect(openai.client.streamError(failure)).toBe(
    `data: ${JSON.stringify(openai.client.error(failure))}\n\n`,
  );
  expect(anthropic.client.streamError(failure)).toMatch(/^event: error\ndata: \{.*\}\n\n$/);
});

test.each([
  [
    '{"error":{"message":"no","type":"t","param":"p","code":"c"}}',
    { message: 'no', type: 't', code: 'c', param: 'p' },
  ],
  [
    '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
    { message: 'Overloaded', type: 'overloaded_error', code: '', param: null },
  ],
  ['{"error":"model not found"}', { message: 'model not found', type: '', code: '', param: null }],
  [
    '{"object":"error","message":"bad","type":"invalid"}',
    { message: 'bad', type: 'invalid', code: '', param: null },
  ],
  ['{"detail":"Not Found"}', { message: 'Not Found', type: '', code: '', param: null }],
  [
    '<html>\n<b>502</b>\u0000</html>',
    { message: '<html> <b>502</b> </html>', type: '', code: '', param: null },
  ],
  ['', { message: '', type: '', code: '', param: null }],
  [
    '{"error":{"message":"paid out","code":402}}',
    { message: 'paid out', type: '', code: '402', param: null },
  ],
])('the error body %j is read', (body, said) => {
  expect(openai.upstream.readError(body)).toEqual(said);
  expect(anthropic.upstream.readError(body)).toEqual(said);
});

test('the text of an error is bounded, once credentials are out of it', () => {
  const read = openai.upstream.readError(`sk-1${'x'.repeat(100_000)}`);
  expect(read.message).toHaveLength(16_384);
  const { message } = told(read, (text) => text.replace('sk-1', ''));
  expect(message).toBe('x'.repeat(2_000));
});

test('what a request names that may change the price of its tokens is taken out', () => {
  const named = (dialect: typeof openai, more: object) => {
    const checked = dialect.client.check(
      { ...(dialect === openai ? chat : claude), ...more },
      'chat',
    );
    return checked.kind === 'ok' ? checked.value.dimensions : null;
  };
  expect(named(openai, { service_tier: 'flex', web_search_options: {} })).toEqual({
    service_tier: 'flex',
    web_search: 'asked',
  });
  expect(
    named(anthropic, {
      service_tier: 'auto',
      speed: 'fast',
      inference_geo: 'us',
      tools: [
        { type: 'code_execution_20250825', name: 'x' },
        { name: 'f', input_schema: {} },
      ],
    }),
  ).toEqual({
    service_tier: 'auto',
    speed: 'fast',
    inference_geo: 'us',
    server_tools: 'code_execution_20250825',
  });
});
