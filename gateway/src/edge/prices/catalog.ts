/**
 * Compiles the price data of `@pydantic/genai-prices` into our own exact table, once per configuration.
 * The library is no part of a call: it computes in floats. Its data holds prices as short decimals, whose shortest text
 * is the price as its source wrote it. The library is the oracle in the tests.
 */
import { createHash } from 'node:crypto';
import {
  findProvider,
  type ConditionalPrice,
  type MatchLogic,
  type ModelPrice,
} from '@pydantic/genai-prices';
import type { Config } from '../../config/config.ts';
import { tokenTypes, type TokenType } from '../../contract/ledger.ts';
import type { PriceTable, Price, TieredRate } from '../../decide/price.ts';
import {
  priceTable,
  type ListedModel,
  type NameMatch,
  type OwnPrice,
  type When,
} from '../../decide/price-table.ts';
import { rateFromUsdPerMillion, rateFromUsdPerThousand, type Rate } from '../../model/money.ts';
import { providers } from '../../providers/registry.ts';

/** The version of the data, as pinned in package.json. */
const dataVersion = '0.1.8';

/**
 * Where each token class finds its price, first one that is listed. A vendor that lists no price for a class bills it
 * with the class it is part of: reasoning as output, a cache read without a discount as input.
 */
// oxfmt-ignore
const sources: Readonly<Record<TokenType, readonly string[]>> = {
  input_uncached: ['input_mtok'],
  input_cache_read: ['cache_read_mtok', 'input_mtok'],
  input_cache_write_5m: ['cache_write_mtok', 'input_mtok'],
  input_cache_write_1h: ['cache_write_1h_mtok'],
  input_audio: ['input_audio_mtok'],
  input_image: ['input_image_mtok', 'input_mtok'],
  output_text: ['output_mtok'],
  output_reasoning: ['output_reasoning_mtok', 'output_mtok'],
  output_audio: ['output_audio_mtok'],
  output_image: ['output_image_mtok'],
};

/** Units that are no tokens, listed per thousand. */
const unitSources = { web_searches: 'web_searches_kcount' } as const;

/**
 * A number of the data as the decimal text it was written as. Twelve decimals at most: more stand for a fraction that
 * has no end, such as a third; an exponent for a price below a millionth.
 */
const decimalText = (value: number): string => {
  const text = String(value);
  return /e|\.\d{13}/.test(text) ? value.toFixed(12).replace(/\.?0+$/, '') : text;
};

const rateOf = (value: number, read: (text: string) => Rate | null): Rate => {
  const found = read(decimalText(value));
  if (found === null) throw new Error(`price data holds ${value}, which is no price`);
  return found;
};
const rate = (value: number): Rate => rateOf(value, rateFromUsdPerMillion);

const tiered = (value: ModelPrice[string]): TieredRate | null => {
  if (value === undefined) return null;
  if (typeof value === 'number') return { base: rate(value), tiers: [] };
  const ascending = value.tiers.toSorted((a, b) => a.start - b.start);
  return {
    base: rate(value.base),
    tiers: ascending.map(({ start, price }) => ({ aboveTokens: start, rate: rate(price) })),
  };
};

const compiled = (id: string, prices: ModelPrice): Price => {
  const rates: Partial<Record<TokenType, TieredRate>> = {};
  for (const type of tokenTypes) {
    const source = sources[type].find((name) => prices[name] !== undefined);
    const found = source === undefined ? null : tiered(prices[source]);
    if (found !== null) rates[type] = found;
  }
  const unitRates: Record<string, Rate> = {};
  for (const [unit, source] of Object.entries(unitSources)) {
    const listed = prices[source];
    if (typeof listed === 'number') unitRates[unit] = rateOf(listed, rateFromUsdPerThousand);
  }
  return { id, rates, unitRates };
};

