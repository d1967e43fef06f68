import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  inputTokens,
  noTokens,
  outputTokens,
  type Side,
  type Usage,
} from '../../../gateway/src/model/usage.ts';
import type { JsonObject } from '../../../gateway/src/model/json.ts';
import { readUsage as readAnthropic } from '../../../gateway/src/dialects/anthropic/usage.ts';
import { readUsage as readOpenai } from '../../../gateway/src/dialects/openai/usage.ts';

const used = (tokens: object, more: Partial<Usage> = {}) => ({
  tokens: { ...noTokens, ...tokens },
  units: {},
  clamped: false,
  serviceTier: null,
  dimensions: {},
  ...more,
});

test('OpenAI: cached, written, audio and image tokens lie inside the prompt, reasoning and audio inside the completion', () => {
  expect(
    readOpenai(
      {
        prompt_tokens: 1000,
        completion_tokens: 300,
        total_tokens: 1300,
        prompt_tokens_details: {
          cached_tokens: 600,
          cache_write_tokens: 100,
          audio_tokens: 50,
          image_tokens: 20,
        },
        completion_tokens_details: {
          reasoning_tokens: 200,
          audio_tokens: 30,
          accepted_prediction_tokens: 10,
          rejected_prediction_tokens: 5,
        },
      },
      'priority',
    ),
  ).toEqual(
    used(
      {
        input_uncached: 230,
        input_cache_read: 600,
        input_cache_write: 100,
        input_audio: 50,
        input_image: 20,
        output_text: 70,
        output_reasoning: 200,
        output_audio: 30,
      },
      { serviceTier: 'priority', dimensions: { service_tier: 'priority' } },
    ),
  );
});

test('OpenAI: usage of an embedding has no completion', () => {
  expect(readOpenai({ prompt_tokens: 8, total_tokens: 8 }, null)).toEqual(
    used({ input_uncached: 8 }),
  );
});

test('vendors: DeepSeek names its cache hits itself, xAI counts reasoning on top, and its total tells', () => {
  const deepseek = {
    prompt_tokens: 10,
    completion_tokens: 1,
    total_tokens: 11,
    prompt_cache_hit_tokens: 4,
  };
  expect(readOpenai(deepseek, null)).toEqual(
    used({ input_uncached: 6, input_cache_read: 4, output_text: 1 }),
  );
  const xai = {
    prompt_tokens: 10,
    completion_tokens: 5,
    total_tokens: 115,
    completion_tokens_details: { reasoning_tokens: 100 },
    num_sources_used: 3,
  };
  expect(readOpenai(xai, null)).toEqual(
    used(
      { input_uncached: 10, output_text: 5, output_reasoning: 100 },
      { units: { search_sources: 3 } },
    ),
  );
});

test.each([
  [
    'cached above the prompt',
    { prompt_tokens: 10, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 30 } },
    { input_cache_read: 10, output_text: 1 },
  ],
  [
    'cached and audio above the prompt',
    {
      prompt_tokens: 10,
      completion_tokens: 1,
      prompt_tokens_details: { cached_tokens: 8, audio_tokens: 8 },
    },
    { input_cache_read: 8, input_audio: 2, output_text: 1 },
  ],
  [
    'reasoning above the completion',
    {
      prompt_tokens: 1,
      completion_tokens: 10,
      completion_tokens_details: { reasoning_tokens: 11 },
    },
    { input_uncached: 1, output_reasoning: 10 },
  ],
  [
    'a total smaller than its parts',
    { prompt_tokens: 1, completion_tokens: 2, total_tokens: 2 },
    { input_uncached: 1, output_text: 2 },
  ],
])('OpenAI: %s is set right and marked', (_, usage, tokens) => {
  expect(readOpenai(usage, null)).toEqual(used(tokens, { clamped: true }));
});

test.each([
  ['a negative count', -5],
  ['a fraction', 3.7],
  ['a count in words', 'many'],
  ['a count past all reason', 9e15],
  ['a list', [7]],
])('%s cannot be: it is left out, whatever it is split into, and its side named', (_, count) => {
  const prompt = {
    prompt_tokens: count,
    completion_tokens: 2,
    total_tokens: 90,
    prompt_tokens_details: { cached_tokens: 9 },
  };
  const left = (tokens: object, ...sides: readonly Side[]) =>
    used(tokens, { clamped: true, impossible: sides });
  expect(readOpenai(prompt, null)).toEqual(left({ output_text: 2 }, 'input'));
  expect(readOpenai({ prompt_tokens: 7, completion_tokens: count }, null)).toEqual(
    left({ input_uncached: 7 }, 'output'),
  );
  expect(readOpenai({ prompt_tokens: count, completion_tokens: count }, null)).toEqual(
    left({}, 'input', 'output'),
  );
  expect(
    readAnthropic({ input_tokens: 7, cache_read_input_tokens: count, output_tokens: 2 }),
  ).toEqual(left({ output_text: 2 }, 'input'));
  expect(readAnthropic({ input_tokens: 7, output_tokens: count })).toEqual(
    left({ input_uncached: 7 }, 'output'),
  );
});

