import { expect, test } from 'vitest';
import { crossings, nothingTold } from '../../../../gateway/src/decide/budgets/crossing.ts';
import { budget } from './support.ts';

const dayMs = 86_400_000;
const startMs = Date.parse('2026-11-30T00:00:00Z');
const endsAtMs = startMs + dayMs;
const daily = budget({ limit: 1000n, thresholds: [700, 800, 1000] });
const at = (used: bigint, windowNumber = startMs) => ({
  used,
  windowNumber,
  endsAtMs: windowNumber + dayMs,
});

test('each threshold is told when it is reached, and once in a window', () => {
  const told = nothingTold();
  const passed = (used: bigint, windowNumber?: number) =>
    crossings(daily, at(used, windowNumber), told, startMs).map((one) =>
      one.kind === 'threshold' ? one.thousandths : one.kind,
    );
  expect(passed(699n)).toEqual([]);
  expect(passed(700n)).toEqual([700]);
  expect(passed(750n)).toEqual([]);
  expect(passed(1000n)).toEqual([800, 1000]);
  expect(passed(5000n)).toEqual([]);
  expect(passed(800n, startMs + dayMs)).toEqual([700, 800]);
});

test('a pace that leads past the limit is told once, after a tenth of the window', () => {
  const told = nothingTold();
  const quiet = budget({ limit: 1000n });
  const passed = (used: bigint, hours: number) =>
    crossings(quiet, at(used), told, startMs + hours * 3_600_000);
  expect(passed(500n, 1)).toEqual([]);
  expect(passed(500n, 12)).toEqual([]);
  expect(passed(501n, 12)).toEqual([{ kind: 'forecast', endsAtMs }]);
  expect(passed(900n, 13)).toEqual([]);
});

test('a limit that is passed is no forecast', () => {
  expect(
    crossings(budget({ limit: 1000n }), at(1001n), nothingTold(), startMs + dayMs / 2),
  ).toEqual([]);
});

test('a rolling window has no pace', () => {
  const rolling = budget({ window: { kind: 'rolling', lengthMs: 60_000 } });
  const account = { used: 90n, windowNumber: 1, endsAtMs: null };
  expect(crossings(rolling, account, nothingTold(), startMs)).toEqual([]);
});
