import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Budgets, type Hold } from '../../../../gateway/src/decide/budgets/budgets.ts';
import type { Budget, BudgetWindow } from '../../../../gateway/src/model/budget.ts';
import { amounts, budget, nothing, subject } from './support.ts';

const midnight = Date.parse('2026-11-30T00:00:00Z');
const manyAccounts = 10_000;
const of = (...budgets: readonly Budget[]): Budgets => new Budgets(budgets, manyAccounts);
const usd = (amount: bigint) => amounts({ usd: amount });
const someone = subject({ team: 'a' });

const heldBy = (budgets: Budgets, amount: bigint, who = someone): Hold => {
  const reserved = budgets.reserve(who, usd(amount), midnight);
  if (reserved.kind === 'short')
    throw new Error(`refused: ${JSON.stringify(reserved.short.budget.id)}`);
  return reserved.hold;
};
const shortOf = (budgets: Budgets, amount: bigint, who = someone) => {
  const reserved = budgets.reserve(who, usd(amount), midnight);
  return reserved.kind === 'short' ? reserved.short : null;
};

test('a call that fits is held, and one that does not is told by how much', () => {
  const budgets = of(budget());
  const first = heldBy(budgets, 60n);
  expect(shortOf(budgets, 41n)).toEqual({
    budget: budget(),
    account: '',
    used: 0n,
    reserved: 60n,
    remaining: 40n,
    needed: 41n,
    endsAtMs: midnight + 86_400_000,
    freeAtMs: midnight + 86_400_000,
  });
  heldBy(budgets, 40n);
  budgets.settle(first, usd(10n), midnight);
  heldBy(budgets, 50n);
  expect(shortOf(budgets, 1n)).not.toBeNull();
});

test('a call that needs more than the whole limit does not come to fit by waiting', () => {
  expect(shortOf(of(budget()), 101n)).toMatchObject({ remaining: 100n, freeAtMs: null });
});

test('of several budgets all hold a call, or none does', () => {
  const budgets = of(
    budget({ id: 'large', limit: 1000n }),
    budget({ id: 'small', limit: 10n, scope: [{ dimension: 'team', value: 'a' }] }),
  );
  expect(shortOf(budgets, 11n)).toMatchObject({ budget: { id: 'small' } });
  expect([...budgets.states(midnight)]).toEqual([]);
  heldBy(budgets, 10n);
  heldBy(budgets, 900n, subject({ team: 'b' }));
  expect([...budgets.states(midnight)].map((one) => [one.budget.id, one.reserved])).toEqual([
    ['large', 910n],
    ['small', 10n],
  ]);
});

test('the budget that is told is the one that takes longest', () => {
  const budgets = of(
    budget({
      id: 'hour',
      limit: 5n,
      window: { kind: 'calendar', period: 'hour', timeZone: 'UTC' },
    }),
    budget({
      id: 'month',
      limit: 5n,
      window: { kind: 'calendar', period: 'month', timeZone: 'UTC' },
    }),
    budget({ id: 'day', limit: 5n }),
  );
  heldBy(budgets, 5n);
  expect(shortOf(budgets, 1n)?.budget.id).toBe('month');
});

test('a soft budget refuses nothing', () => {
  const budgets = of(budget({ mode: 'soft', limit: 1n }));
  const hold = heldBy(budgets, 100n);
  budgets.settle(hold, usd(90n), midnight);
  expect([...budgets.states(midnight)][0]).toMatchObject({ used: 90n, reserved: 0n });
});

test('each unit has its own amount', () => {
  const budgets = of(
    budget({ id: 'usd', unit: 'usd', limit: 10n }),
    budget({ id: 'tokens', unit: 'tokens', limit: 10n }),
    budget({ id: 'requests', unit: 'requests', limit: 2n }),
    budget({ id: 'parallel', unit: 'parallel', limit: 1n, window: { kind: 'flight' } }),
  );
  const needed = amounts({ usd: 1n, tokens: 2n, requests: 1n, parallel: 1n });
  const first = budgets.reserve(someone, needed, midnight);
  expect(first.kind).toBe('held');
  expect(budgets.reserve(someone, needed, midnight)).toMatchObject({
    short: { budget: { id: 'parallel' } },
  });
  if (first.kind === 'held')
    budgets.settle(first.hold, amounts({ usd: 1n, tokens: 1n, requests: 1n }), midnight);
  expect(budgets.reserve(someone, needed, midnight).kind).toBe('held');
  expect(
    [...budgets.states(midnight)].map((one) => [one.budget.id, one.used, one.reserved]),
  ).toEqual([
    ['usd', 1n, 1n],
    ['tokens', 1n, 2n],
    ['requests', 1n, 1n],
    ['parallel', 0n, 1n],
  ]);
});