test('counts written as digits in text are counts', () => {
  expect(
    readOpenai({ prompt_tokens: '21', completion_tokens: '2', total_tokens: '23' }, null),
  ).toEqual(used({ input_uncached: 21, output_text: 2 }));
  expect(readAnthropic({ input_tokens: '21', output_tokens: '2' })).toEqual(
    used({ input_uncached: 21, output_text: 2 }),
  );
});

test("what a total has more than its parts is reasoning (Gemini's compatible endpoint, recorded)", () => {
  expect(readOpenai({ prompt_tokens: 35, completion_tokens: 12, total_tokens: 109 }, null)).toEqual(
    used({ input_uncached: 35, output_text: 12, output_reasoning: 62 }),
  );
});

test('a usage object without counts is no usage', () => {
  expect(readOpenai({}, null)).toBeNull();
  expect(readAnthropic({})).toBeNull();
});

test('Anthropic: cache reads and writes come on top of the input, writes are split by lifetime, thinking lies inside the output', () => {
  expect(
    readAnthropic({
      input_tokens: 10,
      cache_read_input_tokens: 1000,
      cache_creation_input_tokens: 300,
      cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 200 },
      output_tokens: 50,
      output_tokens_details: { thinking_tokens: 20 },
      server_tool_use: { web_search_requests: 2, web_fetch_requests: 1 },
      service_tier: 'standard',
    }),
  ).toEqual(
    used(
      {
        input_uncached: 10,
        input_cache_read: 1000,
        input_cache_write: 100,
        input_cache_write_long: 200,
        output_text: 30,
        output_reasoning: 20,
      },
      {
        units: { web_searches: 2, web_fetches: 1 },
        serviceTier: 'standard',
        dimensions: { service_tier: 'standard' },
      },
    ),
  );
});

test('Anthropic: writes without a split are of the ordinary lifetime, a split that does not add up is marked', () => {
  const usage = { input_tokens: 1, output_tokens: 1, cache_creation_input_tokens: 9 };
  expect(readAnthropic({ ...usage, cache_creation: null })).toEqual(
    used({ input_uncached: 1, output_text: 1, input_cache_write: 9 }),
  );
  expect(readAnthropic({ ...usage, cache_creation: { ephemeral_1h_input_tokens: 4 } })).toEqual(
    used(
      { input_uncached: 1, output_text: 1, input_cache_write: 5, input_cache_write_long: 4 },
      { clamped: true },
    ),
  );
});

const count = fc.oneof(
  fc.nat(1_000_000),
  fc.constantFrom(-1, 0.5, 2 ** 31, 2 ** 53, NaN, null, '3', undefined, [], {}),
);
const details = fc.oneof(
  fc.record({
    cached_tokens: count,
    cache_write_tokens: count,
    audio_tokens: count,
    image_tokens: count,
    reasoning_tokens: count,
    thinking_tokens: count,
    ephemeral_5m_input_tokens: count,
    ephemeral_1h_input_tokens: count,
  }),
  fc.constantFrom(null, 7, 'x'),
);
// oxfmt-ignore
const anyUsage = fc.record({
  prompt_tokens: count, completion_tokens: count, total_tokens: count, prompt_tokens_details: details, completion_tokens_details: details,
  input_tokens: count, output_tokens: count, cache_read_input_tokens: count, cache_creation_input_tokens: count, cache_creation: details,
  output_tokens_details: details,
});

test('whatever a provider says, buckets are whole numbers of 0 or more, and unmarked ones add up to its counts', () => {
  fc.assert(
    fc.property(anyUsage, (said) => {
      const usage = JSON.parse(JSON.stringify(said));
      for (const read of [readOpenai(usage, null), readAnthropic(usage)]) {
        for (const tokens of Object.values(read?.tokens ?? {})) {
          expect(Number.isSafeInteger(tokens) && tokens >= 0).toBe(true);
        }
      }
      const openai = readOpenai(usage, null);
      const total = Number(usage.total_tokens ?? 0);
      if (openai !== null && !openai.clamped && total > 0) {
        expect(inputTokens(openai.tokens)).toBe(Number(usage.prompt_tokens ?? 0));
        expect(inputTokens(openai.tokens) + outputTokens(openai.tokens)).toBe(total);
      }
      const anthropic = readAnthropic(usage);
      if (anthropic !== null && !anthropic.clamped && usage.cache_creation === null) {
        const {
          input_tokens: fresh,
          cache_read_input_tokens: cached,
          cache_creation_input_tokens: written,
        } = usage;
        expect(inputTokens(anthropic.tokens)).toBe(
          Number(fresh ?? 0) + Number(cached ?? 0) + Number(written ?? 0),
        );
        expect(outputTokens(anthropic.tokens)).toBe(Number(usage.output_tokens ?? 0));
      }
    }),
    { numRuns: 1000 },
  );
});

