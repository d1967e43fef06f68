import { expect, test } from 'vitest';
import {
  budgetIn,
  newBudget,
  patchedBudget,
  shownBudget,
  shownState,
} from '../../../gateway/src/control/budgets.ts';
import type { BudgetRecord } from '../../../gateway/src/control/records.ts';
import type { Read } from '../../../gateway/src/control/request.ts';

const nowMs = Date.parse('2026-11-30T12:00:00Z');
const good = (read: Read<BudgetRecord>): BudgetRecord => {
  if (read.kind === 'bad') throw new Error(JSON.stringify(read.problems));
  return read.value;
};
const made = (body: object): BudgetRecord => good(newBudget(body, { id: 'budget_1', nowMs }));
const month = made({
  scope: { team: 'a' },
  unit: 'usd',
  limit: 0.1,
  window: 'month',
  timeZone: 'Europe/Berlin',
});

test('an amount may come as a number and stays what was meant', () => {
  expect(month.fields.limit).toBe('0.1');
  expect(budgetIn(month)?.limit).toBe(100_000_000_000n);
});

test('a patch changes limit, mode and thresholds, and nothing else', () => {
  const later = good(patchedBudget(month, { limit: '2', mode: 'soft' }, nowMs + 1));
  expect(later).toEqual({
    ...month,
    fields: { ...month.fields, limit: '2', mode: 'soft' },
    updatedAtMs: nowMs + 1,
  });
  expect(good(patchedBudget(later, { thresholds: [0.5] }, nowMs + 2)).fields.mode).toBe('soft');
  for (const body of [{}, { unit: 'tokens' }, { window: 'day' }, { limit: 'much' }])
    expect(patchedBudget(month, body, nowMs).kind).toBe('bad');
});

test('what does not fit together is said with its field', () => {
  expect(newBudget({ unit: 'tokens', limit: 0.5, window: 'day' }, { id: 'x', nowMs })).toEqual({
    kind: 'bad',
    problems: [{ param: 'limit', message: 'must be a whole number of tokens.' }],
  });
});

const budget = budgetIn(month);
if (budget === null) throw new Error('it is good');
const state = (account: string, used: bigint) => ({
  budget,
  account,
  used,
  reserved: 10_000_000_000n,
  endsAtMs: Date.parse('2026-11-30T23:00:00Z'),
});

test('a budget says how it stands; what is overspent leaves nothing', () => {
  expect(shownState(state('', 50_000_000_000n))).toEqual({
    account: 'a',
    used: '0.05',
    reserved: '0.01',
    remaining: '0.04',
    resetsAt: '2026-11-30T23:00:00Z',
  });
  expect(shownState(state('', 200_000_000_000n))['remaining']).toBe('0');
  expect(shownBudget(month.fields, [], { source: 'api' })).toMatchObject({
    source: 'api',
    used: '0',
    reserved: '0',
    remaining: '0.1',
    resetsAt: null,
  });
});

test('a budget of each lists the accounts that have used most', () => {
  const shown = shownBudget(month.fields, [state('u1', 1n), state('u2', 3n), state('u3', 2n)], {});
  expect(shown['accounts']).toMatchObject([
    { account: 'a/u2' },
    { account: 'a/u3' },
    { account: 'a/u1' },
  ]);
  expect(shown).not.toHaveProperty('used');
});
