import { expect, test } from 'vitest';
import { unreadable, type Delta } from '../../../gateway/src/model/delta.ts';
import { anthropic, openai } from './both.ts';

const readOpenai = (bodies: readonly unknown[]): readonly Delta[] => {
  const { read } = openai.upstream.streamReader();
  return bodies.flatMap((body) =>
    read({ event: null, data: typeof body === 'string' ? body : JSON.stringify(body) }),
  );
};
const readAnthropic = (
  bodies: readonly { type: string; [key: string]: unknown }[],
): readonly Delta[] => {
  const { read } = anthropic.upstream.streamReader();
  return bodies.flatMap((body) => read({ event: body.type, data: JSON.stringify(body) }));
};
const chunk = (delta: object, more: object = {}) => ({
  id: 'c',
  model: 'm',
  choices: [{ index: 0, delta, ...more }],
});
const said = (deltas: readonly Delta[]) => deltas.filter(({ kind }) => kind !== 'opened');
const usage = { prompt_tokens: 1, completion_tokens: 1 };

test('OpenAI: text of all choices counts, and each choice stops once', () => {
  const choice = (index: number, content: string, finish_reason: string | null) => ({
    id: 'c',
    choices: [{ index, delta: { content }, finish_reason }],
  });
  const deltas = readOpenai([
    choice(0, 'a', null),
    choice(1, 'b', 'stop'),
    choice(0, '', 'length'),
    choice(0, '', 'length'),
  ]);
  expect(said(deltas)).toMatchObject([
    { kind: 'text', text: 'a' },
    { kind: 'text', text: 'b' },
    { kind: 'stopped', reason: 'stop' },
    { kind: 'stopped', reason: 'length' },
  ]);
});

test("OpenAI: tool calls of several choices and of vendors' odd numbering stay apart", () => {
  const call = (
    index: number | undefined,
    id: string | undefined,
    name: string | undefined,
    text: string,
  ) => ({
    index,
    id,
    function: { name, arguments: text },
  });
  const deltas = readOpenai([
    chunk({ tool_calls: [call(0, 'a', 'f', '')] }),
    chunk({ tool_calls: [call(0, undefined, undefined, '{')] }),
    chunk({ tool_calls: [call(0, 'a', 'f', '}')] }), // id and name repeated
    chunk({ tool_calls: [call(0, 'b', 'g', '{}')] }), // another call under the same index
    chunk({ tool_calls: [call(undefined, 'c', 'h', '1'), call(undefined, 'd', 'i', '2')] }),
    chunk({ function_call: { name: 'old', arguments: '3' } }, { index: 1 }),
  ]);
  expect(said(deltas)).toEqual([
    { kind: 'tool_started', index: 0, id: 'a', name: 'f' },
    { kind: 'tool_arguments', index: 0, text: '{' },
    { kind: 'tool_arguments', index: 0, text: '}' },
    { kind: 'tool_started', index: 1, id: 'b', name: 'g' },
    { kind: 'tool_arguments', index: 1, text: '{}' },
    { kind: 'tool_started', index: 2, id: 'c', name: 'h' },
    { kind: 'tool_arguments', index: 2, text: '1' },
    { kind: 'tool_started', index: 3, id: 'd', name: 'i' },
    { kind: 'tool_arguments', index: 3, text: '2' },
    { kind: 'tool_started', index: 4, id: 'call_4', name: 'old' },
    { kind: 'tool_arguments', index: 4, text: '3' },
  ]);
});

test('OpenAI: reasoning comes under several names, and content as a list', () => {
  const deltas = readOpenai([
    chunk({ reasoning_content: 'a' }),
    chunk({ reasoning: 'b' }),
    chunk({
      content: [
        { type: 'thinking', thinking: [{ type: 'text', text: 'c' }] },
        { type: 'text', text: 'd' },
      ],
    }),
    chunk({ content: null, refusal: 'e', audio: { transcript: 'f' } }),
  ]);
  expect(said(deltas)).toEqual([
    { kind: 'reasoning', text: 'a' },
    { kind: 'reasoning', text: 'b' },
    { kind: 'reasoning', text: 'c' },
    { kind: 'text', text: 'd' },
    { kind: 'text', text: 'f' },
    { kind: 'refusal', text: 'e' },
  ]);
});

