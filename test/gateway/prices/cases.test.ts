/**
 * What calls cost by the price lists of their providers, worked out by hand: lines of tokens at dollars per million. Typed from the
 * providers' pages (developers.openai.com/api/docs/pricing, openai.com/api-priority-processing, platform.claude.com/docs/en/about-claude/pricing,
 * groq.com/pricing, docs.mistral.ai/inference/pricing, api-docs.deepseek.com/quick_start/pricing, docs.x.ai/docs/models, aws.amazon.com/bedrock/pricing,
 * azure.microsoft.com/pricing), as of 2026-11-29, and not from the catalogue.
 */
import { expect, test } from 'vitest';
import { readUsage as readAnthropic } from '../../../gateway/src/dialects/anthropic/usage.ts';
import { readUsage as readOpenai } from '../../../gateway/src/dialects/openai/usage.ts';
import { charge, dimensionsOf } from '../../../gateway/src/decide/price.ts';
import type { PriceStatus } from '../../../gateway/src/contract/ledger.ts';
import type { JsonObject } from '../../../gateway/src/model/json.ts';
import { usdText } from '../../../gateway/src/model/money.ts';
import type { Dimensions } from '../../../gateway/src/model/usage.ts';
import { shippedCatalogue } from '../../../gateway/src/edge/prices/catalog.ts';
import { listsOf, priceTable } from '../../../gateway/src/prices/table.ts';

const { vendors } = shippedCatalogue();
const table = priceTable(
  'v',
  new Map([...vendors.keys()].map((name) => [name, listsOf(vendors, name)])),
  [],
);

/** A quantity at dollars per million. */
type Line = readonly [quantity: number, usdPerMillion: string];

/** The sum of lines in pico-dollars: a dollar per million is 10^6 pico-dollars. */
const byHand = (lines: readonly Line[]): string => {
  const millionths = lines.reduce((sum, [quantity, usd]) => {
    const [whole = '0', fraction = ''] = usd.split('.');
    return sum + BigInt(quantity) * BigInt(whole + fraction.padEnd(6, '0'));
  }, 0n);
  return usdText(millionths);
};

const day = Date.parse('2026-11-29T12:00:00Z');
interface Case {
  readonly vendor: string;
  readonly model: string;
  readonly answered?: string;
  readonly usage: JsonObject;
  readonly lines: readonly Line[];
  readonly status?: PriceStatus;
  readonly tier?: string;
  readonly asked?: Dimensions;
  readonly atMs?: number;
}

const costOf = ({ vendor, model, answered = model, usage, tier, asked = {}, atMs = day }: Case) => {
  const isAnthropic = usage['input_tokens'] !== undefined;
  const read = isAnthropic ? readAnthropic(usage) : readOpenai(usage, tier ?? null);
  if (read === null) throw new Error('no usage');
  const price = table.find(vendor, { asked: model, answered }, atMs);
  const { total, priceStatus } = charge(
    read,
    price,
    dimensionsOf(asked, answered, read.dimensions),
  );
  return { usd: usdText(total), status: priceStatus };
};

const chat = (
  prompt: number,
  completion: number,
  inPrompt: JsonObject = {},
  inCompletion: JsonObject = {},
): JsonObject => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  total_tokens: prompt + completion,
  prompt_tokens_details: inPrompt,
  completion_tokens_details: inCompletion,
});
const message = (input: number, output: number, more: JsonObject = {}): JsonObject => ({
  input_tokens: input,
  output_tokens: output,
  ...more,
});
const written = (short: number, long: number): JsonObject => ({
  cache_creation_input_tokens: short + long,
  cache_creation: { ephemeral_5m_input_tokens: short, ephemeral_1h_input_tokens: long },
});
const at = (time: string): number => Date.parse(`2026-11-25T${time}Z`);