test('what may change the price is named: tier, speed, region, a cost that the provider tells', () => {
  const counts = { input_tokens: 1, output_tokens: 1 };
  const dimensions = { service_tier: 'priority', speed: 'fast', inference_geo: 'us' };
  expect(readAnthropic({ ...counts, ...dimensions })?.dimensions).toEqual(dimensions);
  expect(readAnthropic({ ...counts, speed: null })?.dimensions).toEqual({});
  const openai = { prompt_tokens: 1, completion_tokens: 1 };
  expect(readOpenai({ ...openai, cost: 0.01 }, 'flex')?.dimensions).toEqual({
    service_tier: 'flex',
    reported_cost: 'said',
  });
  expect(readOpenai({ ...openai, cost: null }, null)?.dimensions).toEqual({});
});

// oxfmt-ignore
test.each<[string, JsonObject, number | undefined]>([
  ['OpenRouter: dollars', { cost: 0.01355025 }, 13_550_250_000],
  ['OpenRouter, with an account of one\'s own at the upstream: both bills', { cost: 0.0005, is_byok: true, cost_details: { upstream_inference_cost: 0.01 } }, 10_500_000_000],
  ['OpenRouter, without: its price holds the upstream\'s', { cost: 0.0105, is_byok: false, cost_details: { upstream_inference_cost: 0.01 } }, 10_500_000_000],
  ['nothing', { cost: 0 }, 0],
  ['Perplexity: a total of parts', { cost: { input_tokens_cost: 0.1, request_cost: 0.005, total_cost: 0.105 } }, 105_000_000_000],
  ['xAI: ticks', { cost_in_usd_ticks: 12_345 }, 1_234_500],
  ['no number', { cost: '0.01' }, undefined],
  ['below nothing', { cost: -1 }, undefined],
  ['more than a call can cost', { cost: 9001 }, undefined],
  ['half a tick', { cost_in_usd_ticks: 0.5 }, undefined],
])('a cost that the provider tells: %s', (_, said, picodollars) => {
  const usage = readOpenai({ prompt_tokens: 1, completion_tokens: 1, ...said }, null);
  expect(usage?.reportedPicodollars).toBe(picodollars);
  expect(usage?.dimensions).toEqual({ reported_cost: 'said' });
});

test('Anthropic: passes over the conversation are what is billed, and the counts beside them are those of the last one', () => {
  const pass = (input: number, output: number, more: JsonObject = {}): JsonObject => ({
    input_tokens: input,
    output_tokens: output,
    ...more,
  });
  const usage = readAnthropic({
    ...pass(10, 20),
    iterations: [
      pass(100, 200, {
        type: 'compaction',
        cache_creation_input_tokens: 7,
        cache_creation: { ephemeral_1h_input_tokens: 3, ephemeral_5m_input_tokens: 4 },
      }),
      pass(1000, 2000, { type: 'advisor_message', model: 'claude-advisor' }),
      pass(10, 20, { type: 'message' }),
      'no pass',
    ],
  });
  expect(usage).toMatchObject({
    clamped: false,
    tokens: {
      input_uncached: 110,
      output_text: 220,
      input_cache_write: 4,
      input_cache_write_long: 3,
    },
    others: [{ model: 'claude-advisor', tokens: { input_uncached: 1000, output_text: 2000 } }],
  });
  expect(readAnthropic({ ...pass(10, 20), iterations: [] })).toMatchObject({
    tokens: { input_uncached: 10 },
  });
  // More passes than any reply has are no truth.
  const many = readAnthropic({
    ...pass(1, 1),
    iterations: Array.from({ length: 200 }, () => pass(1, 1)),
  });
  expect(many).toMatchObject({ clamped: true, tokens: { input_uncached: 100 } });
});

test('Anthropic: tools of the server that nobody here knows are counted, fields that are no counts are not', () => {
  const usage = { input_tokens: 1, output_tokens: 1 };
  expect(
    readAnthropic({ ...usage, server_tool_use: { brand_new_requests: 3, note: 'x', more: {} } }),
  ).toEqual(used({ input_uncached: 1, output_text: 1 }, { units: { other_server_tools: 3 } }));
});
