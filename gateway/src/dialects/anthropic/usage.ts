import type { PriceDimension } from '../../contract/price-dimensions.ts';
import { isObject, listAt, objectAt, textAt, type JsonObject } from '../../model/json.ts';
import type { Dimensions, Usage } from '../../model/usage.ts';
import { startCounter, type Counter } from '../counts.ts';

/** Uses of tools that run at Anthropic, under the names they have in the ledger; others are counted together. */
const unitNames: ReadonlyMap<string, string> = new Map([
  ['web_search_requests', 'web_searches'],
  ['web_fetch_requests', 'web_fetches'],
]);

const dimensionsOf = (usage: JsonObject): Dimensions => {
  const said: [PriceDimension, string | null][] = [
    ['service_tier', textAt(usage, 'service_tier')],
    ['speed', textAt(usage, 'speed')],
    ['inference_geo', textAt(usage, 'inference_geo')],
  ];
  return Object.fromEntries(said.filter(([, value]) => value !== null && value !== ''));
};

/** One pass over the conversation, counted. */
const count = (counter: Counter, usage: JsonObject): void => {
  const input = (key: string): number => counter.readSide('input', usage, key);
  counter.add('input_uncached', input('input_tokens'));
  counter.add('input_cache_read', input('cache_read_input_tokens'));
  const written = input('cache_creation_input_tokens');
  const split = objectAt(usage, 'cache_creation');
  const short = counter.read(split, 'ephemeral_5m_input_tokens');
  const long = counter.read(split, 'ephemeral_1h_input_tokens');
  const isWhole = usage['cache_creation_input_tokens'] !== undefined;
  if (isWhole && split !== null && short + long !== written) counter.mark();
  counter.split(
    isWhole ? written : short + long,
    [['input_cache_write_long', long]],
    'input_cache_write',
  );
  const thinking = counter.read(objectAt(usage, 'output_tokens_details'), 'thinking_tokens');
  const output = counter.readSide('output', usage, 'output_tokens');
  counter.split(output, [['output_reasoning', thinking]], 'output_text');
};

/** Passes of one reply that are read; a model makes a handful. */
const maxPasses = 100;

/** What other models used on the way: passes that name one. */
const othersOf = (passes: readonly JsonObject[]): NonNullable<Usage['others']> =>
  passes.flatMap((pass) => {
    const model = textAt(pass, 'model');
    if (model === null) return [];
    const counter = startCounter();
    count(counter, pass);
    return [{ model, tokens: counter.counted().tokens }];
  });

/**
 * Anthropic's usage object as disjoint token types. Cache reads and writes come on top of `input_tokens`; writes are split
 * by lifetime in `cache_creation` (when it is absent they are 5 minute writes, the default). Thinking lies inside
 * `output_tokens`. https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching#tracking-cache-performance
 * A stream tells its input first and its output last, cumulatively; `usage` is both objects laid over each other.
 * `iterations` lists every pass over the conversation; the counts beside it are those of the last one alone, so the sum of
 * the passes is what is billed. https://docs.claude.com/en/docs/build-with-claude/compaction#understanding-usage
 * Null: it counts neither input nor output.
 */
export const readUsage = (usage: JsonObject): Usage | null => {
  if (usage['input_tokens'] === undefined && usage['output_tokens'] === undefined) return null;
  const counter = startCounter();
  const listed = listAt(usage, 'iterations').filter(isObject);
  const passes = listed.slice(0, maxPasses);
  if (passes.length < listed.length) counter.mark();
  if (passes.length === 0) count(counter, usage);
  for (const pass of passes) if (textAt(pass, 'model') === null) count(counter, pass);
  const others = othersOf(passes);
  const units: Record<string, number> = {};
  const tools = objectAt(usage, 'server_tool_use');
  for (const name in tools) {
    const quantity = typeof tools?.[name] === 'number' ? counter.read(tools, name) : 0;
    if (quantity > 0) units[unitNames.get(name) ?? 'other_server_tools'] = quantity;
  }
  return {
    ...counter.counted(),
    units,
    serviceTier: textAt(usage, 'service_tier'),
    dimensions: dimensionsOf(usage),
    ...(others.length === 0 ? {} : { others }),
  };
};