test('OpenAI: usage in passing is not the last word, usage alone or after the stop is', () => {
  const deltas = readOpenai([
    { ...chunk({ content: 'a' }), usage },
    { ...chunk({}, { finish_reason: 'stop' }), usage },
    { id: 'c', choices: [], usage },
    { id: 'c', choices: [], x_groq: { usage } },
    { id: 'c', choices: [], usage: null },
  ]);
  const finals = deltas.flatMap((delta) => (delta.kind === 'usage' ? [delta.final] : []));
  expect(finals).toEqual([false, true, true, true]);
});

test('OpenAI: an event without an id or choices does not open the reply', () => {
  const deltas = readOpenai([
    { id: '', model: '', choices: [], prompt_filter_results: [] },
    chunk({ content: 'a' }),
  ]);
  expect(deltas).toEqual([
    { kind: 'opened', id: 'c', model: 'm' },
    { kind: 'text', text: 'a' },
  ]);
});

test.each([
  [{ error: { message: 'Boom\n', type: 'server_error' } }, { type: 'server_error', code: '' }],
  [
    { error: { message: 'Boom', code: 'rate' }, choices: [] },
    { type: '', code: 'rate' },
  ],
  [{ error: { message: 'Boom', code: 429 } }, { type: '', code: '429' }],
  [{ error: 'Boom' }, { type: '', code: '' }],
])('OpenAI: an error inside the stream ends it: %j', (body, name) => {
  expect(readOpenai([body, chunk({ content: 'late' }), '[DONE]'])).toEqual([
    { kind: 'failed', by: 'theirs', message: 'Boom', param: null, ...name },
  ]);
});

test('OpenAI: nothing after the end is read', () => {
  expect(readOpenai(['[DONE]', chunk({ content: 'late' }), '[DONE]'])).toEqual([{ kind: 'ended' }]);
});

test.each([
  ['{"id":"c","choices":[],"usage":{"prompt_tokens":1}}', true],
  ['{"id":"c", "choices" : [ ] , "usage" : {}}', true],
  [
    '{"id":"c","choices":[{"delta":{"content":"\\"choices\\":[]"}}],"usage":{"prompt_tokens":1}}',
    false,
  ],
  ['{"id":"c","choices":[{"delta":{"content":"x","list":{"choices":[]}}}],"usage":{}}', false],
  ['{"id":"c","choices":[],"usage":null}', false],
  ['{"id":"c","choices":[],"prompt_filter_results":[]}', false],
  ['[DONE]', false],
  ['"usage" "choices":[]', false],
])('OpenAI: the event %s exists only because we asked: %s', (data, isExtra) => {
  expect(openai.passing.isExtraUsage({ event: null, data })).toBe(isExtra);
});

const start = (counts: object) => ({
  type: 'message_start',
  message: { id: 'm1', model: 'c', usage: counts },
});

test("Anthropic: usage adds up over the stream, and a null does not take back the cache's counts", () => {
  const deltas = readAnthropic([
    start({
      input_tokens: 10,
      cache_read_input_tokens: 90,
      output_tokens: 1,
      service_tier: 'standard',
    }),
    { type: 'message_delta', delta: { stop_reason: null }, usage: { output_tokens: 5 } },
    {
      type: 'message_delta',
      delta: { stop_reason: 'stop_sequence', stop_sequence: 'END' },
      usage: {
        input_tokens: null,
        cache_read_input_tokens: null,
        output_tokens: 9,
        server_tool_use: { web_search_requests: 1 },
      },
    },
    { type: 'message_stop' },
  ]);
  expect(deltas.at(-3)).toMatchObject({
    kind: 'usage',
    final: true,
    usage: {
      tokens: { input_uncached: 10, input_cache_read: 90, output_text: 9 },
      units: { web_searches: 1 },
      serviceTier: 'standard',
    },
  });
  expect(deltas.slice(-2)).toEqual([
    { kind: 'stopped', reason: 'stop', raw: 'stop_sequence', stopSequence: 'END' },
    { kind: 'ended' },
  ]);
  const finals = deltas.flatMap((delta) => (delta.kind === 'usage' ? [delta.final] : []));
  expect(finals).toEqual([false, true, true]);
});

