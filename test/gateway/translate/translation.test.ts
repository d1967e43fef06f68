import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import type { DialectName } from '../../../gateway/src/model/call.ts';
import { parseObject, type JsonObject } from '../../../gateway/src/model/json.ts';
import { clientDialects, upstreamDialects } from '../../../gateway/src/dialects/registry.ts';
import { standardTraits } from '../../../gateway/src/dialects/dialect.ts';

const translate = (
  from: DialectName,
  to: DialectName,
  body: JsonObject,
  { traits = standardTraits, model = 'upstream' } = {},
) => {
  const read = clientDialects[from].read(body);
  if (read.kind === 'bad') return read;
  const written = upstreamDialects[to].write(read.value, model, traits);
  return written.kind === 'bad'
    ? written
    : { ...written, dropped: [...read.dropped, ...written.dropped] };
};

// A case is a file: what the client sends, a line of dashes, what the provider gets.
const casesOf = (folder: string) =>
  globSync(join(import.meta.dirname, 'translation', folder, '*.txt')).map((path) => {
    const [given = '', expected = ''] = readFileSync(path, 'utf8').split('\n---\n');
    return {
      name: basename(path, '.txt'),
      given: parseObject(given),
      expected: parseObject(expected),
    };
  });

test.each(casesOf('openai-to-anthropic'))('OpenAI to Anthropic: $name', ({ given, expected }) => {
  expect(clientDialects.openai.check(given ?? {}, 'chat').kind).toBe('ok');
  expect(translate('openai', 'anthropic', given ?? {})).toMatchObject({
    kind: 'ok',
    value: expected ?? {},
  });
});
test.each(casesOf('anthropic-to-openai'))('Anthropic to OpenAI: $name', ({ given, expected }) => {
  expect(clientDialects.anthropic.check(given ?? {}, 'chat').kind).toBe('ok');
  expect(translate('anthropic', 'openai', given ?? {})).toMatchObject({
    kind: 'ok',
    value: expected ?? {},
  });
});
test('there are cases in both directions', () => {
  expect(casesOf('openai-to-anthropic').length).toBeGreaterThan(2);
  expect(casesOf('anthropic-to-openai').length).toBeGreaterThan(2);
});

const messages = [{ role: 'user', content: 'x' }];
const part = (type: string) => ({ messages: [{ role: 'user', content: [{ type, [type]: {} }] }] });
const said = (message: object) => ({ messages: [...messages, { role: 'assistant', ...message }] });

// oxfmt-ignore
const openaiProblems: readonly (readonly [object, string])[] = [
  [{ n: 2 }, 'n'], [{ seed: 1 }, 'seed'], [{ logprobs: true }, 'logprobs'], [{ top_logprobs: 3 }, 'top_logprobs'],
  [{ frequency_penalty: 0.1 }, 'frequency_penalty'], [{ presence_penalty: -1 }, 'presence_penalty'], [{ logit_bias: { 5: 1 } }, 'logit_bias'],
  [{ modalities: ['text', 'audio'] }, 'modalities'],
  [{ audio: { voice: 'x' } }, 'audio'], [{ prediction: {} }, 'prediction'],
  [{ web_search_options: {} }, 'web_search_options'], [{ functions: [] }, 'functions'], [{ verbosity: 'low' }, 'verbosity'],
  [{ invented_yesterday: 1 }, 'invented_yesterday'], [{ stream_options: { invented: 1 } }, 'stream_options.invented'],
  [{ reasoning_effort: 'minimal' }, 'reasoning_effort'], [{ response_format: { type: 'json_object' } }, 'response_format.type'],
  [{ temperature: 1.5 }, 'temperature'], [{ tools: [{ type: 'custom', custom: {} }] }, 'tools[0].type'],
  [{ tools: [{ type: 'function', function: { name: 'f', odd: 1 } }] }, 'tools[0].function.odd'],
  [{ tool_choice: { type: 'allowed_tools' } }, 'tool_choice'],
  [part('input_audio'), 'messages[0].content[0].type'], [part('file'), 'messages[0].content[0].type'],
  [{ messages: [{ role: 'user', content: 'x', name: 'Bob' }] }, 'messages[0].name'],
  [{ messages: [{ role: 'function', name: 'f', content: 'x' }] }, 'messages[0].role'],
  [said({ content: 'x', audio: { id: 'a' } }), 'messages[1].audio'],
  [said({ tool_calls: [{ id: 'c', type: 'custom', custom: {} }] }), 'messages[1].tool_calls[0].type'],
];
test.each(openaiProblems)('OpenAI to Anthropic: %j is refused by name', (more, param) => {
  expect(translate('openai', 'anthropic', { model: 'm', messages, ...more })).toMatchObject({
    kind: 'bad',
    problem: { code: 'unsupported_parameter', param },
  });
});

