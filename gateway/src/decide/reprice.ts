/**
 * What would a call that is over cost by other prices? From what the ledger keeps of it: names, time, tokens and units by the
 * piece. The arithmetic is that of live calls (`price.ts`); here is only what of a row goes into it, and what a row cannot tell.
 */
import {
  chargeTypes,
  tokenTypes,
  type ChargeType,
  type PriceStatus,
  type UsageSource,
} from '../contract/ledger.ts';
import { freeUnits } from '../contract/price-dimensions.ts';
import { noUsage, type Dimensions, type TokenCounts } from '../model/usage.ts';
import { charge, chargeBasis, dimensionsOf, type PriceTable } from './price.ts';

/** Money of an attempt, in pico-dollars. */
export interface AttemptMoney {
  readonly costs: Readonly<Record<ChargeType, bigint>>;
  /** List price less what is paid. */
  readonly discount: bigint;
}

/** An attempt as the ledger has it; its money is that of the row and of the corrections that there are of it. */
export interface StoredAttempt extends AttemptMoney {
  readonly provider: string;
  readonly model: string;
  readonly answered: string;
  /** Service tier, speed and region of inference that are not empty. */
  readonly dimensions: Dimensions;
  readonly tokens: TokenCounts;
  readonly otherUnits: number;
  readonly usageSource: UsageSource;
  readonly priceId: string;
  readonly priceStatus: PriceStatus;
}

export interface StoredCall {
  /** Epoch milliseconds. */
  readonly startedAtMs: number;
  readonly attempts: readonly StoredAttempt[];
  /** By the piece, of all attempts together, and what these cost. */
  readonly units: Readonly<Record<string, number>>;
  readonly unitCosts: Readonly<Record<string, bigint>>;
  readonly cacheSaved: bigint;
}

/**
 * Why an attempt keeps its cost. `reported`: it is the provider's own word. `units_of_several`: the row does not say which attempt
 * used what. `other_models`: models were used on the way whose tokens it does not have. `no_price`: something that
 * was paid has no price there, and no price is not a price of 0.
 */
export type KeptBecause = 'reported' | 'units_of_several' | 'other_models' | 'no_price';

/** An attempt after it was looked at: its money by the prices asked for, or as it was. */
export interface RepricedAttempt extends AttemptMoney {
  readonly priceId: string;
  readonly priceStatus: PriceStatus;
  readonly kept: KeptBecause | null;
}

export interface Repriced {
  readonly attempts: readonly RepricedAttempt[];
  readonly unitCosts: Readonly<Record<string, bigint>>;
  readonly cacheSaved: bigint;
  /** Some attempt's money is not what it was. */
  readonly isChanged: boolean;
}

export interface RepriceOptions {
  readonly prices: Pick<PriceTable, 'find'>;
  /** Costs that the provider stated are worked out from tokens as well. */
  readonly reported: boolean;
}

/** Of `unitCosts`, what is no unit: a whole cost that was stated, models that were used on the way. */
const [statedCost, otherModels] = ['reported', 'other_models'];

/**
 * What each attempt used by the piece; null: the row cannot tell. Units stand in a row once, for all of its attempts, and
 * each attempt has their number.
 */
const unitsOf = ({
  attempts,
  units,
}: StoredCall): readonly (Readonly<Record<string, number>> | null)[] => {
  const users = attempts.filter(({ otherUnits }) => otherUnits > 0).length;
  const [only, ...more] = Object.keys(units);
  return attempts.map(({ otherUnits }) => {
    if (otherUnits === 0) return {};
    if (users === 1) return units;
    return only !== undefined && more.length === 0 ? { [only]: otherUnits } : null;
  });
};

/** Money was booked for every class and unit that it used, so what made it `partly_unpriced` is something that rows do not keep. */
const hasHiddenDimension = (attempt: StoredAttempt, units: Readonly<Record<string, number>>) => {
  const { tokens, costs, dimensions, priceStatus } = attempt;
  return (
    priceStatus === 'partly_unpriced' &&
    chargeBasis(noUsage, null, dimensions).named.length === 0 &&
    tokenTypes.every((type) => tokens[type] === 0 || costs[type] !== 0n) &&
    (costs.other !== 0n || Object.keys(units).every((unit) => freeUnits.includes(unit)))
  );
};

const asItWas = (attempt: StoredAttempt, kept: KeptBecause | null) => ({
  money: { ...attempt, kept },
  unitCosts: null,
  cacheSaved: null,
});

