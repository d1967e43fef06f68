/** Budgets that are made by API: what a request may say, what is kept, and what is shown. */
import { Type } from 'typebox';
import { closed } from '@tollgate/settings/fields.ts';
import { budgetOf, type BudgetFields } from '../config/budget-of.ts';
import { Budget as Fields, usualThresholds } from '../config/schema-budgets.ts';
import type { AccountState } from '../decide/budgets/budgets.ts';
import { accountText, amountText } from '../decide/budgets/say.ts';
import type { Budget } from '../model/budget.ts';
import { isObject, type Json, type JsonObject } from '../model/json.ts';
import { isoTime } from './keys.ts';
import { readRequest, type Aliases, type Read } from './request.ts';
import type { BudgetRecord } from './records.ts';

const { id, mode, thresholds, ...properties } = Fields.properties;

export const NewBudget = Type.Object(
  {
    id: Type.Optional(id),
    ...properties,
    mode: Type.Optional(mode),
    thresholds: Type.Optional(thresholds),
  },
  closed,
);
export const BudgetPatch = Type.Partial(
  Type.Object({ limit: properties.limit, mode, thresholds }),
  { ...closed, minProperties: 1 },
);

/** Of Mozilla's gateway: a budget of money in a time that rolls. */
const aliases: Aliases = { max_budget: 'limit', budget_duration_sec: 'length' };

/** Amounts may come as numbers; what `JSON.parse` made of them is their shortest text, which is what was meant. */
const withTexts = (body: unknown): unknown => {
  if (!isObject(body)) return body;
  const value: Record<string, Json | undefined> = { ...body };
  for (const name of ['limit', 'max_budget'])
    if (typeof value[name] === 'number') value[name] = String(value[name]);
  const seconds = value['budget_duration_sec'];
  if (typeof seconds === 'number') value['budget_duration_sec'] = `${seconds}s`;
  if (Object.hasOwn(value, 'budget_duration_sec')) value['window'] ??= 'rolling';
  if (Object.hasOwn(value, 'max_budget')) value['unit'] ??= 'usd';
  return value;
};

const checked = (fields: BudgetFields): Read<Budget> => {
  const read = budgetOf(fields);
  return read.kind === 'ok'
    ? read
    : {
        kind: 'bad',
        problems: [{ param: read.misfit.field, message: `${read.misfit.message}.` }],
      };
};

export const newBudget = (
  body: unknown,
  fresh: { readonly id: string; readonly nowMs: number },
): Read<BudgetRecord> => {
  const read = readRequest(NewBudget, withTexts(body), aliases);
  if (read.kind === 'bad') return read;
  const { value } = read;
  const fields: BudgetFields = {
    ...value,
    id: value.id ?? fresh.id,
    mode: value.mode ?? 'hard',
    thresholds: value.thresholds ?? [...usualThresholds],
  };
  const budget = checked(fields);
  if (budget.kind === 'bad') return budget;
  const { nowMs } = fresh;
  return {
    kind: 'ok',
    value: { kind: 'budget', id: fields.id, fields, createdAtMs: nowMs, updatedAtMs: nowMs },
  };
};

/** Another limit, mode or thresholds; what was used stays. */
export const patchedBudget = (
  record: BudgetRecord,
  body: unknown,
  nowMs: number,
): Read<BudgetRecord> => {
  const read = readRequest(BudgetPatch, withTexts(body), aliases);
  if (read.kind === 'bad') return read;
  const fields = { ...record.fields, ...read.value };
  const budget = checked(fields);
  return budget.kind === 'bad'
    ? budget
    : { kind: 'ok', value: { ...record, fields, updatedAtMs: nowMs } };
};

/** A budget as the data plane knows it; null: this version does not know what it says. */
export const budgetIn = ({ fields }: BudgetRecord): Budget | null => {
  const read = budgetOf(fields);
  return read.kind === 'ok' ? read.value : null;
};

/** How an account stands, in the unit of its budget. */
export const shownState = ({
  budget,
  account,
  used,
  reserved,
  endsAtMs,
}: AccountState): JsonObject => {
  const remaining = budget.limit - used - reserved;
  const say = (amount: bigint): string => amountText(budget.unit, amount);
  return {
    account: accountText(budget, account),
    used: say(used),
    reserved: say(reserved),
    remaining: say(remaining > 0n ? remaining : 0n),
    resetsAt: endsAtMs === null ? null : isoTime(endsAtMs),
  };
};

/** Accounts that a reply lists. */
const mostAccounts = 100;

/** A budget as replies say it. Of one with an account for each value, `accounts` lists those that have used most. */
export const shownBudget = (
  fields: BudgetFields,
  states: readonly AccountState[],
  more: JsonObject,
): JsonObject => {
  const { thresholds, ...rest } = fields;
  const isOfEach = states.some(({ account }) => account !== '');
  const most = states.toSorted((a, b) => (a.used < b.used ? 1 : -1)).slice(0, mostAccounts);
  const [first] = most;
  const none = { used: '0', reserved: '0', remaining: rest.limit, resetsAt: null };
  const single = first === undefined ? none : { ...shownState(first), account: undefined };
  return {
    ...rest,
    scope: { ...rest.scope },
    thresholds,
    ...(isOfEach ? { accounts: most.map(shownState) } : single),
    ...more,
  };
};
