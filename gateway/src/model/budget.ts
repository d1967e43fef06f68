/** What may be spent, by whom, in which time. */

/** Of a call, what a budget can be about. A tag is named, too: `tag:feature`. */
export type Dimension =
  | 'organization'
  | 'team'
  | 'application'
  | 'key'
  | 'namespace'
  | 'environment'
  | 'costCenter'
  | 'user'
  | 'agent'
  | 'session'
  | 'trace'
  | 'model'
  | `tag:${string}`;

/** Stands for each value: an account of its own for every one. */
export const each = '*';

/** A call counts when it has this value; `each`: any, and each has its own account. */
export interface ScopePart {
  readonly dimension: Dimension;
  readonly value: string;
}

/** Pico-dollars, tokens of input and output, calls, or calls at once. */
export const budgetUnits = ['usd', 'tokens', 'requests', 'parallel'] as const;
export type BudgetUnit = (typeof budgetUnits)[number];

export const calendarPeriods = ['hour', 'day', 'week', 'month'] as const;
export type CalendarPeriod = (typeof calendarPeriods)[number];

export type BudgetWindow =
  /** Hours are those of UTC; days, weeks (from Monday on) and months those of the time zone. */
  | { readonly kind: 'calendar'; readonly period: CalendarPeriod; readonly timeZone: string }
  /** At each moment the time of this length before it. */
  | { readonly kind: 'rolling'; readonly lengthMs: number }
  /** As long as what the account is about is heard of: a trace, a session. */
  | { readonly kind: 'life' }
  /** While calls run: what they take comes back when they end. */
  | { readonly kind: 'flight' };

export interface Budget {
  /** Unique; names it in refusals and metrics. */
  readonly id: string;
  /** Empty: every call. All must hold. */
  readonly scope: readonly ScopePart[];
  readonly unit: BudgetUnit;
  readonly limit: bigint;
  readonly window: BudgetWindow;
  /** `soft`: nothing is refused, only told. */
  readonly mode: 'hard' | 'soft';
  /** Shares of the limit, ascending, in thousandths: 800 is 80 %. Passing one is told once in a window. */
  readonly thresholds: readonly number[];
}

/** What of each unit a call takes. */
export type Amounts = Readonly<Record<BudgetUnit, bigint>>;

/** Whose call it is, as budgets look at it; empty texts: not said. */
export interface Subject {
  readonly organization: string;
  readonly team: string;
  readonly application: string;
  readonly key: string;
  readonly namespace: string;
  readonly environment: string;
  readonly costCenter: string;
  readonly user: string;
  readonly agent: string;
  readonly session: string;
  readonly trace: string;
  readonly tags: Readonly<Record<string, string>>;
  /** The name asked for, and those of all models that may be asked instead; the first one names the account of `each`. */
  readonly models: readonly string[];
}
