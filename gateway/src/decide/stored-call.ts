/** A row of `tollgate.calls` and the corrections that there are of it, as what `reprice.ts` asks about. */
import {
  chargeTypes,
  priceStatuses,
  tokenTypes,
  usageSources,
  type ChargeType,
  type TokenType,
} from '../contract/ledger.ts';
import { isObject, listAt, objectAt, textAt, type Json, type JsonObject } from '../model/json.ts';
import { picodollarsOf } from '../model/money.ts';
import type { StoredAttempt, StoredCall } from './reprice.ts';

/** What the corrections of one call come to: columns of `calls`, summed. */
export const correctionSums = [
  ...chargeTypes.map((type) => `attempts.cost_${type}`),
  'attempts.discount_usd',
  'unit_costs',
  'prompt_cache_saved_usd',
] as const;

/** @throws Error for what is no amount: the row is none of ours, and guessing would be money */
const moneyOf = (value: Json | undefined): bigint => {
  const amount = typeof value === 'string' ? picodollarsOf(value) : null;
  if (amount === null)
    throw new Error(`the ledger says ${JSON.stringify(value)} where dollars belong`);
  return amount;
};

const oneOf = <T extends string>(words: readonly T[], value: Json | undefined): T => {
  const found = words.find((word) => word === value);
  if (found === undefined)
    throw new Error(`the ledger says ${JSON.stringify(value)}, which this version does not know`);
  return found;
};

const countOf = (value: Json | undefined): number => (typeof value === 'number' ? value : 0);
const wordOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

const moneyMap = (map: JsonObject | null): Record<string, bigint> =>
  Object.fromEntries(Object.entries(map ?? {}).map(([unit, value]) => [unit, moneyOf(value)]));

/** Dimensions that a row keeps; a row has an empty text for one that was not named. */
const keptDimensions = ['service_tier', 'speed', 'inference_geo'] as const;

const attemptAt = (row: JsonObject, corrections: JsonObject | null, i: number): StoredAttempt => {
  const at = (column: string): Json | undefined => listAt(row, `attempts.${column}`)[i];
  const money = (column: string): bigint => {
    const more = corrections === null ? undefined : listAt(corrections, `attempts.${column}`)[i];
    return moneyOf(at(column)) + (more === undefined ? 0n : moneyOf(more));
  };
  const named = keptDimensions.map((name) => [name, wordOf(at(name))] as const);
  /* oxlint-disable typescript/no-unsafe-type-assertion -- one for each type */
  const costs = Object.fromEntries(
    chargeTypes.map((type) => [type, money(`cost_${type}`)]),
  ) as Record<ChargeType, bigint>;
  const tokens = Object.fromEntries(tokenTypes.map((type) => [type, countOf(at(type))])) as Record<
    TokenType,
    number
  >;
  /* oxlint-enable typescript/no-unsafe-type-assertion */
  return {
    provider: wordOf(at('provider')),
    model: wordOf(at('model')),
    answered: wordOf(at('model_answered')),
    dimensions: Object.fromEntries(named.filter(([, value]) => value !== '')),
    tokens,
    otherUnits: countOf(at('other_units')),
    usageSource: oneOf(usageSources, at('usage_source')),
    priceId: wordOf(at('price_id')),
    priceStatus: oneOf(priceStatuses, at('price_status')),
    costs,
    discount: money('discount_usd'),
  };
};

/** Epoch milliseconds of a time as a row has it: decimal seconds. */
export const millisecondsOf = (seconds: Json | undefined): number => {
  const text = /^(\d{1,12})(?:\.(\d{1,3})\d*)?$/.exec(
    typeof seconds === 'string' ? seconds : JSON.stringify(seconds ?? null),
  );
  if (text === null)
    throw new Error(`the ledger says ${JSON.stringify(seconds)} where a time belongs`);
  const [, whole = '0', fraction = ''] = text;
  return Number(whole) * 1000 + Number(fraction.padEnd(3, '0'));
};

/**
 * @param row its columns by name; times as epoch seconds, money as text
 * @param corrections what those of this call come to (`correctionSums`); null: there are none
 * @throws Error naming a value that no version of the ledger wrote
 */
export const storedCall = (row: JsonObject, corrections: JsonObject | null): StoredCall => {
  const unitCosts = moneyMap(objectAt(row, 'unit_costs'));
  const more = corrections === null ? {} : moneyMap(objectAt(corrections, 'unit_costs'));
  for (const unit in more) unitCosts[unit] = (unitCosts[unit] ?? 0n) + (more[unit] ?? 0n);
  const units = row['units'];
  return {
    startedAtMs: millisecondsOf(row['started_at']),
    attempts: listAt(row, 'attempts.provider').map((_, i) => attemptAt(row, corrections, i)),
    units: Object.fromEntries(
      Object.entries(isObject(units) ? units : {}).map(([unit, value]) => [unit, countOf(value)]),
    ),
    unitCosts,
    cacheSaved:
      moneyOf(row['prompt_cache_saved_usd']) +
      (corrections === null ? 0n : moneyOf(textAt(corrections, 'prompt_cache_saved_usd') ?? '0')),
  };
};