test('Anthropic: tools of its own servers and citations are content of no meaning, unknown events are passed over, and tools are numbered without both', () => {
  const deltas = readAnthropic([
    start({ input_tokens: 1, output_tokens: 1 }),
    { type: 'ping' },
    {
      type: 'content_block_start',
      index: 0,
      content_block: { type: 'server_tool_use', id: 's', name: 'web_search', input: {} },
    },
    {
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'input_json_delta', partial_json: '{"q":1}' },
    },
    { type: 'content_block_stop', index: 0 },
    {
      type: 'content_block_start',
      index: 1,
      content_block: { type: 'web_search_tool_result', content: [] },
    },
    { type: 'content_block_start', index: 2, content_block: { type: 'text', text: 'so' } },
    { type: 'content_block_delta', index: 2, delta: { type: 'citations_delta', citation: {} } },
    { type: 'from_the_future', index: 9 },
    {
      type: 'content_block_start',
      index: 3,
      content_block: { type: 'tool_use', id: 't1', name: 'f', input: {} },
    },
    {
      type: 'content_block_delta',
      index: 3,
      delta: { type: 'input_json_delta', partial_json: '{}' },
    },
    {
      type: 'content_block_start',
      index: 4,
      content_block: { type: 'tool_use', id: 't2', name: 'g', input: {} },
    },
    {
      type: 'content_block_delta',
      index: 4,
      delta: { type: 'input_json_delta', partial_json: '[]' },
    },
  ]);
  expect(deltas.slice(2)).toEqual([
    { kind: 'other_content' },
    { kind: 'other_content' },
    { kind: 'text', text: 'so' },
    { kind: 'tool_started', index: 0, id: 't1', name: 'f' },
    { kind: 'tool_arguments', index: 0, text: '{}' },
    { kind: 'tool_started', index: 1, id: 't2', name: 'g' },
    { kind: 'tool_arguments', index: 1, text: '[]' },
  ]);
});

test('Anthropic: an error event ends the stream', () => {
  const error = { type: 'overloaded_error', message: 'Overloaded' };
  expect(readAnthropic([{ type: 'error', error }, { type: 'message_stop' }])).toEqual([
    {
      kind: 'failed',
      by: 'theirs',
      type: 'overloaded_error',
      code: '',
      message: 'Overloaded',
      param: null,
    },
  ]);
});

const head = { model: 'm', createdSeconds: 1, fallbackId: 'fb', wantsStreamUsage: true };

test('parallel tool calls that arrive mixed are told one after the other to an Anthropic client', () => {
  const write = anthropic.client.streamWriter(head);
  const text = write([
    { kind: 'opened', id: '', model: 'x' },
    { kind: 'tool_started', index: 0, id: 'a', name: 'f' },
    { kind: 'tool_started', index: 1, id: 'b', name: 'g' },
    { kind: 'tool_arguments', index: 1, text: '{"b"' },
    { kind: 'tool_arguments', index: 0, text: '{"a":1}' },
    { kind: 'text', text: 'and so' },
    { kind: 'tool_arguments', index: 1, text: ':2}' },
    { kind: 'stopped', reason: 'stop', raw: 'stop', stopSequence: null },
    { kind: 'ended' },
  ]);
  const events = text.split('\n\n').flatMap((event) => {
    const data = event.split('data: ')[1];
    return data === undefined ? [] : [JSON.parse(data)];
  });
  const blocks = events.filter(({ type }) => type.startsWith('content_block'));
  expect(events[0]).toMatchObject({ type: 'message_start', message: { id: 'fb', model: 'm' } });
  expect(blocks.map(({ type, index }) => `${type.slice(14)} ${index}`)).toEqual([
    'start 0',
    'delta 0',
    'delta 0',
    'stop 0',
    'start 1',
    'delta 1',
    'stop 1',
    'start 2',
    'delta 2',
    'stop 2',
  ]);
  const inputs = blocks.flatMap(({ delta }) => delta?.partial_json ?? []);
  expect(inputs).toEqual(['', '{"a":1}', '{"b":2}']);
  expect(events.at(-2)).toMatchObject({ delta: { stop_reason: 'tool_use' } });
});

test('a stream that did not end is not ended for the client either', () => {
  const deltas: Delta[] = [
    { kind: 'opened', id: 'a', model: 'x' },
    { kind: 'text', text: 'half' },
    unreadable('t', 'm'),
  ];
  expect(openai.client.streamWriter(head)(deltas)).not.toContain('[DONE]');
  expect(anthropic.client.streamWriter(head)(deltas)).not.toContain('message_stop');
});
