import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { RollingAccount } from '../../../../gateway/src/decide/budgets/rolling-account.ts';

const midnight = Date.parse('2026-11-30T00:00:00Z');
const ofMinute = (): RollingAccount => new RollingAccount(60_000);

test('a rolling window never holds less than what came within its length, and at most a part of it more', () => {
  const anyStep = fc.record({ afterMs: fc.nat(9000), amount: fc.bigInt(1n, 100n) });
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 1, maxLength: 200 }), (steps) => {
      const account = ofMinute();
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
  const account = ofMinute();
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
    const copy = ofMinute();
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
  const account = ofMinute();
  account.look(midnight);
  const part = account.hold(100n);
  account.look(midnight + 61_000);
  expect(account.reserved).toBe(0n);
  account.change(part, -100n, 80n);
  expect([account.used, account.reserved]).toEqual([0n, 0n]);
});
