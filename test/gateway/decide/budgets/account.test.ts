import { expect, test } from 'vitest';
import { openAccount } from '../../../../gateway/src/decide/budgets/account.ts';
import type { BudgetWindow } from '../../../../gateway/src/model/budget.ts';

const day: BudgetWindow = { kind: 'calendar', period: 'day', timeZone: 'UTC' };
const midnight = Date.parse('2026-11-30T00:00:00Z');
const dayMs = 86_400_000;

test('what was held before midnight is charged to the day before', () => {
  const account = openAccount(day);
  account.look(midnight - 1);
  const part = account.hold(10n);
  account.look(midnight);
  expect(account.reserved).toBe(0n);
  account.change(part, -10n, 7n);
  expect([account.used, account.reserved]).toEqual([0n, 0n]);
});

test('a clock that goes back opens no day a second time', () => {
  const account = openAccount(day);
  account.look(midnight + 5);
  account.change(account.hold(10n), -10n, 10n);
  account.look(midnight - 5);
  expect(account.used).toBe(10n);
  expect(account.endsAtMs).toBe(midnight + dayMs);
  account.look(midnight + 6);
  expect(account.used).toBe(10n);
});

test('a life is over when nothing was heard of it for a day, and not while a call runs', () => {
  const account = openAccount({ kind: 'life' });
  account.look(midnight);
  account.change(account.hold(10n), -10n, 10n);
  account.look(midnight + dayMs);
  expect([account.used, account.isEmpty()]).toEqual([10n, false]);
  const part = account.hold(5n);
  account.look(midnight + 3 * dayMs);
  expect(account.used).toBe(10n);
  account.change(part, -5n, 5n);
  account.look(midnight + 3 * dayMs);
  expect(account.used).toBe(0n);
});

test('calls at once count while they run', () => {
  const account = openAccount({ kind: 'flight' });
  account.look(midnight);
  const part = account.hold(1n);
  account.hold(1n);
  account.change(part, -1n, 1n);
  expect([account.used, account.reserved, account.isEmpty()]).toEqual([0n, 1n, false]);
});
