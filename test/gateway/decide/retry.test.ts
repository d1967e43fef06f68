import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { afterFault, type RetryPolicy } from '../../../gateway/src/decide/retry.ts';
import type { Fault } from '../../../gateway/src/model/fault.ts';

const policy: RetryPolicy = {
  triesPerTarget: 3,
  triesPerCall: 6,
  backoffMs: 100,
  backoffMaxMs: 2000,
  billed: false,
};
const fault = (more: Partial<Fault> = {}): Fault => ({
  kind: 'server',
  code: 'provider_error',
  status: 500,
  message: '',
  recourse: 'again',
  retryAfterMs: null,
  mayBeBilled: false,
  said: null,
  ...more,
});

const anyRecourse = fc.constantFrom<Fault['recourse']>('again', 'elsewhere', 'none');
const anyFault = fc
  .record({
    recourse: anyRecourse,
    retryAfterMs: fc.option(fc.nat(10_000)),
    mayBeBilled: fc.boolean(),
  })
  .map((more) => fault(more));
const anyTries = fc.record({
  atTarget: fc.integer({ min: 1, max: 2000 }),
  ofCall: fc.integer({ min: 1, max: 2000 }),
  moreTargets: fc.boolean(),
});
const anyPolicy = fc.record({
  triesPerTarget: fc.integer({ min: 1, max: 1500 }),
  triesPerCall: fc.integer({ min: 1, max: 1500 }),
  backoffMs: fc.nat(10_000),
  backoffMaxMs: fc.nat(60_000),
  billed: fc.boolean(),
});
const anyRandom = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('a pause is whole, never negative, never longer than the policy allows, never shorter than asked', () => {
  fc.assert(
    fc.property(anyFault, anyTries, anyPolicy, anyRandom, (what, tries, rules, random) => {
      const next = afterFault(what, tries, rules, random);
      if (next.kind !== 'again') return;
      expect(Number.isInteger(next.afterMs)).toBe(true);
      expect(next.afterMs).toBeGreaterThanOrEqual(what.retryAfterMs ?? 0);
      expect(next.afterMs).toBeLessThanOrEqual(rules.backoffMaxMs);
    }),
    { numRuns: 2000 },
  );
});

test('a call ends: tries run out at a target and over all, and no target is invented', () => {
  fc.assert(
    fc.property(anyFault, anyTries, anyPolicy, anyRandom, (what, tries, rules, random) => {
      const next = afterFault(what, tries, rules, random);
      if (tries.ofCall >= rules.triesPerCall) expect(next.kind).toBe('give_up');
      if (tries.atTarget >= rules.triesPerTarget) expect(next.kind).not.toBe('again');
      if (!tries.moreTargets) expect(next.kind).not.toBe('next_target');
      if (what.recourse === 'none') expect(next.kind).toBe('give_up');
      if (what.recourse === 'elsewhere') expect(next.kind).not.toBe('again');
      if (what.mayBeBilled && !rules.billed) expect(next.kind).not.toBe('again');
    }),
    { numRuns: 2000 },
  );
});

test('the ceiling doubles with each try, and chance picks below it', () => {
  const ceilings = [1, 2, 3, 4, 5, 6].map((atTarget) => {
    const rules = { ...policy, triesPerTarget: 99, triesPerCall: 99 };
    const next = afterFault(fault(), { atTarget, ofCall: 1, moreTargets: false }, rules, 0.999_999);
    return next.kind === 'again' ? next.afterMs : null;
  });
  expect(ceilings).toEqual([100, 200, 400, 800, 1600, 2000]);
  expect(afterFault(fault(), { atTarget: 1, ofCall: 1, moreTargets: false }, policy, 0)).toEqual({
    kind: 'again',
    afterMs: 0,
  });
});

test('our bad credential fails here only: the next target may have a good one', () => {
  const tries = { atTarget: 1, ofCall: 1 };
  const auth = fault({ kind: 'auth', recourse: 'elsewhere' });
  expect(afterFault(auth, { ...tries, moreTargets: true }, policy, 0).kind).toBe('next_target');
  expect(afterFault(auth, { ...tries, moreTargets: false }, policy, 0).kind).toBe('give_up');
});

test('a provider that asks for a longer pause than ours is left for another, or waited for when it is the last', () => {
  const limited = fault({ kind: 'rate_limited', retryAfterMs: 1500 });
  const tries = { atTarget: 1, ofCall: 1 };
  expect(afterFault(limited, { ...tries, moreTargets: true }, policy, 0).kind).toBe('next_target');
  expect(afterFault(limited, { ...tries, moreTargets: false }, policy, 0)).toEqual({
    kind: 'again',
    afterMs: 1500,
  });
});

test('a pause longer than the policy allows is not waited for at all', () => {
  const limited = fault({ kind: 'rate_limited', retryAfterMs: 2001 });
  const tries = { atTarget: 1, ofCall: 1, moreTargets: false };
  expect(afterFault(limited, tries, policy, 0).kind).toBe('give_up');
});

test('what may have been billed is tried elsewhere, and again only where the operator wants it', () => {
  const billed = fault({ kind: 'timeout', mayBeBilled: true });
  const tries = { atTarget: 1, ofCall: 1 };
  const next = (moreTargets: boolean, rules = policy) =>
    afterFault(billed, { ...tries, moreTargets }, rules, 0).kind;
  expect([next(true), next(false)]).toEqual(['next_target', 'give_up']);
  expect(next(false, { ...policy, billed: true })).toBe('again');
});
