/** Which thresholds of its budget did an account just pass? Each is told once in a window. */
import type { Budget } from '../../model/budget.ts';
import type { Account } from './account.ts';

/** What was told of an account already. */
export interface Told {
  windowNumber: number;
  /** So many of the thresholds. */
  thresholds: number;
  forecast: boolean;
  /** Below this much nothing more is passed, at this limit. */
  nextAt: bigint;
  limit: bigint;
}

export const nothingTold = (): Told => ({
  windowNumber: NaN,
  thresholds: 0,
  forecast: false,
  nextAt: 0n,
  limit: 0n,
});

/** More than any account will ever hold. */
const never = 1n << 200n;

export type Crossing =
  /** So many thousandths of the limit were used. */
  | { readonly kind: 'threshold'; readonly thousandths: number }
  /** At this pace the limit is reached before the window ends. */
  | { readonly kind: 'forecast'; readonly endsAtMs: number };

/** Before so much of a window has gone by, its pace says nothing. */
const forecastAfter = 0.1;

/** @param nowMs when the account was looked at last */
export const crossings = (
  { limit, thresholds, window }: Budget,
  account: Pick<Account, 'used' | 'windowNumber' | 'endsAtMs'>,
  told: Told,
  nowMs: number,
): readonly Crossing[] => {
  if (told.windowNumber !== account.windowNumber) {
    told.windowNumber = account.windowNumber;
    told.thresholds = 0;
    told.forecast = false;
    told.nextAt = 0n;
  }
  const passed: Crossing[] = [];
  // Nearly every call passes nothing, and every one asks.
  while (account.used >= told.nextAt || limit !== told.limit) {
    const thousandths = thresholds[told.thresholds];
    told.limit = limit;
    told.nextAt = thousandths === undefined ? never : (limit * BigInt(thousandths) + 999n) / 1000n;
    if (thousandths === undefined || account.used < told.nextAt) break;
    told.thresholds += 1;
    passed.push({ kind: 'threshold', thousandths });
  }
  const { endsAtMs } = account;
  if (window.kind !== 'calendar' || endsAtMs === null || told.forecast) return passed;
  const startMs = account.windowNumber;
  const share = (nowMs - startMs) / (endsAtMs - startMs);
  if (share < forecastAfter || account.used > limit) return passed;
  if (Number(account.used) <= Number(limit) * share) return passed;
  told.forecast = true;
  return [...passed, { kind: 'forecast', endsAtMs }];
};