const nameMatch = (logic: MatchLogic): NameMatch => {
  if ('or' in logic) return { kind: 'any', of: logic.or.map(nameMatch) };
  if ('and' in logic) return { kind: 'all', of: logic.and.map(nameMatch) };
  if ('regex' in logic) return { kind: 'regex', text: logic.regex };
  if ('equals' in logic) return { kind: 'equals', text: logic.equals.toLowerCase() };
  if ('starts_with' in logic) return { kind: 'starts_with', text: logic.starts_with.toLowerCase() };
  if ('ends_with' in logic) return { kind: 'ends_with', text: logic.ends_with.toLowerCase() };
  return { kind: 'contains', text: logic.contains.toLowerCase() };
};

/** `16:30:00Z` as seconds of the day. The library also knows offsets and fractions; its data has none. */
const clock = (text: string): number => {
  const found = /^(\d\d):(\d\d):(\d\d)Z$/.exec(text);
  if (found === null) throw new Error(`price data holds ${text}, which is no time of day in UTC`);
  const [, hours, minutes, seconds] = found.map(Number);
  return (hours ?? 0) * 3600 + (minutes ?? 0) * 60 + (seconds ?? 0);
};

const when = ({ constraint }: ConditionalPrice): When => {
  if (constraint === undefined) return { kind: 'always' };
  return constraint.type === 'start_date'
    ? { kind: 'from', ms: Date.parse(constraint.start_date) }
    : {
        kind: 'daily',
        startSeconds: clock(constraint.start_time),
        endSeconds: clock(constraint.end_time),
      };
};

/**
 * The models of a vendor of the price data, and after them those of the vendors whose models it also serves.
 * Throws when the data does not know the vendor.
 */
export const listedModels = (vendor: string): readonly ListedModel[] => {
  const found = findProvider({ providerId: vendor });
  if (found === undefined) throw new Error(`the price data has no vendor ${vendor}`);
  const own = found.models.map(({ id, match, prices }) => ({
    match: nameMatch(match),
    prices: (Array.isArray(prices) ? prices : [{ prices }]).map((dated, i) => ({
      when: when(dated),
      price: compiled(i === 0 ? `${found.id}/${id}` : `${found.id}/${id}#${i}`, dated.prices),
    })),
  }));
  return [...own, ...(found.fallback_model_providers ?? []).flatMap(listedModels)];
};

const ownPrice = ({ provider, model, usdPerMillion }: Config['prices'][number]): OwnPrice => {
  const rates: Partial<Record<TokenType, TieredRate>> = {};
  for (const type of tokenTypes) {
    const text = usdPerMillion[type];
    const found = text === undefined ? null : rateFromUsdPerMillion(text);
    if (found !== null) rates[type] = { base: found, tiers: [] };
  }
  return { provider, model, price: { id: `own/${provider}/${model}`, rates, unitRates: {} } };
};

/** What the simulated model "costs", so that a first call shows a price; a configuration may say otherwise. */
const demoPrice = {
  model: '*',
  usdPerMillion: {
    input_uncached: '0.15',
    input_cache_read: '0.075',
    output_text: '0.60',
    output_reasoning: '0.60',
  },
  source: 'simulated',
} as const;

/** All prices for a configuration. Its version names the data and, when there are any, the own prices by their hash. */
export const compilePrices = (config: Pick<Config, 'providers' | 'prices'>): PriceTable => {
  const lists = new Map<string, readonly ListedModel[]>();
  const simulated: Config['prices'][number][] = [];
  for (const { name, use } of config.providers.values()) {
    const vendor = providers.get(use)?.prices ?? null;
    if (vendor !== null) lists.set(name, listedModels(vendor));
    if (use === 'demo') simulated.push({ ...demoPrice, provider: name });
  }
  const own = config.prices
    .map((price) => JSON.stringify(price))
    .toSorted()
    .join('\n');
  const hash = own === '' ? '' : `+${createHash('sha256').update(own).digest('hex').slice(0, 8)}`;
  return priceTable(
    `genai-prices-${dataVersion}${hash}`,
    lists,
    [...config.prices, ...simulated].map(ownPrice),
  );
};
