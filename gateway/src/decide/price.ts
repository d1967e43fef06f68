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
import { costOf, noMoney, plus, type Picodollars, type Rate } from '../model/money.ts';
import type { Charge } from '../model/settlement.ts';
import { inputTokens, type Dimensions, type Usage } from '../model/usage.ts';

/** A rate that may rise with the size of the input: the whole call moves to the tier it reaches. */
export interface TieredRate {
  readonly base: Rate;
  /** Ascending; a tier holds for inputs of more than `aboveTokens`. */
  readonly tiers: readonly { readonly aboveTokens: number; readonly rate: Rate }[];
}

/** One model's price over one span of time. */
export interface Price {
  readonly id: string;
  readonly rates: Readonly<Partial<Record<TokenType, TieredRate>>>;
  /** Per unit, by the name of the unit. */
  readonly unitRates: Readonly<Record<string, Rate>>;
}

/** Answers which price holds for a model of a provider at a moment; null: none does. */
export interface PriceTable {
  /** Names the whole table; stands on every row. */
  readonly version: string;
  find(provider: string, model: string, atMs: number): Price | null;
}

const rateFor = (rate: TieredRate, input: number): Rate =>
  rate.tiers.findLast(({ aboveTokens }) => input > aboveTokens)?.rate ?? rate.base;

export const noCharge: Charge = {
  costs: {},
  total: noMoney,
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

/** True when one of these has a price that no list here knows. */
const haveOtherPrice = (dimensions: Dimensions): boolean => {
  let name: PriceDimension;
  for (name in dimensions) {
    const standard: readonly string[] = priceDimensions[name].standard;
    const value = dimensions[name];
    if (value !== undefined && !standard.includes(value)) return true;
  }
  return false;
};

/**
 * What did it cost? Each charge type is rounded once to a whole pico-dollar; the total is their sum.
 * A class with tokens and no rate costs 0 and is said to be unpriced: no price is not a price of $0. What has another
 * price than the standard one is not said to be priced either.
 */
export const charge = (usage: Usage, price: Price | null, dimensions: Dimensions): Charge => {
  const { tokens, units } = usage;
  const input = inputTokens(tokens);
  const costs: Partial<Record<ChargeType, Picodollars>> = {};
  let total = noMoney;
  let priced = 0;
  let unpriced = 0;
  let allFree = true;
  const book = (meter: ChargeType, quantity: number, rate: Rate | undefined): void => {
    if (rate === undefined) {
      unpriced += 1;
      return;
    }
    const cost = costOf(quantity, rate);
    costs[meter] = plus(costs[meter] ?? noMoney, cost);
    total = plus(total, cost);
    priced += 1;
    allFree &&= rate === 0n;
  };
  for (const type of tokenTypes) {
    const quantity = tokens[type];
    if (quantity === 0) continue;
    const rate = price?.rates[type];
    book(type, quantity, rate === undefined ? undefined : rateFor(rate, input));
  }
  let otherUnits = 0;
  for (const [unit, quantity] of Object.entries(units)) {
    if (quantity === 0) continue;
    otherUnits += quantity;
    if (freeUnits.includes(unit)) continue;
    book('other', quantity, price?.unitRates[unit]);
  }
  return {
    costs,
    total,
    otherUnits,
    priceId: price?.id ?? '',
    priceStatus: statusOf({ priced, unpriced, allFree }, haveOtherPrice(dimensions)),
  };
};