const attemptAt = (
  call: StoredCall,
  { prices, reported }: RepriceOptions,
  attempt: StoredAttempt,
  units: Readonly<Record<string, number>> | null,
) => {
  const { provider, model: asked, answered, tokens, usageSource, priceStatus } = attempt;
  if (usageSource === 'none') return asItWas(attempt, null);
  if (priceStatus === 'provider_reported' && !reported) return asItWas(attempt, 'reported');
  if (units === null) return asItWas(attempt, 'units_of_several');
  if (attempt.otherUnits > 0 && call.unitCosts[otherModels] !== undefined)
    return asItWas(attempt, 'other_models');
  const price = prices.find(provider, { asked, answered }, call.startedAtMs);
  const dimensions = dimensionsOf(attempt.dimensions, answered, {});
  const made = charge({ ...noUsage, tokens, units }, price, dimensions);
  const isLost = chargeTypes.some(
    (type) =>
      made.costs[type] === undefined &&
      attempt.costs[type] !== 0n &&
      // A stated cost is no price of a class.
      (type !== 'other' || priceStatus !== 'provider_reported'),
  );
  const isPriced = ['priced', 'free'].includes(made.priceStatus);
  if (
    isLost ||
    made.priceStatus === 'unpriced' ||
    (priceStatus === 'provider_reported' && !isPriced)
  )
    return asItWas(attempt, 'no_price');
  const isHidden = isPriced && hasHiddenDimension({ ...attempt, dimensions }, units);
  const costs = Object.fromEntries(chargeTypes.map((type) => [type, made.costs[type] ?? 0n]));
  return {
    money: {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one for each charge type
      costs: costs as Record<ChargeType, bigint>,
      discount: made.list - made.total,
      priceId: made.priceId,
      priceStatus: isHidden ? 'partly_unpriced' : made.priceStatus,
      kept: null,
    },
    unitCosts: made.unitCosts,
    cacheSaved: made.cacheSaved,
  };
};

const isSame = (a: AttemptMoney, b: AttemptMoney): boolean =>
  a.discount === b.discount && chargeTypes.every((type) => a.costs[type] === b.costs[type]);

/** What units cost now, so that they come to what the attempts have under `other`. */
const unitCostsOf = (
  call: StoredCall,
  made: readonly ReturnType<typeof attemptAt>[],
): Record<string, bigint> => {
  const sums: Record<string, bigint> = {};
  const add = (unit: string, cost: bigint): void => {
    sums[unit] = (sums[unit] ?? 0n) + cost;
  };
  for (const { unitCosts } of made) for (const unit in unitCosts) add(unit, unitCosts[unit] ?? 0n);
  // What attempts keep is under the names that it was under: a stated cost first, then units.
  let kept = 0n;
  for (const { money, unitCosts } of made) if (unitCosts === null) kept += money.costs.other;
  const names = Object.keys(call.unitCosts);
  for (const unit of [statedCost, otherModels, ...names]) {
    const share = call.unitCosts[unit] ?? 0n;
    const taken = share < kept ? share : kept;
    if (taken === 0n) continue;
    add(unit, taken);
    kept -= taken;
  }
  // Rows of before units had costs of their own.
  if (kept !== 0n) add(Object.keys(call.units)[0] ?? statedCost, kept);
  return sums;
};

/** The same call by these prices. */
export const repriced = (call: StoredCall, options: RepriceOptions): Repriced => {
  const units = unitsOf(call);
  const made = call.attempts.map((attempt, i) =>
    attemptAt(call, options, attempt, units[i] ?? null),
  );
  const isChanged = made.some(({ money }, i) => {
    const before = call.attempts[i];
    return before !== undefined && !isSame(money, before);
  });
  const isWhole = made.every(({ cacheSaved, money }) => cacheSaved !== null || money.kept === null);
  return {
    attempts: made.map(({ money: { costs, discount, priceId, priceStatus, kept } }) => ({
      costs,
      discount,
      priceId,
      priceStatus,
      kept,
    })),
    unitCosts: unitCostsOf(call, made),
    // A row has it for all attempts together, so of one that keeps its cost nothing is known.
    cacheSaved: isWhole
      ? made.reduce((sum, { cacheSaved }) => sum + (cacheSaved ?? 0n), 0n)
      : call.cacheSaved,
    isChanged,
  };
};