test('a call that goes on holds what it has spent and may still spend', () => {
  const budgets = of(budget());
  const hold = heldBy(budgets, 40n);
  heldBy(budgets, 30n);
  expect(budgets.extend(hold, usd(71n), midnight)).toMatchObject({ needed: 31n, remaining: 30n });
  expect(budgets.extend(hold, usd(20n), midnight)).toBeNull();
  expect(budgets.extend(hold, usd(70n), midnight)).toBeNull();
  expect(shortOf(budgets, 1n)).not.toBeNull();
  budgets.settle(hold, usd(50n), midnight);
  expect(shortOf(budgets, 21n)).not.toBeNull();
  expect(shortOf(budgets, 20n)).toBeNull();
});

test('a call is settled once', () => {
  const budgets = of(budget());
  const hold = heldBy(budgets, 40n);
  budgets.settle(hold, usd(30n), midnight);
  budgets.settle(hold, usd(30n), midnight);
  expect([...budgets.states(midnight)][0]).toMatchObject({ used: 30n, reserved: 0n });
});

test('a budget with another limit goes on with its accounts, one with another window begins', () => {
  const budgets = of(budget(), budget({ id: 'b2' }));
  const hold = heldBy(budgets, 40n);
  budgets.adopt([budget({ limit: 50n }), budget({ id: 'b2', unit: 'tokens' })]);
  expect(shortOf(budgets, 11n)).toMatchObject({ budget: { id: 'b1', limit: 50n }, reserved: 40n });
  budgets.settle(hold, usd(40n), midnight);
  expect([...budgets.states(midnight)].map((one) => [one.budget.id, one.used])).toEqual([
    ['b1', 40n],
  ]);
});

test('thresholds are told with the account that passed them', () => {
  const budgets = of(budget({ thresholds: [500], scope: [{ dimension: 'team', value: '*' }] }));
  const { passed } = budgets.settle(heldBy(budgets, 60n), usd(50n), midnight);
  expect(passed).toMatchObject([
    { account: 'a', used: 50n, crossing: { kind: 'threshold', thousandths: 500 } },
  ]);
});

test('past the limit of accounts the empty ones go, then the oldest without a call in flight', () => {
  const life: BudgetWindow = { kind: 'life' };
  const perSession = budget({ window: life, scope: [{ dimension: 'session', value: '*' }] });
  const budgets = new Budgets([perSession], 10);
  const session = (n: number) => subject({ session: `s${n}` });
  const running = heldBy(budgets, 5n, session(0));
  for (let n = 1; n < 10; n += 1)
    budgets.settle(heldBy(budgets, 5n, session(n)), nothing, midnight);
  heldBy(budgets, 5n, session(10));
  expect(budgets.evicted).toBe(0);
  for (let n = 11; n < 30; n += 1)
    budgets.settle(heldBy(budgets, 5n, session(n)), usd(5n), midnight);
  expect(budgets.evicted).toBeGreaterThan(0);
  const left = [...budgets.states(midnight)].map((one) => one.account);
  expect(left.length).toBeLessThanOrEqual(10);
  expect(left).toContain('s0');
  budgets.settle(running, usd(5n), midnight);
  expect([...budgets.states(midnight)].find(({ account }) => account === 's0')).toMatchObject({
    used: 5n,
  });
});

const anyWindow = fc.constantFrom<BudgetWindow>(
  { kind: 'calendar', period: 'hour', timeZone: 'UTC' },
  { kind: 'calendar', period: 'day', timeZone: 'Europe/Berlin' },
  { kind: 'rolling', lengthMs: 60_000 },
  { kind: 'life' },
);
const anyAct = fc.record({
  afterMs: fc.nat(40_000),
  needed: fc.bigInt(0n, 40n),
  /** Which of the open calls ends first, and how much of what it held it spends. */
  ends: fc.option(fc.record({ which: fc.nat(20), share: fc.nat(100) })),
  more: fc.option(fc.bigInt(0n, 20n)),
});

