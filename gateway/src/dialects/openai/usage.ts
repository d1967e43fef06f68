import { objectAt, textAt, type JsonObject } from '../../model/json.ts';
import type { Usage } from '../../model/usage.ts';
import { startCounter } from '../counts.ts';

// Vendors' counts of things that are no tokens, under the name they have in the ledger.
const unitNames = [
  ['num_search_queries', 'web_searches'], // Perplexity
  ['num_sources_used', 'search_sources'], // xAI
] as const;

/** Under these names vendors say what a call cost: OpenRouter and Perplexity, and xAI. */
const reportedCosts = ['cost', 'cost_in_usd_ticks'] as const;

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
    count.read(usage, 'prompt_cache_hit_tokens', 'cached_tokens'); // DeepSeek, Moonshot
  const inside = count.read(inCompletion, 'reasoning_tokens');
  const onTop = count.isPossible() ? Math.max(0, total - prompt - completion) : 0;
  // The total of who names it says that it is what came on top; else it lies inside.
  const reasoning = onTop >= inside ? onTop : inside + onTop;
  count.split(
    prompt,
    [
      ['input_cache_read', cached],
      ['input_cache_write_5m', count.read(inPrompt, 'cache_write_tokens')],
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
  return {
    ...count.counted(),
    units,
    serviceTier: tier,
    dimensions: {
      ...(tier === null ? {} : { service_tier: tier }),
      ...(reportedCosts.some((name) => usage[name] !== undefined && usage[name] !== null)
        ? { reported_cost: 'said' }
        : {}),
    },
  };
};
