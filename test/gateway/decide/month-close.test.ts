import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  bookingMonth,
  closeText,
  hourDifferences,
  monthAfter,
  readClose,
  sumDifferences,
  type MonthClose,
} from '../../../gateway/src/decide/month-close.ts';

const sha = (digit: string): string => digit.repeat(64);
const someClose: MonthClose = {
  format: 1,
  month: '2026-10',
  closedAt: '2026-11-05T08:00:00Z',
  before: { month: '2026-09', sha256: sha('b') },
  amends: null,
  calls: 3,
  corrections: 1,
  costUsd: '-0.000000000001',
  discountUsd: '0',
  wasteUsd: '0.5',
  priceVersions: [{ version: 'v1', rows: 4, costUsd: '1' }],
  bills: [{ provider: 'openai', verdict: 'matched', lines: 2, ledgerUsd: '1', billedUsd: '1.001' }],
  heads: [`r.1 1 9 9 ${sha('c')}`],
  silent: ['r.2'],
  accepted: ['missing     rows 1 to 2'],
  files: [{ name: 'focus.csv', bytes: 12, sha256: sha('d') }],
  columns: ['started_at'],
  hours: [
    { hour: 3600, rows: 3, costUsd: '1', sha256: sha('e') },
    { hour: 7200, rows: 1, costUsd: '0', sha256: sha('f') },
  ],
};

test('what is written is what is read, an hour a line', () => {
  const text = closeText(someClose);
  expect(text).toContain(`\n{"hour":7200,"rows":1,"costUsd":"0","sha256":"${sha('f')}"}\n]\n}\n`);
  expect(readClose(text)).toEqual({ kind: 'close', close: someClose });
  const empty = { ...someClose, hours: [] };
  expect(readClose(closeText(empty))).toEqual({ kind: 'close', close: empty });
});

test.each([
  ['no JSON', '{'],
  ['another format', closeText(someClose).replace('"format": 1', '"format": 2')],
  ['a fact more', closeText(someClose).replace('"format": 1', '"format": 1,\n"note": "x"')],
  ['a month that is none', closeText(someClose).replace('"2026-10"', '"2026-13"')],
  ['money as a number', closeText(someClose).replace('"wasteUsd": "0.5"', '"wasteUsd": 0.5')],
])('%s is no close', (_, text) => {
  expect(readClose(text)).toEqual({ kind: 'bad' });
});

test('hours differ by rows added, gone or altered', () => {
  const [first, second] = someClose.hours;
  if (first === undefined || second === undefined) throw new Error('two hours');
  expect(hourDifferences(someClose.hours, someClose.hours)).toEqual([]);
  const late = { hour: 0, rows: 2, costUsd: '7', sha256: sha('1') };
  expect(
    hourDifferences(someClose.hours, [
      late,
      { ...first, rows: 2, costUsd: '0.5', sha256: sha('2') },
      { ...second, sha256: sha('3') },
    ]),
  ).toEqual([
    { kind: 'added', hour: 0, signed: { rows: 0, costUsd: '0' }, found: { rows: 2, costUsd: '7' } },
    {
      kind: 'gone',
      hour: 3600,
      signed: { rows: 3, costUsd: '1' },
      found: { rows: 2, costUsd: '0.5' },
    },
    {
      kind: 'altered',
      hour: 7200,
      signed: { rows: 1, costUsd: '0' },
      found: { rows: 1, costUsd: '0' },
    },
  ]);
  expect(hourDifferences(someClose.hours, [first])).toEqual([
    {
      kind: 'gone',
      hour: 7200,
      signed: { rows: 1, costUsd: '0' },
      found: { rows: 0, costUsd: '0' },
    },
  ]);
});

test('sums that are not those of the rows are named', () => {
  expect(sumDifferences(someClose, someClose)).toEqual([]);
  expect(
    sumDifferences(someClose, { ...someClose, calls: 4, wasteUsd: '0', priceVersions: [] }),
  ).toEqual(['calls', 'wasteUsd', 'priceVersions']);
});

test('a month after December is January', () => {
  expect(monthAfter('2026-12')).toBe('2027-01');
  expect(monthAfter('2026-09')).toBe('2026-10');
});

test('a correction is booked in the month of its call while that is open, else in the first that is', () => {
  expect(bookingMonth('2026-10', '')).toBe('2026-10');
  expect(bookingMonth('2026-10', '2026-09')).toBe('2026-10');
  expect(bookingMonth('2026-10', '2026-10')).toBe('2026-11');
  expect(bookingMonth('2025-03', '2026-12')).toBe('2027-01');
  const month = fc
    .tuple(fc.integer({ min: 2020, max: 2030 }), fc.integer({ min: 1, max: 12 }))
    .map(([year, number]) => `${year}-${String(number).padStart(2, '0')}`);
  fc.assert(
    fc.property(month, month, (ofCall, closed) => {
      const booked = bookingMonth(ofCall, closed);
      expect(booked > closed && booked >= ofCall).toBe(true);
    }),
  );
});
