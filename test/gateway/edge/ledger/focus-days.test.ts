import { expect, test } from 'vitest';
import {
  isExportFormat,
  maxExportDays,
  problemOfDays,
} from '../../../../gateway/src/edge/ledger/focus-days.ts';

test('one day, a month, a leap year and its first day after are days to export', () => {
  for (const [from, to] of [
    ['2026-10-01', '2026-10-01'],
    ['2026-10-01', '2026-10-31'],
    ['2024-01-01', '2024-12-31'],
    ['2024-02-29', '2024-02-29'],
  ] as const)
    expect(problemOfDays({ from, to })).toBeNull();
});

test('what is no day, lies the wrong way round or is too much is named', () => {
  expect(problemOfDays({ from: '2026-10', to: '2026-10-31' })).toContain("not '2026-10'");
  expect(problemOfDays({ from: '2026-10-01', to: '2026-02-30' })).toContain("not '2026-02-30'");
  expect(problemOfDays({ from: '2026-10-02', to: '2026-10-01' })).toContain('lies before');
  expect(problemOfDays({ from: '2024-01-01', to: '2025-01-01' })).toBe(
    `367 days are more than ${maxExportDays}`,
  );
});

test('parquet and csv are formats', () => {
  expect(['parquet', 'csv', 'json'].map(isExportFormat)).toEqual([true, true, false]);
});
