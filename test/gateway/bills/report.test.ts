import { expect, test } from 'vitest';
import type { BillLine } from '../../../gateway/src/bills/bill.ts';
import { decimalOf } from '../../../gateway/src/bills/decimal.ts';
import { maxReportLines, ReportSums } from '../../../gateway/src/bills/report.ts';

const line = (more: Partial<BillLine> = {}): BillLine => ({
  day: '2026-10-01',
  account: 'a',
  model: 'm',
  item: 'input',
  quantity: 0n,
  unit: '',
  amount: decimalOf('0.0000000000004') ?? 0n,
  isFinal: null,
  ...more,
});
const reportOf = (
  lines: readonly BillLine[],
  account: string | null = null,
  finalTo = '2026-10-02',
) => {
  const sums = new ReportSums({ format: 'openai', provider: 'openai', account, finalTo });
  for (const one of lines) sums.add(one);
  return sums.report();
};

test('lines of one day, account, model and item are one, rounded once', () => {
  const { lines, amountUsd } = reportOf([line(), line(), line(), line({ item: 'output' })]);
  expect(lines.map(({ line_item, amount_usd }) => [line_item, amount_usd])).toEqual([
    ['input', '0.000000000001'],
    ['output', '0'],
  ]);
  expect(amountUsd).toBe('0.000000000002');
});

test('the same lines in any order are the same report, and any other is another', () => {
  const two = [line(), line({ day: '2026-10-03' })];
  expect(reportOf(two.toReversed()).id).toBe(reportOf(two).id);
  expect(reportOf([line()]).id).not.toBe(reportOf(two).id);
  expect(reportOf(two, 'b').id).not.toBe(reportOf(two).id);
  expect(reportOf(two)).toMatchObject({ firstDay: '2026-10-01', lastDay: '2026-10-03' });
});

test('a day is final when the bill says so; where it does not say, when it is old enough', () => {
  const lines = [
    line(),
    line({ day: '2026-10-03' }),
    line({ day: '2026-10-04', isFinal: true }),
    line({ day: '2026-09-01', isFinal: false }),
  ];
  expect(reportOf(lines).lines.map(({ day, is_final }) => [day, is_final])).toEqual([
    ['2026-09-01', false],
    ['2026-10-01', true],
    ['2026-10-03', false],
    ['2026-10-04', true],
  ]);
});

test('an account that is given takes the place of those in the bill', () => {
  expect(reportOf([line()], 'ours').lines[0]?.account).toBe('ours');
  expect(reportOf([line()], '').lines[0]?.account).toBe('');
  const two = [
    line({ amount: decimalOf('1') ?? 0n }),
    line({ account: 'b', amount: decimalOf('2') ?? 0n }),
  ];
  expect(reportOf(two, 'ours').lines.map(({ amount_usd }) => amount_usd)).toEqual(['3']);
});

test('too many lines are refused', () => {
  const sums = new ReportSums({ format: 'f', provider: 'p', account: null, finalTo: '' });
  for (let i = 0; i < maxReportLines; i += 1) sums.add(line({ item: String(i) }));
  expect(sums.add(line({ item: 'more' }))).toBe(false);
  expect(sums.add(line({ item: '1' }))).toBe(true);
});
