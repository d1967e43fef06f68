/**
 * Everything that a price table may say, as lines: what `tollgate.price_catalog` keeps. Made by what makes the prices of calls, so
 * that a row and the line that it was priced by cannot disagree.
 */
import { tokenTypes } from '../contract/ledger.ts';
import { rateFor, type Price, type RateSheet, type TieredRate } from '../decide/price.ts';
import { usdText, type Rate } from '../model/money.ts';
import {
  compiled,
  everyPeriod,
  overlaid,
  priceOf,
  type ListedNow,
  type NamedVariant,
} from './listed.ts';
import { mayLieOver } from './names.ts';
import type { OwnPrice } from './own-price.ts';
import { namedRates } from './rates.ts';
import { pricedUnits, type Constraint, type Model } from './sheet.ts';

/** The columns that a line fills, in order. */
export const lineColumns = [
  'price_version',
  'provider',
  'price_id',
  'dimension',
  'value',
  'valid_from',
  'daily_from',
  'meter',
  'above_tokens',
  'valid_until',
  'daily_until',
  'list_usd',
  'contract_usd',
  'source',
] as const;
type LineColumn = (typeof lineColumns)[number];

/** A line, as it is written to the table. */
export type PriceLine = Readonly<Record<LineColumn, string | number | null>>;

/** What a price table is made of. */
export interface PriceParts {
  readonly version: string;
  /** Of each provider, by its name in the configuration. */
  readonly lists: ReadonlyMap<string, readonly (readonly Model[])[]>;
  readonly own: readonly OwnPrice[];
}

type Where = Pick<PriceLine, 'price_version' | 'provider' | 'price_id' | 'source'>;
/** When and for what a sheet holds. */
interface Scope {
  readonly when: Constraint & { readonly until?: string };
  readonly dimension: string;
  readonly value: string;
}

const always = '1970-01-01';
/** Rates are of millionths of a pico-dollar: those of a piece in dollars. */
const perPiece = (rate: Rate): string => usdText(rate / 1_000_000n);

const boundsOf = (rate: TieredRate | undefined): readonly number[] =>
  rate?.tiers.map(({ aboveTokens }) => aboveTokens) ?? [];

function* sheetLines(
  where: Where,
  { when, dimension, value }: Scope,
  [contract, list]: readonly [RateSheet, RateSheet | null],
): Generator<PriceLine> {
  const head = {
    ...where,
    dimension,
    value,
    valid_from: when.from ?? always,
    daily_from: when.daily?.start ?? '',
    valid_until: when.until ?? null,
    daily_until: when.daily?.end ?? '',
  };
  for (const meter of tokenTypes) {
    const [mine, theirs] = [contract.rates[meter], list?.rates[meter]];
    if (mine === undefined) continue;
    for (const above_tokens of new Set([0, ...boundsOf(mine), ...boundsOf(theirs)])) {
      // A tier holds for more than its bound; 0 is the base.
      const input = above_tokens === 0 ? 0 : above_tokens + 1;
      const list_usd = theirs === undefined ? null : usdText(rateFor(theirs, input));
      yield { ...head, meter, above_tokens, list_usd, contract_usd: usdText(rateFor(mine, input)) };
    }
  }
  for (const meter of pricedUnits) {
    const [mine, theirs] = [contract.unitRates[meter], list?.unitRates[meter]];
    if (mine === undefined) continue;
    const list_usd = theirs === undefined ? null : perPiece(theirs);
    yield { ...head, meter, above_tokens: 0, list_usd, contract_usd: perPiece(mine) };
  }
}

function* priceLines(
  where: Omit<Where, 'price_id'>,
  price: Price,
  when: Scope['when'],
  variants: readonly NamedVariant[],
): Generator<PriceLine> {
  const named = { ...where, price_id: price.id };
  // Without a list what we pay is the list, as in the charge of a call.
  const list = price.listed ?? price;
  yield* sheetLines(named, { when, dimension: '', value: '' }, [price, list]);
  const said = new Set<string>();
  for (const [at, variant] of variants.entries()) {
    const { dimension, value } = variant;
    const contract = price.variants?.[at]?.sheet ?? null;
    const span = { ...when, ...variant.when };
    const key = JSON.stringify([dimension, value, span.from, span.daily?.start]);
    // Of two for the same the first counts, as it does for a call.
    if (contract === null || said.has(key)) continue;
    said.add(key);
    yield* sheetLines(named, { when: span, dimension, value }, [
      contract,
      list.variants?.[at]?.sheet ?? null,
    ]);
  }
}

const laterOf = (a: string | undefined, b: string | undefined): { readonly from?: string } => {
  const from = [a, b]
    .filter((day) => day !== undefined)
    .toSorted()
    .at(-1);
  return from === undefined ? {} : { from };
};

function* ownLines(
  where: Omit<Where, 'price_id' | 'source'>,
  own: OwnPrice,
  list: (ListedNow & { readonly when: Constraint }) | null,
): Generator<PriceLine> {
  const price = overlaid(own, namedRates(own.usd), list);
  const when = {
    ...list?.when,
    ...laterOf(list?.when.from, own.from),
    ...(own.until === undefined ? {} : { until: own.until }),
  };
  yield* priceLines({ ...where, source: own.source }, price, when, list?.variants ?? []);
}

/**
 * The lines of one provider, an entry of its lists at a time. Prices of our own stand alone too, for models that no list knows,
 * and over every entry that they may come to lie over.
 */
export function* entryLines(
  { version, lists, own }: PriceParts,
  provider: string,
): Generator<readonly PriceLine[]> {
  const where = { price_version: version, provider };
  const mine = own.filter((price) => price.provider === provider);
  for (const price of mine) yield [...ownLines(where, price, null)];
  for (const model of (lists.get(provider) ?? []).flat()) {
    const over = mine.filter((price) => mayLieOver(price.model, model.match));
    yield everyPeriod(compiled(model, 0)).flatMap((period) => [
      ...priceLines(
        { ...where, source: model.source },
        priceOf(period.id, period.named, period.variants, null),
        period.when,
        period.variants,
      ),
      ...over.flatMap((price) => [...ownLines(where, price, period)]),
    ]);
  }
}
