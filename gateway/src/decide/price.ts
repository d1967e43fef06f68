import {
  tokenTypes,
  type TokenType,
  type ChargeType,
  type PriceStatus,
} from '../contract/ledger.ts';
import {
  freeUnits,
  priceDimensions,
  searchModels,
  type PriceDimension,
} from '../contract/price-dimensions.ts';
import {
  costOf,
  noMoney,
  plus,
  scaledRate,
  toPicodollars,
  type Picodollars,
  type Rate,
} from '../model/money.ts';
import type { Charge } from '../model/settlement.ts';
import { inputTokens, type Dimensions, type Usage } from '../model/usage.ts';

/** A rate that may rise with the size of the input: the whole call moves to the tier it reaches. */
export interface TieredRate {
  readonly base: Rate;
  /** Ascending; a tier holds for inputs of more than `aboveTokens`. */
  readonly tiers: readonly { readonly aboveTokens: number; readonly rate: Rate }[];
}

/** Rates of one price list. */
export interface RateSheet {
  readonly rates: Readonly<Partial<Record<TokenType, TieredRate>>>;
  /** Per unit, by the name of the unit. */
  readonly unitRates: Readonly<Record<string, Rate>>;
}

/** An exact factor, such as 11 over 10. */
export interface Factor {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** What differs when a call names another value than the standard one of a dimension. */
export type PriceVariant = { readonly dimension: PriceDimension; readonly value: string } & (
  | { readonly kind: 'rates'; readonly sheet: RateSheet }
  | {
      readonly kind: 'factor';
      readonly factor: Factor;
      /** The rates of the price times the factor: what nearly every call asks for that names one. */
      readonly sheet: RateSheet;
    }
);

/** One model's price over one span of time. */
export interface Price extends RateSheet {
  readonly id: string;
  readonly variants?: readonly PriceVariant[];
  /** Of a price of our own: what the vendor's list says; null: nothing. Left out: this is the list's. */
  readonly listed?: Price | null;
}

/** Answers which price holds for a model of a provider at a moment; null: none does. */
export interface PriceTable {
  /** Names the whole table; stands on every row. */
  readonly version: string;
  /**
   * @param names of the model, as it was asked for at the provider and as the provider answered
   * @param atMs when the call began, epoch milliseconds
   */
  find(
    provider: string,
    names: { readonly asked: string; readonly answered: string },
    atMs: number,
  ): Price | null;
}

/** Tokens that would be plain input without a prompt cache. */
const isCached: Readonly<Partial<Record<TokenType, true>>> = {
  input_cache_read: true,
  input_cache_write: true,
  input_cache_write_long: true,
};

/** The rate of a line for an input of so many tokens. */
export const rateFor = (rate: TieredRate, input: number): Rate =>
  rate.tiers.findLast(({ aboveTokens }) => input > aboveTokens)?.rate ?? rate.base;

export const noCharge: Charge = {
  costs: {},
  total: noMoney,
  list: noMoney,
  cacheSaved: noMoney,
  unitCosts: {},
  otherUnits: 0,
  priceId: '',
  priceStatus: 'none',
};

const statusOf = (
  counted: { readonly priced: number; readonly unpriced: number; readonly allFree: boolean },
  hasOtherPrice: boolean,
): PriceStatus => {
  const { priced, unpriced, allFree } = counted;
  if (unpriced > 0) return priced > 0 ? 'partly_unpriced' : 'unpriced';
  if (priced === 0) return hasOtherPrice ? 'unpriced' : 'none';
  if (hasOtherPrice) return 'partly_unpriced';
  return allFree ? 'free' : 'priced';
};

/**
 * What a call names that may change its price: what its reply says goes before what its request asked, for a provider may
 * serve another tier than was asked for.
 */
export const dimensionsOf = (asked: Dimensions, model: string, said: Dimensions): Dimensions => {
  const searches = searchModels.some((part) => model.toLowerCase().includes(part));
  return { ...asked, ...(searches ? { web_search: 'model' } : {}), ...said };
};

const times = (rate: Rate, { numerator, denominator }: Factor): Rate =>
  scaledRate(rate, numerator, denominator);

/** A sheet with every rate multiplied. */
export const scaled = ({ rates, unitRates }: RateSheet, factor: Factor): RateSheet => ({
  rates: Object.fromEntries(
    Object.entries(rates).map(([type, { base, tiers }]) => [
      type,
      {
        base: times(base, factor),
        tiers: tiers.map(({ aboveTokens, rate }) => ({ aboveTokens, rate: times(rate, factor) })),
      },
    ]),
  ),
  unitRates: Object.fromEntries(
    Object.entries(unitRates).map(([unit, rate]) => [unit, times(rate, factor)]),
  ),
});

/** A sheet with a factor on it. It is on tokens: searches cost the same everywhere. */
export const withFactor = (sheet: RateSheet, factor: Factor): RateSheet => ({
  rates: scaled(sheet, factor).rates,
  unitRates: sheet.unitRates,
});

/** Dimensions of which a call names another value than a standard one. */
type Named = readonly (readonly [PriceDimension, string])[];
const unusual = (dimensions: Dimensions): Named => {
  const found: [PriceDimension, string][] = [];
  let name: PriceDimension;
  for (name in dimensions) {
    const standard: readonly string[] = priceDimensions[name].standard;
    const value = dimensions[name];
    if (value !== undefined && !standard.includes(value)) found.push([name, value]);
  }
  return found;
};

/** Rates for what a call names. */
interface Rates {
  /** Null: there is no price. */
  readonly sheet: RateSheet | null;
  /** Whether there is a price for all that is named. */
  readonly isWhole: boolean;
}

/**
 * The rates for what a call names, and whether some of it has a price that no list here knows. Two dimensions that both
 * bring rates of their own are known one by one, not together.
 */
const ratesFor = (price: Price | null, named: Named): Rates => {
  if (price === null || named.length === 0) return { sheet: price, isWhole: named.length === 0 };
  let sheet: RateSheet = price;
  let isWhole = true;
  let sheets = 0;
  const factors: Extract<PriceVariant, { kind: 'factor' }>[] = [];
  for (const [dimension, value] of named) {
    const variant = price.variants?.find(
      (one) => one.dimension === dimension && one.value === value,
    );
    if (variant === undefined) isWhole = false;
    else if (variant.kind === 'factor') factors.push(variant);
    else {
      sheets += 1;
      sheet = {
        rates: { ...sheet.rates, ...variant.sheet.rates },
        unitRates: { ...sheet.unitRates, ...variant.sheet.unitRates },
      };
    }
  }
  const [first] = factors;
  if (first !== undefined && factors.length === 1 && sheets === 0) sheet = first.sheet;
  else for (const { factor } of factors) sheet = withFactor(sheet, factor);
  return { sheet, isWhole: isWhole && sheets < 2 };
};

/** A model that searches on every call does so once, when nobody counts. */
const withSearch = (usage: Usage, price: Price | null, dimensions: Dimensions): Usage =>
  dimensions.web_search === 'model' &&
  usage.units['web_searches'] === undefined &&
  price?.unitRates['web_searches'] !== undefined
    ? { ...usage, units: { ...usage.units, web_searches: 1 } }
    : usage;

/** What of a call is booked: its usage, and what of it may change the price. */
const asBooked = (usage: Usage, price: Price | null, dimensions: Dimensions) => {
  const used = withSearch(usage, price, dimensions);
  // A search that is counted has its price.
  const named = unusual(dimensions).filter(([name]) => used === usage || name !== 'web_search');
  return { used, named };
};

/** What a charge is made of, for people: the usage that is booked, what it names beside the standard, and the rates for that. */
export const chargeBasis = (usage: Usage, price: Price | null, dimensions: Dimensions) => {
  const { used, named } = asBooked(usage, price, dimensions);
  return { used, named, ...ratesFor(price, named) };
};

const booked = (usage: Usage, price: Price | null, named: Named): Omit<Charge, 'list'> => {
  const { tokens, units } = usage;
  const { sheet, isWhole } = ratesFor(price, named);
  const input = inputTokens(tokens);
  const costs: Partial<Record<ChargeType, Picodollars>> = {};
  let total = noMoney;
  let cacheSaved = 0n;
  let priced = 0;
  let unpriced = 0;
  let allFree = true;
  const book = (type: ChargeType, quantity: number, rate: Rate | undefined): Picodollars => {
    if (rate === undefined) {
      unpriced += 1;
      return noMoney;
    }
    const cost = costOf(quantity, rate);
    costs[type] = plus(costs[type] ?? noMoney, cost);
    total = plus(total, cost);
    priced += 1;
    allFree &&= rate === 0n;
    return cost;
  };
  for (const type of tokenTypes) {
    const quantity = tokens[type];
    if (quantity === 0) continue;
    const rate = sheet?.rates[type];
    const cost = book(type, quantity, rate === undefined ? undefined : rateFor(rate, input));
    const plain = isCached[type] === true ? sheet?.rates.input_uncached : undefined;
    if (rate !== undefined && plain !== undefined)
      cacheSaved += costOf(quantity, rateFor(plain, input)) - cost;
  }
  let otherUnits = 0;
  const unitCosts: Record<string, Picodollars> = {};
  for (const [unit, quantity] of Object.entries(units)) {
    if (quantity === 0) continue;
    otherUnits += quantity;
    if (freeUnits.includes(unit)) continue;
    const rate = sheet?.unitRates[unit];
    const cost = book('other', quantity, rate);
    if (rate !== undefined) unitCosts[unit] = cost;
  }
  return {
    costs,
    total,
    cacheSaved: toPicodollars(cacheSaved),
    unitCosts,
    otherUnits,
    priceId: price?.id ?? '',
    priceStatus: statusOf({ priced, unpriced, allFree }, !isWhole),
  };
};

/**
 * What did it cost? Each charge type is rounded once to a whole pico-dollar; the total is their sum.
 * A class with tokens and no rate costs 0 and is said to be unpriced: no price is not a price of $0. What has another
 * price than those that are listed is not said to be priced either.
 */
export const charge = (usage: Usage, price: Price | null, dimensions: Dimensions): Charge => {
  const { used, named } = asBooked(usage, price, dimensions);
  const made = booked(used, price, named);
  const listed = price?.listed;
  return {
    ...made,
    list: listed === undefined || listed === null ? made.total : booked(used, listed, named).total,
  };
};
