/**
 * The data of genai-prices as lists of models. What is no token and no search (hours, pages, images) has no price here.
 * https://github.com/pydantic/genai-prices
 */
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import type { TokenType } from '../contract/ledger.ts';
import { isMatch } from './match.ts';
import type {
  Constraint,
  Line,
  Model,
  NameMatch,
  PricedUnit,
  Sheet,
  Variant,
  Vendor,
} from './sheet.ts';
import { Source } from './source.ts';

const Price = Type.Union([
  Type.String(),
  Type.Object({
    base: Type.String(),
    tiers: Type.Array(Type.Object({ start: Type.Integer(), price: Type.String() })),
  }),
]);
const Prices = Type.Record(Type.String(), Price);
const When = Type.Optional(
  Type.Object({
    start_date: Type.Optional(Type.String()),
    start_time: Type.Optional(Type.String()),
    end_time: Type.Optional(Type.String()),
  }),
);
const ListedModel = Type.Object({
  id: Type.String(),
  match: Type.Unknown(),
  prices: Type.Union([Prices, Type.Array(Type.Object({ prices: Prices, constraint: When }))]),
  price_variants: Type.Optional(
    Type.Array(
      Type.Object({
        when: Type.Record(Type.String(), Type.String()),
        prices: Prices,
        constraint: When,
      }),
    ),
  ),
});
const Data = Type.Object({
  source: Source,
  vendors: Type.Record(
    Type.String(),
    Type.Object({ fallback: Type.Array(Type.String()), models: Type.Array(ListedModel) }),
  ),
});
const checkedData = Compile(Data);

/** Its names for what we have a name for. */
// oxfmt-ignore
const lines: Readonly<Record<string, TokenType | PricedUnit>> = {
  input_mtok: 'input_uncached',
  cache_read_mtok: 'input_cache_read',
  cache_write_mtok: 'input_cache_write',
  cache_write_1h_mtok: 'input_cache_write_long',
  input_audio_mtok: 'input_audio',
  input_image_mtok: 'input_image',
  output_mtok: 'output_text',
  output_reasoning_mtok: 'output_reasoning',
  output_audio_mtok: 'output_audio',
  output_image_mtok: 'output_image',
  web_searches_kcount: 'web_searches',
};

/** Its names for what a call may name, and ours. */
const dimensions: Readonly<Record<string, string>> = {
  service_tier: 'service_tier',
  speed: 'speed',
  processing: 'service_tier',
};

/** At most twelve decimals: more stand for a fraction that has no end, such as a third. */
const short = (usd: string): string => usd.replace(/(\.\d{12})\d+$/, '$1');

const lineOf = (price: Static<typeof Price>): Line =>
  typeof price === 'string'
    ? { usd: short(price) }
    : {
        usd: short(price.base),
        above: price.tiers
          .toSorted((a, b) => a.start - b.start)
          .map(({ start, price: usd }) => ({ tokens: start, usd: short(usd) })),
      };

const sheetOf = (prices: Static<typeof Prices>): Sheet =>
  Object.fromEntries(
    Object.entries(prices).flatMap(([name, price]) => {
      const type = lines[name];
      return type === undefined ? [] : [[type, lineOf(price)] as const];
    }),
  );

const constraintOf = (when: Static<typeof When> | undefined): Constraint => {
  if (when?.start_date !== undefined) return { from: when.start_date };
  const { start_time: start, end_time: end } = when ?? {};
  return start === undefined || end === undefined
    ? {}
    : { daily: { start: start.slice(0, 8), end: end.slice(0, 8) } };
};

const lower = (match: NameMatch): NameMatch => {
  if ('or' in match) return { or: match.or.map(lower) };
  if ('and' in match) return { and: match.and.map(lower) };
  if ('regex' in match) return match;
  if ('equals' in match) return { equals: match.equals.toLowerCase() };
  if ('starts_with' in match) return { starts_with: match.starts_with.toLowerCase() };
  if ('ends_with' in match) return { ends_with: match.ends_with.toLowerCase() };
  return { contains: match.contains.toLowerCase() };
};

const variantsOf = (model: Static<typeof ListedModel>): readonly Variant[] =>
  (model.price_variants ?? []).flatMap(({ when, prices, constraint }) => {
    const named = Object.entries(when);
    const [[theirs, value] = ['', '']] = named;
    const dimension = dimensions[theirs];
    // Of two at once nothing is known here, and a standard value changes nothing.
    if (named.length !== 1 || dimension === undefined || value === 'default') return [];
    const usd = sheetOf(prices);
    return [{ dimension, value, usd, ...constraintOf(constraint) }];
  });

export interface GenaiPrices {
  readonly source: Source;
  /** By vendor. */
  readonly vendors: ReadonlyMap<string, Vendor>;
}

/** Reads `sources/genai-prices.json`. Throws when it is something else. */
export const readGenaiPrices = (value: unknown): GenaiPrices => {
  if (!checkedData.Check(value)) throw new Error('this is not the data of genai-prices');
  const { source } = value;
  const modelOf = (vendor: string, model: Static<typeof ListedModel>): Model => {
    if (!isMatch(model.match)) throw new Error(`genai-prices: how is ${model.id} matched?`);
    const variants = variantsOf(model);
    return {
      id: `${vendor}/${model.id}`,
      match: lower(model.match),
      prices: (Array.isArray(model.prices) ? model.prices : [{ prices: model.prices }]).map(
        ({ prices, ...rest }) => ({
          ...constraintOf('constraint' in rest ? rest.constraint : undefined),
          usd: sheetOf(prices),
        }),
      ),
      ...(variants.length === 0 ? {} : { variants }),
      source: source.name,
    };
  };
  return {
    source,
    vendors: new Map(
      Object.entries(value.vendors).map(([vendor, { fallback, models }]) => [
        vendor,
        { fallback, models: models.map((model) => modelOf(vendor, model)) },
      ]),
    ),
  };
};
