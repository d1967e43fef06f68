import { objectAt, textAt, type JsonObject } from '../../model/json.ts';
import type { Usage } from '../../model/usage.ts';
import { startCounter } from '../counts.ts';

// Vendors' counts of things that are no tokens, under the name they have in the ledger.
const unitNames = [
  ['num_search_queries', 'web_searches'], // Perplexity
  ['num_sources_used', 'search_sources'], // xAI
] as const;

/** No call costs more: a thousand times the dearest. */
const maxReportedUsd = 9000;
const picodollarsPerUsd = 1e12;

const usdAt = (from: JsonObject | null, key: string): number | null => {
  const value = from?.[key];
  return typeof value === 'number' && value >= 0 && value <= maxReportedUsd ? value : null;
};

/**
 * What a call cost, where the provider says so: OpenRouter in dollars, to which the upstream's bill comes when the account
 * there is one's own (https://openrouter.ai/docs/use-cases/usage-accounting); Perplexity as a total; xAI in ticks, of which
 * a dollar has 10^10. Null: it does not say, or it cannot be.
 */
const reported = (usage: JsonObject): number | null => {
  const ticks = usage['cost_in_usd_ticks'];
  if (typeof ticks === 'number') {
    return Number.isSafeInteger(ticks) && ticks >= 0 && ticks <= maxReportedUsd * 1e10
      ? ticks * 100
      : null;
  }
  const cost = usdAt(usage, 'cost') ?? usdAt(objectAt(usage, 'cost'), 'total_cost');
  if (cost === null) return null;
  const upstream =
    usage['is_byok'] === true
      ? (usdAt(objectAt(usage, 'cost_details'), 'upstream_inference_cost') ?? 0)
      : 0;
  return Math.round(cost * picodollarsPerUsd) + Math.round(upstream * picodollarsPerUsd);
};

/** Whether the provider says something of what the call cost. */
const saysCost = (usage: JsonObject): boolean =>
  ['cost', 'cost_in_usd_ticks'].some((name) => usage[name] !== undefined && usage[name] !== null);

/**
 * OpenAI's usage object as disjoint buckets. Cached, cache-written, audio and image tokens lie inside `prompt_tokens`,
 * reasoning and audio inside `completion_tokens`; accepted and rejected predictions are billed as ordinary output and
 * stay there. https://platform.openai.com/docs/api-reference/chat/object#chat-object-usage
 * Some vendors count reasoning on top of the completion, by name (xAI) or in the total alone (Gemini's compatible
 * endpoint: https://ai.google.dev/gemini-api/docs/openai); what the total has more than its parts is reasoning.
 * Null: it counts neither prompt nor completion.
 */
export const readUsage = (usage: JsonObject, serviceTier: string | null): Usage | null => {
  if (usage['prompt_tokens'] === undefined && usage['completion_tokens'] === undefined) return null;
  const count = startCounter();
  const prompt = count.readSide('input', usage, 'prompt_tokens');
  const completion = count.readSide('output', usage, 'completion_tokens');
  const total = count.read(usage, 'total_tokens');
  const inPrompt = objectAt(usage, 'prompt_tokens_details');
  const inCompletion = objectAt(usage, 'completion_tokens_details');
  const cached =
    count.read(inPrompt, 'cached_tokens') ||
    count.read(usage, 'prompt_cache_hit_tokens', 'cached_tokens', 'num_cached_tokens'); // DeepSeek, Moonshot, Mistral
  const inside = count.read(inCompletion, 'reasoning_tokens');
  const onTop = count.isPossible() ? Math.max(0, total - prompt - completion) : 0;
  // The total of who names it says that it is what came on top; else it lies inside.
  const reasoning = onTop >= inside ? onTop : inside + onTop;
  count.split(
    prompt,
    [
      ['input_cache_read', cached],
      ['input_cache_write', count.read(inPrompt, 'cache_write_tokens')],
      ['input_audio', count.read(inPrompt, 'audio_tokens')],
      ['input_image', count.read(inPrompt, 'image_tokens')],
    ],
    'input_uncached',
  );
  count.split(
    completion + onTop,
    [
      ['output_reasoning', reasoning],
      ['output_audio', count.read(inCompletion, 'audio_tokens')],
      ['output_image', count.read(inCompletion, 'image_tokens')],
    ],
    'output_text',
  );
  if (usage['total_tokens'] !== undefined && total < prompt + completion) count.mark();
  const units: Record<string, number> = {};
  for (const [theirs, ours] of unitNames) {
    const quantity = count.read(usage, theirs);
    if (quantity > 0) units[ours] = quantity;
  }
  const tier = serviceTier ?? textAt(usage, 'service_tier');
  const cost = reported(usage);
  return {
    ...count.counted(),
    units,
    serviceTier: tier,
    dimensions: {
      ...(tier === null ? {} : { service_tier: tier }),
      ...(saysCost(usage) ? { reported_cost: 'said' } : {}),
    },
    ...(cost === null ? {} : { reportedPicodollars: cost }),
  };
};
