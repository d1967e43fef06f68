/** A call that was priced anew -> the row that says the difference. */
import {
  chargeTypes,
  expiringColumns,
  lastingCorrectionColumns,
  tokenTypes,
  type PriceStatus,
} from '../contract/ledger.ts';
import type { Repriced, StoredCall } from '../decide/reprice.ts';
import { listAt, type Json, type JsonObject } from '../model/json.ts';
import { usdText } from '../model/money.ts';

/** What all rows of one run of corrections say. */
export interface CorrectionRun {
  readonly run: string;
  readonly reason: string;
  readonly priceVersion: string;
}

export interface CorrectionSource {
  /** The row of the call, its columns by name. */
  readonly row: JsonObject;
  readonly before: StoredCall;
  readonly after: Repriced;
  readonly run: CorrectionRun;
  /** `2026-11-01`. */
  readonly billingMonth: string;
  /** Number in its run, from 1 without gaps. */
  readonly seq: number;
  /** As in the row of a call. */
  readonly chain: string;
}

/** A row as ClickHouse reads it, and of it what stays as long as the row does. */
export interface CorrectionText {
  readonly json: string;
  readonly lasting: string;
}

/** Counts and times of the call: its own row has them, and a sum must have them once. */
// oxfmt-ignore
const zeroed = [
  'duration_ms', 'provider_ms', 'wait_ms', 'overhead_us', 'chunks', 'max_gap_ms', ...tokenTypes, 'waste_input_tokens', 'waste_output_tokens',
] as const;
const zeroedOfAttempts = ['duration_ms', 'first_token_ms', ...tokenTypes, 'other_units'] as const;

/** The least certain status speaks for the call, as in its own row. */
// oxfmt-ignore
const statuses: readonly PriceStatus[] = ['unpriced', 'partly_unpriced', 'provider_reported', 'priced', 'free'];
const statusOf = ({ attempts }: Repriced): PriceStatus =>
  statuses.find((status) => attempts.some(({ priceStatus }) => priceStatus === status)) ?? 'none';

const moneyOf = ({ row, before, after }: CorrectionSource): Record<string, Json> => {
  const wasted = listAt(row, 'attempts.waste_reason');
  let [cost, discount, waste] = [0n, 0n, 0n];
  const each = after.attempts.map((now, i) => {
    const then = before.attempts[i];
    const costs = chargeTypes.map((type) => now.costs[type] - (then?.costs[type] ?? 0n));
    const total = costs.reduce((sum, one) => sum + one, 0n);
    const lower = now.discount - (then?.discount ?? 0n);
    cost += total;
    discount += lower;
    if (wasted[i] !== '') waste += total;
    return { costs, total, lower };
  });
  const units = new Set([...Object.keys(before.unitCosts), ...Object.keys(after.unitCosts)]);
  const unitCosts = [...units]
    .map((unit) => [unit, (after.unitCosts[unit] ?? 0n) - (before.unitCosts[unit] ?? 0n)] as const)
    .filter(([, amount]) => amount !== 0n);
  return {
    unit_costs: Object.fromEntries(unitCosts.map(([unit, amount]) => [unit, usdText(amount)])),
    cost_usd: usdText(cost),
    discount_usd: usdText(discount),
    cache_saved_usd: '0',
    prompt_cache_saved_usd: usdText(after.cacheSaved - before.cacheSaved),
    waste_usd: usdText(waste),
    'attempts.cost_usd': each.map(({ total }) => usdText(total)),
    'attempts.discount_usd': each.map(({ lower }) => usdText(lower)),
    ...Object.fromEntries(
      chargeTypes.map((type, at) => [
        `attempts.cost_${type}`,
        each.map(({ costs }) => usdText(costs[at] ?? 0n)),
      ]),
    ),
  };
};

const text = (columns: readonly string[], values: JsonObject): string =>
  JSON.stringify(
    columns.map((column) => {
      const value = values[column];
      if (value === undefined) throw new Error(`the row of the call has no column ${column}`);
      return value;
    }),
  );

/**
 * One correction as a JSON array in the order of `allCorrectionColumns`: call id, time and all that says who and what as in the row
 * of the call; money as differences; the prices that they come to; counts 0.
 * @throws Error when the row lacks a column
 */
export const correctionRow = (source: CorrectionSource): CorrectionText => {
  const { row, after, run, billingMonth, seq, chain } = source;
  const zeros = after.attempts.map(() => 0);
  const values: JsonObject = {
    ...row,
    ...Object.fromEntries(zeroed.map((column) => [column, 0])),
    ...Object.fromEntries(zeroedOfAttempts.map((column) => [`attempts.${column}`, zeros])),
    first_token_ms: null,
    units: {},
    ...moneyOf(source),
    price_version: run.priceVersion,
    price_status: statusOf(after),
    'attempts.price_id': after.attempts.map(({ priceId }) => priceId),
    'attempts.price_status': after.attempts.map(({ priceStatus }) => priceStatus),
    entry: 'correction',
    correction_run: run.run,
    correction_reason: run.reason,
    billing_month: billingMonth,
    replica: run.run,
    seq,
    chain,
  };
  const lasting = text(lastingCorrectionColumns, values);
  return { lasting, json: `${lasting.slice(0, -1)},${text(expiringColumns, values).slice(1)}` };
};