// oxfmt-ignore
const cases: readonly Case[] = [
  // OpenAI: three rates a model, cached tokens within the prompt.
  { vendor: 'openai', model: 'gpt-4o', answered: 'gpt-4o-2024-11-20', usage: chat(1000, 100, { cached_tokens: 400 }), lines: [[600, '2.5'], [400, '1.25'], [100, '10']] },
  { vendor: 'openai', model: 'gpt-4o-mini', usage: chat(999, 77), lines: [[999, '0.15'], [77, '0.6']] },
  { vendor: 'openai', model: 'gpt-4.1', answered: 'gpt-4.1-2025-04-14', usage: chat(5000, 1, { cached_tokens: 5000 }), lines: [[5000, '0.5'], [1, '8']] },
  { vendor: 'openai', model: 'gpt-4.1-mini', usage: chat(33, 3), lines: [[33, '0.4'], [3, '1.6']] },
  { vendor: 'openai', model: 'gpt-4-turbo', answered: 'gpt-4-turbo-2024-04-09', usage: chat(10, 10), lines: [[10, '10'], [10, '30']] },
  { vendor: 'openai', model: 'gpt-4', answered: 'gpt-4-0613', usage: chat(10, 10), lines: [[10, '30'], [10, '60']] },
  { vendor: 'openai', model: 'gpt-3.5-turbo', answered: 'gpt-3.5-turbo-0125', usage: chat(10, 10), lines: [[10, '0.5'], [10, '1.5']] },
  { vendor: 'openai', model: 'o3', answered: 'o3-2025-04-16', usage: chat(1000, 2000, { cached_tokens: 100 }, { reasoning_tokens: 1900 }), lines: [[900, '2'], [100, '0.5'], [2000, '8']] },
  { vendor: 'openai', model: 'o4-mini', usage: chat(7, 9, {}, { reasoning_tokens: 9 }), lines: [[7, '1.1'], [9, '4.4']] },
  { vendor: 'openai', model: 'o1-pro', usage: chat(7, 9), lines: [[7, '150'], [9, '600']] },
  { vendor: 'openai', model: 'gpt-5-mini', answered: 'gpt-5-mini-2025-08-07', usage: chat(1234, 56, { cached_tokens: 1024 }), lines: [[210, '0.25'], [1024, '0.025'], [56, '2']] },
  { vendor: 'openai', model: 'gpt-5-nano', usage: chat(3, 1), lines: [[3, '0.05'], [1, '0.4']] },
  { vendor: 'openai', model: 'text-embedding-3-large', usage: { prompt_tokens: 9, total_tokens: 9 }, lines: [[9, '0.13']] },
  // Before and after o3's price fell by four fifths on 2025-06-10.
  { vendor: 'openai', model: 'o3', usage: chat(100, 100), lines: [[100, '10'], [100, '40']], atMs: Date.parse('2025-06-09T12:00:00Z') },
  { vendor: 'openai', model: 'o3', usage: chat(100, 100), lines: [[100, '2'], [100, '8']], atMs: Date.parse('2025-06-11T12:00:00Z') },
  // Tiers of service, as the reply or the usage says.
  { vendor: 'openai', model: 'gpt-4o', usage: chat(100, 10, { cached_tokens: 50 }), tier: 'priority', lines: [[50, '4.25'], [50, '2.125'], [10, '17']] },
  { vendor: 'openai', model: 'gpt-4o', usage: chat(100, 10), tier: 'fast', lines: [[100, '4.25'], [10, '17']] },
  { vendor: 'openai', model: 'gpt-4o-mini', usage: chat(100, 10), tier: 'priority', lines: [[100, '0.25'], [10, '1']] },
  { vendor: 'openai', model: 'gpt-4.1-mini', usage: chat(100, 10), tier: 'priority', lines: [[100, '0.7'], [10, '2.8']] },
  { vendor: 'openai', model: 'gpt-5', usage: chat(100, 10, { cached_tokens: 20 }), tier: 'flex', lines: [[80, '0.625'], [20, '0.0625'], [10, '5']] },
  { vendor: 'openai', model: 'gpt-5', usage: chat(100, 10, { cached_tokens: 20 }), tier: 'priority', lines: [[80, '2.5'], [20, '0.25'], [10, '20']] },
  { vendor: 'openai', model: 'gpt-5-mini', usage: chat(100, 10), tier: 'flex', lines: [[100, '0.125'], [10, '1']] },
  { vendor: 'openai', model: 'o3', usage: chat(100, 10, {}, { reasoning_tokens: 7 }), tier: 'priority', lines: [[100, '3.5'], [10, '14']] },
  { vendor: 'openai', model: 'o4-mini', usage: chat(100, 10, {}, { reasoning_tokens: 7 }), tier: 'flex', lines: [[100, '0.55'], [10, '2.2']] },
  { vendor: 'openai', model: 'gpt-5.4', usage: chat(100, 10, { cached_tokens: 40 }), tier: 'flex', lines: [[60, '1.25'], [40, '0.13'], [10, '7.5']] },
  { vendor: 'openai', model: 'gpt-4o', usage: chat(100, 10), tier: 'default', asked: { service_tier: 'auto' }, lines: [[100, '2.5'], [10, '10']] },
  { vendor: 'openai', model: 'gpt-4o', usage: chat(100, 10), asked: { service_tier: 'priority' }, lines: [[100, '4.25'], [10, '17']] },
  { vendor: 'openai', model: 'gpt-4o', usage: chat(100, 10), tier: 'scale', lines: [[100, '2.5'], [10, '10']], status: 'partly_unpriced' },
  // "More than 272K": the whole call moves, the bound itself does not.
  { vendor: 'openai', model: 'gpt-5.4', usage: chat(272_000, 10), lines: [[272_000, '2.5'], [10, '15']] },
  { vendor: 'openai', model: 'gpt-5.4', usage: chat(272_001, 10, { cached_tokens: 1 }), lines: [[272_000, '5'], [1, '0.5'], [10, '22.5']] },
  { vendor: 'openai', model: 'gpt-5.4', usage: chat(272_001, 10), tier: 'flex', lines: [[272_001, '2.5'], [10, '11.25']] },
  { vendor: 'openai', model: 'gpt-5.6-sol', usage: chat(300_000, 10, { cache_write_tokens: 100_000, cached_tokens: 100_000 }), lines: [[100_000, '8'], [100_000, '10'], [100_000, '0.8'], [10, '30']] },
  // Models that search on every call do so once, at their own price.
  { vendor: 'openai', model: 'gpt-4o-search-preview', usage: chat(100, 10), lines: [[100, '2.5'], [10, '10'], [1, '25000']] },
  { vendor: 'openai', model: 'gpt-4o-mini-search-preview', usage: chat(100, 10), lines: [[100, '0.15'], [10, '0.6'], [1, '25000']] },
  // Trained models.
  { vendor: 'openai', model: 'ft:gpt-4o-2024-08-06:acme::x', usage: chat(100, 10, { cached_tokens: 50 }), lines: [[50, '3.75'], [50, '1.875'], [10, '15']] },
  { vendor: 'openai', model: 'ft:gpt-4o-2024-11-20:acme::x', usage: chat(100, 10, { cached_tokens: 50 }), lines: [[50, '3.75'], [50, '1.875'], [10, '15']] },
  { vendor: 'openai', model: 'ft:gpt-4.1-nano-2025-04-14:acme:mine:x', usage: chat(100, 10, { cached_tokens: 50 }), lines: [[50, '0.2'], [50, '0.05'], [10, '0.8']] },
  // A version that nobody lists yet is not the one that its name begins with.
  { vendor: 'openai', model: 'gpt-4.15', usage: chat(100, 10), lines: [], status: 'unpriced' },
  { vendor: 'anthropic', model: 'claude-opus-4-99', usage: message(100, 10), lines: [], status: 'unpriced' },
  // Anthropic: writes by lifetime, reads and writes on top of the input.
  { vendor: 'anthropic', model: 'claude-opus-4-5', answered: 'claude-opus-4-5-20251101', usage: message(10, 20, { cache_read_input_tokens: 30, ...written(40, 50) }), lines: [[10, '5'], [30, '0.5'], [40, '6.25'], [50, '10'], [20, '25']] },
  { vendor: 'anthropic', model: 'claude-haiku-4-5', answered: 'claude-haiku-4-5-20251001', usage: message(10, 20, { cache_read_input_tokens: 30, ...written(40, 50) }), lines: [[10, '1'], [30, '0.1'], [40, '1.25'], [50, '2'], [20, '5']] },
  { vendor: 'anthropic', model: 'claude-3-5-haiku-20241022', usage: message(10, 20, { cache_read_input_tokens: 30, ...written(40, 50) }), lines: [[10, '0.8'], [30, '0.08'], [40, '1'], [50, '1.6'], [20, '4']] },
  { vendor: 'anthropic', model: 'claude-opus-4-20250514', usage: message(10, 20, { cache_read_input_tokens: 30, ...written(40, 50) }), lines: [[10, '15'], [30, '1.5'], [40, '18.75'], [50, '30'], [20, '75']] },
  { vendor: 'anthropic', model: 'claude-3-7-sonnet-20250219', usage: message(10, 20), lines: [[10, '3'], [20, '15']] },
  { vendor: 'anthropic', model: 'claude-sonnet-4-6', usage: message(10, 20, { inference_geo: 'us', ...written(40, 50) }), lines: [[10, '3.3'], [40, '4.125'], [50, '6.6'], [20, '16.5']] },
  { vendor: 'anthropic', model: 'claude-sonnet-5-5', usage: message(10, 20, { cache_read_input_tokens: 1000 }), lines: [[10, '2'], [1000, '0.1'], [20, '10']] },
  { vendor: 'anthropic', model: 'claude-opus-5-5', usage: message(10, 20, { speed: 'fast', cache_read_input_tokens: 30, ...written(40, 50) }), lines: [[10, '8'], [30, '0.4'], [40, '10'], [50, '16'], [20, '40']] },
  { vendor: 'anthropic', model: 'claude-opus-5-5', usage: message(10, 20, { speed: 'fast', inference_geo: 'us' }), lines: [[10, '8.8'], [20, '44']] },
  { vendor: 'anthropic', model: 'claude-haiku-5-5', usage: message(100_000, 20), lines: [[100_000, '0.1'], [20, '0.5']] },
  { vendor: 'anthropic', model: 'claude-haiku-5-5', usage: message(100_001, 20), lines: [[100_001, '0.5'], [20, '2.5']] },
  { vendor: 'anthropic', model: 'claude-sonnet-4-5', usage: message(10, 20, { server_tool_use: { web_search_requests: 3, web_fetch_requests: 5 } }), lines: [[10, '3'], [20, '15'], [3, '10000']] },
  { vendor: 'anthropic', model: 'claude-sonnet-4-5', usage: message(10, 20, { service_tier: 'priority' }), lines: [[10, '3'], [20, '15']], status: 'partly_unpriced' },
  { vendor: 'anthropic', model: 'claude-opus-4-6', usage: message(10, 20, { iterations: [message(10, 20, { type: 'message' })] }), lines: [[10, '5'], [20, '25']] },
  // Groq.
  { vendor: 'groq', model: 'llama-3.1-8b-instant', usage: chat(100, 10), lines: [[100, '0.05'], [10, '0.08']] },
  { vendor: 'groq', model: 'openai/gpt-oss-20b', usage: chat(100, 10, { cached_tokens: 40 }), lines: [[60, '0.075'], [40, '0.0375'], [10, '0.3']] },
  { vendor: 'groq', model: 'openai/gpt-oss-safeguard-20b', usage: chat(100, 10), lines: [[100, '0.075'], [10, '0.3']] },
  // Mistral counts cached tokens under a name of its own.
  { vendor: 'mistral', model: 'codestral-2508', usage: chat(100, 10), lines: [[100, '0.3'], [10, '0.9']] },
  { vendor: 'mistral', model: 'mistral-large-latest', usage: chat(100, 10), lines: [[100, '0.5'], [10, '1.5']] },
  { vendor: 'mistral', model: 'codestral-embed', usage: { prompt_tokens: 100, num_cached_tokens: 40, total_tokens: 100 }, lines: [[60, '0.15'], [40, '0.015']] },
  // DeepSeek: twice as dear from 01:00 to 04:00 and from 06:00 to 10:00 UTC; 2026-11-25 was a Wednesday.
  { vendor: 'deepseek', model: 'deepseek-v4-pro', usage: { ...chat(100, 10), prompt_cache_hit_tokens: 40 }, lines: [[60, '0.66'], [40, '0.022'], [10, '1.98']], atMs: at('00:59:59') },
  { vendor: 'deepseek', model: 'deepseek-v4-pro', usage: { ...chat(100, 10), prompt_cache_hit_tokens: 40 }, lines: [[60, '1.32'], [40, '0.044'], [10, '3.96']], atMs: at('01:00:00') },
  { vendor: 'deepseek', model: 'deepseek-v4-pro', usage: chat(100, 10), lines: [[100, '0.66'], [10, '1.98']], atMs: at('05:00:00') },
  { vendor: 'deepseek', model: 'deepseek-flash', usage: chat(100, 10), lines: [[100, '0.3'], [10, '1.2']], atMs: at('09:59:59') },
  { vendor: 'deepseek', model: 'deepseek-flash', usage: { ...chat(100, 10), prompt_cache_hit_tokens: 40 }, lines: [[60, '0.15'], [40, '0.003'], [10, '0.6']], atMs: at('10:00:00') },
  // xAI: the dearer column begins at 200,000 tokens; reasoning comes on top.
  { vendor: 'x-ai', model: 'grok-4.3', usage: chat(199_999, 10), lines: [[199_999, '1.25'], [10, '2.5']] },
  { vendor: 'x-ai', model: 'grok-4.3', usage: chat(200_000, 10, { cached_tokens: 1000 }), lines: [[199_000, '2.5'], [1000, '0.4'], [10, '5']] },
  { vendor: 'x-ai', model: 'grok-4.5', usage: chat(100, 10, { cached_tokens: 50 }), lines: [[50, '2'], [50, '0.3'], [10, '6']] },
  { vendor: 'x-ai', model: 'grok-3-mini', usage: { ...chat(100, 10), total_tokens: 130 }, lines: [[100, '0.3'], [30, '0.5']] },
  // Clouds: the same models, at prices of theirs.
  { vendor: 'azure', model: 'gpt-4o', answered: 'gpt-4o-2024-11-20', usage: chat(100, 10, { cached_tokens: 50 }), lines: [[50, '2.5'], [50, '1.25'], [10, '10']] },
  { vendor: 'aws', model: 'global.anthropic.claude-sonnet-4-5-20250929-v1:0', usage: message(10, 20, { cache_read_input_tokens: 30, cache_creation_input_tokens: 40 }), lines: [[10, '3'], [30, '0.3'], [40, '3.75'], [20, '15']] },
  { vendor: 'aws', model: 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0', usage: message(10, 20), lines: [[10, '3.3'], [20, '16.5']] },
  { vendor: 'aws', model: 'anthropic.claude-3-haiku-20240307-v1:0', usage: message(10, 20), lines: [[10, '0.25'], [20, '1.25']] },
];

test('there are sixty and more', () => {
  expect(cases.length).toBeGreaterThanOrEqual(60);
});

test.each(
  cases.map((one, i) => ({
    ...one,
    name: `${i + 1} ${one.vendor} ${one.model} ${one.tier ?? ''}`,
  })),
)('$name', (one) => {
  expect(costOf(one)).toEqual({ usd: byHand(one.lines), status: one.status ?? 'priced' });
});
