import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { openAccount } from '../../../../gateway/src/decide/budgets/account.ts';
import type { BudgetWindow } from '../../../../gateway/src/model/budget.ts';

const day: BudgetWindow = { kind: 'calendar', period: 'day', timeZone: 'UTC' };
const minute: BudgetWindow = { kind: 'rolling', lengthMs: 60_000 };
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

test('a rolling window never holds less than what came within its length, and at most a part of it more', () => {
  const anyStep = fc.record({ afterMs: fc.nat(9000), amount: fc.bigInt(1n, 100n) });
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 1, maxLength: 200 }), (steps) => {
      const account = openAccount(minute);
      const came: { readonly ms: number; readonly amount: bigint }[] = [];
      let nowMs = midnight;
      for (const { afterMs, amount } of steps) {
        nowMs += afterMs;
        account.look(nowMs);
        const within = (lengthMs: number) =>
          came.reduce((sum, one) => (one.ms > nowMs - lengthMs ? sum + one.amount : sum), 0n);
        expect(account.used).toBeGreaterThanOrEqual(within(60_000));
        expect(account.used).toBeLessThanOrEqual(within(60_201));
        account.change(account.hold(amount), -amount, amount);
        came.push({ ms: nowMs, amount });
      }
      account.look(nowMs + 60_201);
      expect(account.used).toBe(0n);
      expect(account.isEmpty()).toBe(true);
    }),
  );
});

test('a rolling window says when so much of it has left', () => {
  const account = openAccount(minute);
  for (const [afterMs, amount] of [
    [0, 5n],
    [1000, 7n],
    [30_000, 9n],
  ] as const) {
    account.look(midnight + afterMs);
    account.change(account.hold(amount), -amount, amount);
  }
  for (const [wanted, used] of [
    [5n, 16n],
    [6n, 9n],
    [21n, 0n],
  ] as const) {
    const freeAtMs = account.freeAtMs(wanted);
    expect(freeAtMs).not.toBeNull();
    const copy = openAccount(minute);
    for (const [afterMs, amount] of [
      [0, 5n],
      [1000, 7n],
      [30_000, 9n],
    ] as const) {
      copy.look(midnight + afterMs);
      copy.change(copy.hold(amount), -amount, amount);
    }
    copy.look((freeAtMs ?? 0) - 1);
    expect(copy.used).toBeGreaterThan(used);
    copy.look(freeAtMs ?? 0);
    expect(copy.used).toBe(used);
  }
  expect(account.freeAtMs(22n)).toBeNull();
});

test('a stream that is longer than the window is charged to the minute in which it was let in', () => {
  const account = openAccount(minute);
  account.look(midnight);
  const part = account.hold(100n);
  account.look(midnight + 61_000);
  expect(account.reserved).toBe(0n);
  account.change(part, -100n, 80n);
  expect([account.used, account.reserved]).toEqual([0n, 0n]);
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