test('whatever calls do, no window is overspent, nothing stays reserved, and nothing is refused that fits', () => {
  fc.assert(
    fc.property(
      anyWindow,
      fc.bigInt(1n, 120n),
      fc.array(anyAct, { maxLength: 150 }),
      (window, limit, acts) => {
        const budgets = of(budget({ window, limit }));
        const open: { readonly hold: Hold; held: bigint; readonly ms: number }[] = [];
        const spentAt: { readonly ms: number; readonly spent: bigint }[] = [];
        let nowMs = midnight;
        const end = (which: number, share: number): void => {
          const [call] = open.splice(which % open.length, 1);
          if (call === undefined) return;
          const spent = (call.held * BigInt(share)) / 100n;
          budgets.settle(call.hold, usd(spent), nowMs);
          spentAt.push({ ms: call.ms, spent });
        };
        for (const { afterMs, needed, ends, more } of acts) {
          nowMs += afterMs;
          const [state] = budgets.states(nowMs);
          const free = limit - (state?.used ?? 0n) - (state?.reserved ?? 0n);
          const reserved = budgets.reserve(someone, usd(needed), nowMs);
          expect(reserved.kind).toBe(needed <= free ? 'held' : 'short');
          if (reserved.kind === 'held') open.push({ hold: reserved.hold, held: needed, ms: nowMs });
          const last = open.at(-1);
          if (
            more !== null &&
            last !== undefined &&
            budgets.extend(last.hold, usd(last.held + more), nowMs) === null
          )
            last.held += more;
          if (ends !== null && open.length > 0) end(ends.which, ends.share);
        }
        while (open.length > 0) end(0, 100);
        for (const state of budgets.states(nowMs)) expect(state.reserved).toBe(0n);
        if (window.kind !== 'rolling') return;
        for (const { ms } of spentAt) {
          const within = spentAt.filter((one) => one.ms > ms - 60_000 && one.ms <= ms);
          expect(within.reduce((sum, { spent }) => sum + spent, 0n)).toBeLessThanOrEqual(limit);
        }
      },
    ),
  );
});

const windows: readonly BudgetWindow[] = [
  { kind: 'calendar', period: 'month', timeZone: 'Europe/Berlin' },
  { kind: 'rolling', lengthMs: 3_600_000 },
  { kind: 'life' },
];

test.each(windows)('what was used in a window of %j goes on in the next life', (window) => {
  const each = [{ dimension: 'team', value: '*' }] as const;
  const first = of(budget({ window, scope: each, limit: 1000n }));
  for (const [team, amount, afterMs] of [
    ['a', 5n, 0],
    ['b', 7n, 10_000],
    ['a', 11n, 20_000],
  ] as const) {
    const reserved = first.reserve(subject({ team }), usd(100n), midnight + afterMs);
    if (reserved.kind === 'short') throw new Error('it fits');
    const { booked } = first.settle(reserved.hold, usd(amount), midnight + afterMs);
    if (afterMs < 20_000) first.toKeep(booked);
  }
  const kept = first.takeUnkept(midnight + 20_000);
  expect(first.takeUnkept(midnight + 20_000)).toEqual([]);
  const second = of(budget({ window, scope: each, limit: 1000n }));
  second.restore(kept, midnight + 30_000);
  second.replay(subject({ team: 'a' }), usd(11n), midnight + 20_000, midnight + 30_000);
  const says = (budgets: Budgets) =>
    [...budgets.states(midnight + 30_000)].map(({ account, used }) => [account, used]);
  expect(says(second)).toEqual(says(first));
  expect(says(second)).toEqual([
    ['a', 16n],
    ['b', 7n],
  ]);
  // What was replayed is kept in its turn.
  const third = of(budget({ window, scope: each, limit: 1000n }));
  third.restore([...kept, ...second.takeUnkept(midnight + 30_000)], midnight + 30_000);
  expect(says(third)).toEqual(says(first));
});

test('what was used in a window that is over is neither kept nor taken up', () => {
  const rolling = budget({ window: { kind: 'rolling', lengthMs: 60_000 } });
  const budgets = of(rolling);
  const { booked } = budgets.settle(heldBy(budgets, 10n), usd(10n), midnight);
  budgets.toKeep(booked);
  const kept = budgets.takeUnkept(midnight + 1000);
  expect(kept).toHaveLength(1);
  budgets.toKeep(booked);
  expect(budgets.takeUnkept(midnight + 120_000)).toEqual([]);
  const late = of(rolling);
  late.restore(kept, midnight + 120_000);
  late.replay(someone, usd(3n), midnight, midnight + 120_000);
  expect([...late.states(midnight + 120_000)]).toEqual([]);
});
