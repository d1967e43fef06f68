/**
 * `calcPrice` of @pydantic/genai-prices is the oracle for arithmetic, tiers and times: its own data, compiled by us. We agree
 * wherever we claim to have a price. Where we claim none and it bills a class as the class above it, `noPriceOfItsOwn` says why.
 */
import {
  calcPrice,
  findProvider,
  type ConditionalPrice,
  type MatchLogic,
  type ModelPrice,
} from '@pydantic/genai-prices';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { tokenTypes, type TokenType } from '../../../gateway/src/contract/ledger.ts';
import { charge } from '../../../gateway/src/decide/price.ts';
import { usdNumber } from '../../../gateway/src/model/money.ts';
import {
  inputTokens,
  noTokens,
  outputTokens,
  type TokenCounts,
  type Usage,
} from '../../../gateway/src/model/usage.ts';
import type {
  Constraint,
  Line,
  Model,
  NameMatch,
  Sheet,
} from '../../../gateway/src/prices/sheet.ts';
import { priceTable } from '../../../gateway/src/prices/table.ts';
import { providers } from '../../../gateway/src/providers/registry.ts';

const vendors = [...new Set([...providers.values()].flatMap(({ prices }) => prices ?? []))].filter(
  (vendor) => findProvider({ providerId: vendor }) !== undefined,
);

// oxfmt-ignore
const lines: Readonly<Record<string, keyof Sheet>> = {
  input_mtok: 'input_uncached', cache_read_mtok: 'input_cache_read', cache_write_mtok: 'input_cache_write',
  cache_write_1h_mtok: 'input_cache_write_long', input_audio_mtok: 'input_audio', input_image_mtok: 'input_image',
  output_mtok: 'output_text', output_reasoning_mtok: 'output_reasoning', output_audio_mtok: 'output_audio',
  output_image_mtok: 'output_image', web_searches_kcount: 'web_searches',
};

/** A number of the data as the decimal text it was written as, of twelve decimals at most. */
const decimal = (value: number): string => {
  const text = String(value);
  return /e|\.\d{13}/.test(text) ? value.toFixed(12).replace(/\.?0+$/, '') : text;
};

const lineOf = (value: NonNullable<ModelPrice[string]>): Line =>
  typeof value === 'number'
    ? { usd: decimal(value) }
    : {
        usd: decimal(value.base),
        above: value.tiers
          .toSorted((a, b) => a.start - b.start)
          .map(({ start, price }) => ({ tokens: start, usd: decimal(price) })),
      };

const sheetOf = (prices: ModelPrice): Sheet =>
  Object.fromEntries(
    Object.entries(prices).flatMap(([name, value]) => {
      const type = lines[name];
      return type === undefined || value === undefined ? [] : [[type, lineOf(value)]];
    }),
  );

const matchOf = (logic: MatchLogic): NameMatch => {
  if ('or' in logic) return { or: logic.or.map(matchOf) };
  if ('and' in logic) return { and: logic.and.map(matchOf) };
  if ('regex' in logic) return { regex: logic.regex };
  if ('equals' in logic) return { equals: logic.equals.toLowerCase() };
  if ('starts_with' in logic) return { starts_with: logic.starts_with.toLowerCase() };
  if ('ends_with' in logic) return { ends_with: logic.ends_with.toLowerCase() };
  return { contains: logic.contains.toLowerCase() };
};

const constraintOf = ({ constraint }: ConditionalPrice): Constraint => {
  if (constraint === undefined) return {};
  return constraint.type === 'start_date'
    ? { from: constraint.start_date }
    : { daily: { start: constraint.start_time.slice(0, 8), end: constraint.end_time.slice(0, 8) } };
};

const listsOf = (vendor: string): readonly (readonly Model[])[] => {
  const found = findProvider({ providerId: vendor });
  const own = (found?.models ?? []).map(({ id, match, prices }): Model => ({
    id: `${vendor}/${id}`,
    match: matchOf(match),
    prices: (Array.isArray(prices) ? prices : [{ prices }]).map((dated) => ({
      ...constraintOf(dated),
      usd: sheetOf(dated.prices),
    })),
    source: 'genai-prices',
  }));
  return [own, ...(found?.fallback_model_providers ?? []).flatMap(listsOf)];
};

const table = priceTable('v', new Map(vendors.map((vendor) => [vendor, listsOf(vendor)])), []);
const find = (vendor: string, name: string, atMs: number) =>
  table.find(vendor, { asked: name, answered: name }, atMs);

/**
 * Classes that cost many times what the class above them costs, or a little more. A vendor that lists no price for one
 * of them does not sell it; should it count such tokens all the same, the row says "unpriced" and a counter and an
 * alert tell, where the oracle would bill them silently at the price of text, or of a five-minute cache.
 */
