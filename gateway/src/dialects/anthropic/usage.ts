import type { PriceDimension } from '../../contract/price-dimensions.ts';
import { isObject, listAt, objectAt, textAt, type JsonObject } from '../../model/json.ts';
import type { Dimensions, Usage } from '../../model/usage.ts';
import { startCounter } from '../counts.ts';

/** Uses of tools that run at Anthropic, under the names they have in the ledger; others are counted together. */
const unitNames: ReadonlyMap<string, string> = new Map([
  ['web_search_requests', 'web_searches'],
  ['web_fetch_requests', 'web_fetches'],
]);

/** One pass over the messages is what the counts sum up; any other pass is billed beside them. */
const iterationsOf = (usage: JsonObject): string | null => {
  const passes = listAt(usage, 'iterations').map((pass) =>
    isObject(pass) ? (textAt(pass, 'type') ?? '') : '',
  );
  return passes.length === 0 ? null : passes.join('+').slice(0, 100);
};

const dimensionsOf = (usage: JsonObject): Dimensions => {
  const said: [PriceDimension, string | null][] = [
    ['service_tier', textAt(usage, 'service_tier')],
    ['speed', textAt(usage, 'speed')],
    ['inference_geo', textAt(usage, 'inference_geo')],
    ['iterations', iterationsOf(usage)],
  ];
  return Object.fromEntries(said.filter(([, value]) => value !== null && value !== ''));
};

/**
 * Anthropic's usage object as disjoint buckets. Cache reads and writes come on top of `input_tokens`; writes are split
 * by lifetime in `cache_creation` (when it is absent they are 5 minute writes, the default). Thinking lies inside
 * `output_tokens`. https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching#tracking-cache-performance
 * A stream tells its input first and its output last, cumulatively; `usage` is both objects laid over each other.
 * Null: it counts neither input nor output.
 */
export const readUsage = (usage: JsonObject): Usage | null => {
  if (usage['input_tokens'] === undefined && usage['output_tokens'] === undefined) return null;
  const count = startCounter();
  const input = (key: string): number => count.readSide('input', usage, key);
  count.add('input_uncached', input('input_tokens'));
  count.add('input_cache_read', input('cache_read_input_tokens'));
  const written = input('cache_creation_input_tokens');
  const split = objectAt(usage, 'cache_creation');
  const for5m = count.read(split, 'ephemeral_5m_input_tokens');
  const for1h = count.read(split, 'ephemeral_1h_input_tokens');
  const isWhole = usage['cache_creation_input_tokens'] !== undefined;
  if (isWhole && split !== null && for5m + for1h !== written) count.mark();
  count.split(
    isWhole ? written : for5m + for1h,
    [['input_cache_write_1h', for1h]],
    'input_cache_write_5m',
  );
  const thinking = count.read(objectAt(usage, 'output_tokens_details'), 'thinking_tokens');
  const output = count.readSide('output', usage, 'output_tokens');
  count.split(output, [['output_reasoning', thinking]], 'output_text');
  const units: Record<string, number> = {};
  const tools = objectAt(usage, 'server_tool_use');
  for (const name in tools) {
    const quantity = typeof tools?.[name] === 'number' ? count.read(tools, name) : 0;
    if (quantity > 0) units[unitNames.get(name) ?? 'other_server_tools'] = quantity;
  }
  return {
    ...count.counted(),
    units,
    serviceTier: textAt(usage, 'service_tier'),
    dimensions: dimensionsOf(usage),
  };
};
