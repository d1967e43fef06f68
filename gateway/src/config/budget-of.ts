/** From an entry of `budgets`, whose fields are right one by one, to a budget; or to what does not fit together. */
import type { Static } from 'typebox';
import { durationMs, durationText } from '@tollgate/settings/units.ts';
import { isTimeZone } from '../decide/budgets/spans.ts';
import {
  each,
  type Budget,
  type BudgetWindow,
  type Dimension,
  type ScopePart,
} from '../model/budget.ts';
import { picodollarsOf, usdText } from '../model/money.ts';
import type { Budget as Fields, KeyLimits } from './schema-budgets.ts';

export type BudgetFields = Static<typeof Fields>;

/** What does not fit, and in which field. */
export interface Misfit {
  readonly field: string;
  readonly message: string;
}

type Read<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'bad'; readonly misfit: Misfit };

const bad = (field: string, message: string) =>
  ({ kind: 'bad', misfit: { field, message } }) as const;

const ofEach = (dimension: Dimension): ScopePart => ({ dimension, value: each });

const scopeOf = ({ scope = {}, window }: BudgetFields): Read<readonly ScopePart[]> => {
  const { tag, ...others } = scope;
  const parts: ScopePart[] = [];
  let dimension: keyof typeof others;
  for (dimension in others) {
    const value = others[dimension];
    if (value !== undefined) parts.push({ dimension, value });
  }
  if (tag !== undefined) {
    const [, name = '', value = ''] = /^([^=]+)=(.+)$/.exec(tag) ?? [];
    if (name === '') return bad('scope.tag', `must be name=value or name=*, not '${tag}'`);
    parts.push({ dimension: `tag:${name}`, value });
  }
  if (window !== 'session' && window !== 'trace') return { kind: 'ok', value: parts };
  const named = parts.find((part) => part.dimension === window);
  if (named === undefined) return { kind: 'ok', value: [...parts, ofEach(window)] };
  return named.value === each
    ? { kind: 'ok', value: parts }
    : bad(`scope.${window}`, `must be * for a window of each ${window}`);
};

/** Of a rolling window: a second, 31 days. */
const [shortestMs, longestMs] = [1000, 31 * 24 * 3_600_000];

const windowOf = ({ unit, window, length, timeZone }: BudgetFields): Read<BudgetWindow> => {
  if (unit === 'parallel')
    return window === undefined
      ? { kind: 'ok', value: { kind: 'flight' } }
      : bad('window', 'must be left out: calls at once have no window');
  if (window === undefined) return bad('window', "'window' is missing");
  if (window !== 'rolling' && length !== undefined)
    return bad('length', 'is the length of a rolling window, and this is none');
  const isCalendar = window !== 'rolling' && window !== 'session' && window !== 'trace';
  if (timeZone !== undefined && (!isCalendar || window === 'hour'))
    return bad('timeZone', 'belongs to windows of days, weeks and months');
  if (window === 'rolling') {
    const lengthMs = length === undefined ? null : durationMs(length);
    if (lengthMs === null)
      return bad('length', "'length' is missing: how long the rolling window is, such as 60s");
    return lengthMs < shortestMs || lengthMs > longestMs
      ? bad('length', 'must be between 1s and 744h')
      : { kind: 'ok', value: { kind: 'rolling', lengthMs } };
  }
  if (!isCalendar) return { kind: 'ok', value: { kind: 'life' } };
  if (timeZone !== undefined && !isTimeZone(timeZone))
    return bad(
      'timeZone',
      `there is no time zone '${timeZone}'; names are those of the IANA database, such as Europe/Berlin`,
    );
  return { kind: 'ok', value: { kind: 'calendar', period: window, timeZone: timeZone ?? 'UTC' } };
};

const limitOf = ({ unit, limit }: BudgetFields): Read<bigint> => {
  const money = unit === 'usd' ? picodollarsOf(limit) : null;
  if (money !== null) return { kind: 'ok', value: money };
  return /^\d+$/.test(limit)
    ? { kind: 'ok', value: BigInt(limit) }
    : bad('limit', `must be a whole number of ${unit === 'parallel' ? 'calls at once' : unit}`);
};

export const budgetOf = (fields: BudgetFields): Read<Budget> => {
  const scope = scopeOf(fields);
  if (scope.kind === 'bad') return scope;
  const window = windowOf(fields);
  if (window.kind === 'bad') return window;
  const limit = limitOf(fields);
  if (limit.kind === 'bad') return limit;
  const { id, unit, mode, thresholds } = fields;
  const thousandths = [...new Set(thresholds.map((share) => Math.round(share * 1000)))];
  return {
    kind: 'ok',
    value: {
      id,
      scope: scope.value,
      unit,
      limit: limit.value,
      window: window.value,
      mode,
      thresholds: thousandths.toSorted((a, b) => a - b),
    },
  };
};

const minuteMs = 60_000;

/** The limits of a key, as budgets of its own. */
export const budgetsOfKey = (
  keyId: string,
  limits: Static<typeof KeyLimits>,
): readonly Budget[] => {
  const { requestsPerMinute, tokensPerMinute, parallelCalls } = limits;
  const minute: BudgetWindow = { kind: 'rolling', lengthMs: minuteMs };
  const budget = (
    unit: Budget['unit'],
    limit: number | undefined,
    window: BudgetWindow,
  ): Budget[] =>
    limit === undefined
      ? []
      : [
          {
            id: `key.${keyId}.${unit}`,
            scope: [{ dimension: 'key', value: keyId }],
            unit,
            limit: BigInt(limit),
            window,
            mode: 'hard',
            thresholds: [],
          },
        ];
  return [
    ...budget('requests', requestsPerMinute, minute),
    ...budget('tokens', tokensPerMinute, minute),
    ...budget('parallel', parallelCalls, { kind: 'flight' }),
  ];
};

const windowText = (window: BudgetWindow, scope: readonly ScopePart[]): BudgetFields['window'] => {
  switch (window.kind) {
    case 'calendar':
      return window.period;
    case 'rolling':
      return 'rolling';
    case 'life':
      return scope.some(({ dimension }) => dimension === 'trace') ? 'trace' : 'session';
    case 'flight':
      return undefined;
  }
};

/** What `budgetOf` made a budget from, as somebody could have written it. */
export const fieldsOf = ({
  id,
  scope,
  unit,
  limit,
  window,
  mode,
  thresholds,
}: Budget): BudgetFields => {
  const said = windowText(window, scope);
  return {
    id,
    scope: Object.fromEntries(
      scope.map(({ dimension, value }) =>
        dimension.startsWith('tag:')
          ? ['tag', `${dimension.slice('tag:'.length)}=${value}`]
          : [dimension, value],
      ),
    ),
    unit,
    limit: unit === 'usd' ? usdText(limit) : limit.toString(),
    ...(said === undefined ? {} : { window: said }),
    ...(window.kind === 'rolling' ? { length: durationText(window.lengthMs) } : {}),
    ...(window.kind === 'calendar' && window.period !== 'hour'
      ? { timeZone: window.timeZone }
      : {}),
    mode,
    thresholds: thresholds.map((thousandths) => thousandths / 1000),
  };
};