const noPriceOfItsOwn: ReadonlySet<TokenType> = new Set([
  'input_audio',
  'output_audio',
  'output_image',
  'input_cache_write_long',
]);

/** Our disjoint classes as the oracle counts: each class within those above it, no overlaps. */
const oracleUsage = (t: TokenCounts, searches: number) => ({
  input_tokens: inputTokens(t),
  cache_read_tokens: t.input_cache_read,
  cache_write_tokens: t.input_cache_write + t.input_cache_write_long,
  cache_write_1h_tokens: t.input_cache_write_long,
  input_audio_tokens: t.input_audio,
  input_image_tokens: t.input_image,
  cache_audio_read_tokens: 0,
  cache_image_read_tokens: 0,
  cache_audio_write_tokens: 0,
  cache_image_write_tokens: 0,
  output_tokens: outputTokens(t),
  output_reasoning_tokens: t.output_reasoning,
  output_audio_tokens: t.output_audio,
  output_image_tokens: t.output_image,
  web_searches: searches,
});

const anyTokens = fc
  .tuple(...tokenTypes.map(() => fc.oneof(fc.constant(0), fc.nat(2000), fc.nat(400_000))))
  .map((counts): TokenCounts => ({
    ...noTokens,
    ...Object.fromEntries(tokenTypes.map((type, i) => [type, counts[i] ?? 0])),
  }));
/** Days on both sides of the changes that the data knows, at all times of the day. */
const anyTime = fc.integer({
  min: Date.parse('2024-01-01T00:00:00Z'),
  max: Date.parse('2027-01-01T00:00:00Z'),
});

/** Names that requests and replies may use for a model of the data. */
const names = vendors.flatMap((vendor) =>
  (findProvider({ providerId: vendor })?.models ?? []).flatMap(({ id }) =>
    [id, id.toUpperCase(), ` ${id}`, id.replace(/-(20\d\d)-(\d\d)-(\d\d)/, '-$1$2$3')].map(
      (name) => ({ vendor, name }),
    ),
  ),
);
const oursAndTheirs = ({ vendor, name }: (typeof names)[number]) => {
  const found = calcPrice({ input_tokens: 1 }, name, { providerId: vendor });
  return [
    find(vendor, name, Date.parse('2026-01-01'))?.id.replace(/#\d+$/, '') ?? null,
    found === null ? null : `${found.provider.id}/${found.model.id}`,
  ] as const;
};
const isKnown = (one: (typeof names)[number]): boolean => oursAndTheirs(one)[1] !== null;

test('every name means the same model as to the oracle', () => {
  expect(names.length).toBeGreaterThan(1000);
  const others = names
    .map((one) => [one.name, ...oursAndTheirs(one)] as const)
    .filter(([, ours, theirs]) => ours !== theirs);
  expect(others).toEqual([]);
});

test('any tokens of any model at any time cost what the oracle says, to the precision of its floats', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...names.filter(isKnown)),
      anyTokens,
      fc.nat(20),
      anyTime,
      ({ vendor, name }, tokens, searches, atMs) => {
        const price = find(vendor, name, atMs);
        expect(price).not.toBeNull();
        // What has no price is compared without its tokens; which classes may lack one is settled here.
        const unpriced = tokenTypes.filter((b) => price?.rates[b] === undefined && tokens[b] > 0);
        const direction = (b: TokenType): TokenType =>
          b.startsWith('input') ? 'input_uncached' : 'output_text';
        for (const type of unpriced) {
          if (noPriceOfItsOwn.has(type)) continue;
          // An embedding has no output, a speech model no input: nothing of that direction has a price.
          expect([name, type, price?.rates[direction(type)]]).toEqual([name, type, undefined]);
        }
        const priced: TokenCounts = {
          ...tokens,
          ...Object.fromEntries(unpriced.map((type) => [type, 0])),
        };
        const units: Record<string, number> =
          price?.unitRates['web_searches'] === undefined ? {} : { web_searches: searches };
        const used: Usage = {
          tokens: priced,
          units,
          clamped: false,
          serviceTier: null,
          dimensions: {},
        };
        const ours = usdNumber(charge(used, price, {}).total);
        const theirs =
          calcPrice(oracleUsage(priced, units['web_searches'] ?? 0), name, {
            providerId: vendor,
            timestamp: new Date(atMs),
          })?.total_price ?? Number.NaN;
        // Half a pico-dollar for each charge type that we round, and the last bits of its doubles.
        expect(Math.abs(ours - theirs)).toBeLessThanOrEqual(1e-11 + theirs * 1e-12);
      },
    ),
    { numRuns: 4000 },
  );
});
