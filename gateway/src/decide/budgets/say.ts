/** A budget's amounts and refusals in words. */
import {
  each,
  type Budget,
  type BudgetUnit,
  type BudgetWindow,
  type ScopePart,
} from '../../model/budget.ts';
import { usdText } from '../../model/money.ts';
import type { Refusal } from '../../model/refusal.ts';
import { refusalFor } from '../refuse.ts';
import type { Short } from './budgets.ts';

/** An amount as metrics, refusals and replies of the control plane say it: dollars as decimal text, else a whole number. */
export const amountText = (unit: BudgetUnit, amount: bigint): string =>
  unit === 'usd' ? usdText(amount) : amount.toString();

const words: Readonly<Record<BudgetUnit, string>> = {
  usd: 'dollars',
  tokens: 'tokens',
  requests: 'requests',
  parallel: 'calls at once',
};

/** A length of time in the largest unit that says it whole. */
const lengthText = (ms: number): string => {
  for (const [unit, unitMs] of [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ] as const)
    if (ms % unitMs === 0) return `${ms / unitMs}${unit}`;
  return `${ms}ms`;
};

/** A window as a label says it. */
export const windowText = (window: BudgetWindow): string => {
  switch (window.kind) {
    case 'calendar':
      return window.period;
    case 'rolling':
      return lengthText(window.lengthMs);
    case 'life':
      return 'life';
    case 'flight':
      return '';
  }
};

/** What a budget is about: `team=a, user=*`. */
export const scopeText = (scope: readonly ScopePart[]): string =>
  scope.map(({ dimension, value }) => `${dimension}=${value}`).join(', ');

/** Whose account it is, in one word: the values of its scope. */
export const accountText = ({ scope }: Pick<Budget, 'scope'>, account: string): string => {
  const named = scope.filter(({ value }) => value !== each).map(({ value }) => value);
  const values = account === '' ? named : [...named, ...account.split('\u0000')];
  return values.join('/');
};

const isoTime = (ms: number): string =>
  Temporal.Instant.fromEpochMilliseconds(Math.ceil(ms)).toString({
    smallestUnit: 'second',
    roundingMode: 'ceil',
  });

/** What a limit is called: those that come free again within moments are limits, the others budgets. */
const codeOf = ({ window, unit }: Budget): 'rate_limit_exceeded' | 'budget_exceeded' =>
  unit !== 'usd' && (window.kind === 'rolling' || window.kind === 'flight')
    ? 'rate_limit_exceeded'
    : 'budget_exceeded';

/** Some call in flight may end at any moment and give back what it holds. */
const soonMs = 1000;

/** Longer, and a client does better to tell its user. */
const worthWaitingMs = 60_000;

/** How long to wait before it is worth to ask again; null: waiting does not help. */
const retryAfterMs = ({ needed, used, budget, freeAtMs }: Short, nowMs: number): number | null => {
  if (needed > budget.limit) return null;
  const waitMs = freeAtMs === null ? Infinity : Math.max(0, freeAtMs - nowMs);
  // Were no call in flight, there would be room.
  const sooner = needed <= budget.limit - used ? soonMs : Infinity;
  const afterMs = Math.min(waitMs, sooner);
  return Number.isFinite(afterMs) ? afterMs : null;
};

/** @param moneyStatus of a refusal for want of money */
export const refusalOf = (short: Short, nowMs: number, moneyStatus: 402 | 429): Refusal => {
  const { budget, account, needed, used, reserved, remaining, freeAtMs } = short;
  const { id, unit, limit, window, scope } = budget;
  const say = (amount: bigint): string => amountText(unit, amount);
  const whose = [
    scopeText(scope),
    account === '' ? '' : `here ${account.replaceAll('\u0000', ', ')}`,
  ]
    .filter((text) => text !== '')
    .join('; ');
  const of = window.kind === 'flight' ? '' : ` per ${windowText(window)}`;
  const when =
    needed > limit
      ? 'It never fits: ask for less, or for another limit.'
      : freeAtMs === null
        ? 'It fits when calls in flight end, or with another limit.'
        : `Resets at ${isoTime(freeAtMs)}.`;
  const message =
    `Limit '${id}'${whose === '' ? '' : ` (${whose})`} of ${say(limit)} ${words[unit]}${of}: this call needs up to ${say(needed)}, ` +
    `${say(remaining)} remain, ${say(used)} are used, ${say(reserved)} are reserved by calls in flight. ${when}`;
  const code = codeOf(budget);
  const afterMs = retryAfterMs(short, nowMs);
  const refusal = refusalFor({ code, message, param: null });
  return {
    ...refusal,
    status: unit === 'usd' ? moneyStatus : refusal.status,
    retryAfterMs: afterMs,
    // The SDKs of OpenAI and Anthropic read it; they would ask again within seconds.
    headers: afterMs === null || afterMs > worthWaitingMs ? { 'x-should-retry': 'false' } : {},
  };
};
