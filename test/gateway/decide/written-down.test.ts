import { expect, test } from 'vitest';
import { writtenDown } from '../../../gateway/src/decide/written-down.ts';
import type { OutcomeKind } from '../../../gateway/src/contract/outcomes.ts';
import { someSettlement } from '../model/settlements.ts';

const refused = (keyId: string | null, outcome: OutcomeKind = 'refused') => ({
  ...someSettlement,
  outcome,
  attempts: [],
  call: {
    ...someSettlement.call,
    caller:
      keyId === null || someSettlement.call.caller === null
        ? null
        : { ...someSettlement.call.caller, keyId },
  },
});
const start = (all = 1000, perKey = 10, strangers = 1) =>
  writtenDown(() => ({
    refusals: all,
    refusalsPerKey: perKey,
    refusalsOfStrangers: strangers,
  }));
const written = (
  down: ReturnType<typeof start>,
  keyId: string | null,
  times: number,
  nowMs: number,
): number =>
  Array.from({ length: times }, () => down.isWritten(refused(keyId), nowMs)).filter(Boolean).length;

test('strangers together have an allowance by the second, and ten seconds of it at once', () => {
  const down = start();
  expect(written(down, null, 20_000, 0)).toBe(10);
  expect(written(down, null, 100, 900)).toBe(0);
  expect(written(down, null, 100, 3000)).toBe(3);
  expect(written(down, null, 100, 1_000_000)).toBe(10);
});

test('a key has its own, whatever strangers and other keys do', () => {
  const down = start();
  written(down, null, 1000, 0);
  expect(written(down, 'a', 1000, 0)).toBe(100);
  expect(written(down, 'b', 1000, 0)).toBe(100);
  expect(written(down, 'a', 1000, 1000)).toBe(10);
});

test('many keys together have no more than all may have', () => {
  const down = start(5);
  const sum = Array.from({ length: 40 }, (_, i) => written(down, `key ${i}`, 10, 0));
  expect(sum.reduce((all, one) => all + one, 0)).toBe(50);
});

test('a call that reached a provider is always written down, and so is a bug', () => {
  const down = start(1, 1, 1);
  written(down, 'a', 100, 0);
  for (let i = 0; i < 50; i += 1) {
    expect(down.isWritten({ ...someSettlement, outcome: 'refused' }, 0)).toBe(true);
    expect(down.isWritten(refused('a', 'crashed'), 0)).toBe(true);
    expect(down.isWritten(refused('a', 'throttled'), 0)).toBe(false);
  }
});

test('a clock that stands still or goes back gives nothing', () => {
  const down = start();
  expect(written(down, null, 20, 5000)).toBe(10);
  expect(written(down, null, 20, 4000)).toBe(0);
});

test('less than one a second, a share among many workers, is one now and then; none is none', () => {
  const down = start(1000, 10, 1 / 64);
  expect(written(down, null, 100, 0)).toBe(1);
  expect(written(down, null, 100, 60_000)).toBe(0);
  expect(written(down, null, 100, 64_001)).toBe(1);
  expect(written(start(1000, 10, 0), null, 100, 1_000_000)).toBe(0);
});