// oxfmt-ignore
const anthropicProblems: readonly (readonly [object, string])[] = [
  [{ top_k: 5 }, 'top_k'], [{ stop_sequences: ['1', '2', '3', '4', '5'] }, 'stop_sequences'], [{ container: 'c' }, 'container'],
  [{ thinking: { type: 'new' } }, 'thinking.type'], [{ inference_geo: 'us' }, 'inference_geo'],
  [{ mcp_servers: [{ url: 'x' }] }, 'mcp_servers'], [{ invented_yesterday: 1 }, 'invented_yesterday'],
  [{ tool_choice: { type: 'any', odd: 1 } }, 'tool_choice.odd'],
  [{ output_config: { odd: 1 } }, 'output_config.odd'],
  [{ tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, 'tools[0].type'],
  [{ tools: [{ name: 'f', input_schema: {}, defer_loading: true }] }, 'tools[0].defer_loading'],
  [part('document'), 'messages[0].content[0].type'], [part('search_result'), 'messages[0].content[0].type'],
  [{ messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'file', file_id: 'f' } }] }] }, 'messages[0].content[0].source.type'],
  [{ messages: [{ role: 'user', content: [{ type: 'text', text: 'x', citations: [{}] }] }] }, 'messages[0].content[0].citations'],
  [{ messages: [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: [{ type: 'image', source: {} }] }] }] }, 'messages[0].content[0].content[0].type'],
  [said({ content: [{ type: 'server_tool_use', id: 's', name: 'web_search', input: {} }] }), 'messages[1].content[0].type'],
  [{ system: [{ type: 'image' }] }, 'system[0].type'],
];
test.each(anthropicProblems)('Anthropic to OpenAI: %j is refused by name', (more, param) => {
  expect(
    translate('anthropic', 'openai', { model: 'm', max_tokens: 5, messages, ...more }),
  ).toMatchObject({
    kind: 'bad',
    problem: { code: 'unsupported_parameter', param },
  });
});

// oxfmt-ignore
const wrong: readonly (readonly [DialectName, object, string])[] = [
  ['openai', { messages: ['x'] }, 'messages[0]'],
  ['openai', { messages: [{ role: 'user', content: 5 }] }, 'messages[0].content'],
  ['openai', { messages: [{ role: 'user', content: [{ type: 'text' }] }] }, 'messages[0].content[0].text'],
  ['openai', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'ftp://x' } }] }] }, 'messages[0].content[0].image_url.url'],
  ['openai', { messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].tool_call_id'],
  ['openai', said({ tool_calls: [{ id: 'c', function: { name: 'f', arguments: '[1]' } }] }), 'messages[1].tool_calls[0].function.arguments'],
  ['openai', { stop: [1] }, 'stop'],
  ['openai', { tools: {} }, 'tools'],
  ['openai', { response_format: { type: 'json_schema' } }, 'response_format.json_schema.schema'],
  ['anthropic', { messages: [{ role: 'user' }] }, 'messages[0].content'],
  ['anthropic', { tools: [{ name: 'f' }] }, 'tools[0].input_schema'],
  ['anthropic', said({ content: [{ type: 'tool_use', id: 't', name: 'f', input: '{}' }] }), 'messages[1].content[0].input'],
];
test.each(wrong)('%s: a wrong value %j is named', (from, more, param) => {
  const to = from === 'openai' ? 'anthropic' : 'openai';
  expect(translate(from, to, { model: 'm', max_tokens: 5, messages, ...more })).toMatchObject({
    kind: 'bad',
    problem: { code: 'invalid_value', param },
  });
});

test('a vendor that knows only the older field for the limit gets that one, and is not asked for usage', () => {
  const body = { model: 'm', max_tokens: 5, messages, stream: true };
  const traits = { usageUnasked: true, olderMaxTokens: true };
  expect(translate('anthropic', 'openai', body, { traits })).toEqual({
    kind: 'ok',
    dropped: [],
    value: { model: 'upstream', messages, max_tokens: 5, stream: true },
  });
});

test('no problem repeats what the client wrote', () => {
  for (const [body] of openaiProblems) {
    const secret = {
      model: 'm',
      messages: [{ role: 'user', content: 'TOP-SECRET', name: 'TOP-SECRET' }],
      ...body,
    };
    expect(JSON.stringify(translate('openai', 'anthropic', secret))).not.toContain('TOP-SECRET');
  }
});

const long = (chars: number): string => 'u'.repeat(chars);

// oxfmt-ignore
const steering: readonly (readonly [DialectName, object, readonly string[], string?])[] = [
  ['openai', { store: true }, ['store']], ['openai', { store: false }, []], ['openai', { metadata: { a: 'b' } }, ['metadata']],
  ['openai', { service_tier: 'flex' }, ['service_tier']], ['openai', { service_tier: 'auto' }, []],
  ['openai', { prompt_cache_key: 'k', prompt_cache_retention: '24h' }, ['prompt_cache_key', 'prompt_cache_retention']],
  ['openai', { safety_identifier: long(257) }, ['safety_identifier']], ['openai', { user: long(256) }, []],
  ['openai', { stream_options: { include_obfuscation: false } }, ['stream_options.include_obfuscation']],
  ['openai', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://x', detail: 'low' } }] }] }, ['messages[].content[].image_url.detail']],
  ['openai', { reasoning_effort: 'high' }, ['reasoning_effort'], 'claude-sonnet-4-5'], ['openai', { reasoning_effort: 'high' }, [], 'claude-opus-4-6'],
  ['anthropic', { context_management: { edits: [] } }, ['context_management']], ['anthropic', { service_tier: 'standard_only' }, ['service_tier']],
  ['anthropic', { speed: 'fast' }, ['speed']], ['anthropic', { mcp_servers: [] }, []],
  ['anthropic', { metadata: { user_id: 'u', more: 1 } }, ['metadata']], ['anthropic', { metadata: { user_id: long(129) } }, ['metadata.user_id']],
  ['anthropic', { system: [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral' } }] }, ['system[].cache_control']],
  ['anthropic', { tools: [{ name: 'f', input_schema: {}, cache_control: { type: 'ephemeral' } }, { name: 'g', input_schema: {}, cache_control: { type: 'ephemeral' } }] }, ['tools[].cache_control']],
  ['anthropic', { thinking: { type: 'enabled', budget_tokens: 1024 } }, ['thinking.budget_tokens'], 'gpt-4o'],
  ['anthropic', { thinking: { type: 'enabled', budget_tokens: 1024 } }, ['thinking.budget_tokens'], 'some-model'],
  ['anthropic', { thinking: { type: 'enabled', budget_tokens: 1024, display: 'omitted' } }, ['thinking.display'], 'gpt-5-mini'],
  ['anthropic', { output_config: { effort: 'low' } }, ['output_config.effort'], 'openai/gpt-4o'], ['anthropic', { output_config: { effort: 'low' } }, [], 'some-model'],
];
test.each(
  steering.map(([from, more, fields, model = 'upstream']) => ({ from, more, fields, model })),
)(
  '$from: $more steers the provider of $model only, and is left out: $fields',
  ({ from, more, fields, model }) => {
    const to = from === 'openai' ? 'anthropic' : 'openai';
    const body = { model: 'm', max_tokens: 5, messages, ...more };
    const said = translate(from, to, body, { model });
    expect(said).toMatchObject({ kind: 'ok' });
    expect(said.kind === 'ok' && said.dropped).toEqual(fields);
  },
);

test.each([
  [1_024, 'low'],
  [8_000, 'medium'],
  [31_999, 'high'],
])(
  'a budget of %i tokens for thinking is effort %s for a model that takes it',
  (budget, effort) => {
    const body = {
      model: 'm',
      max_tokens: 5,
      messages,
      thinking: { type: 'enabled', budget_tokens: budget },
    };
    expect(translate('anthropic', 'openai', body, { model: 'gpt-5' })).toMatchObject({
      value: { reasoning_effort: effort },
      dropped: [],
    });
  },
);

test('what Anthropic would refuse is said so that it does not: closed schemas, someone to answer, cache marks', () => {
  const schema = {
    type: 'object',
    properties: { a: { type: 'object', properties: {} }, b: { enum: [{ type: 'object' }] } },
  };
  const format = { type: 'json_schema', json_schema: { name: 'x', schema } };
  expect(
    translate('openai', 'anthropic', { model: 'm', messages, response_format: format }),
  ).toMatchObject({
    value: {
      output_config: {
        format: {
          schema: {
            additionalProperties: false,
            properties: { a: { additionalProperties: false }, b: { enum: [{ type: 'object' }] } },
          },
        },
      },
    },
  });
  const alone = [
    {
      role: 'system',
      content: [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral', ttl: '1h' } }],
    },
  ];
  expect(translate('openai', 'anthropic', { model: 'm', messages: alone })).toMatchObject({
    value: {
      messages: [
        { role: 'user', content: [{ text: 'x', cache_control: { type: 'ephemeral', ttl: '1h' } }] },
      ],
    },
    dropped: [],
  });
});
