import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { lastingColumns, lastingCorrectionColumns } from '../../../gateway/src/contract/ledger.ts';
import { rowHash } from '../../../gateway/src/decide/chain.ts';
import { MonthSummer } from '../../../gateway/src/decide/month-sums.ts';
import { hash } from 'node:crypto';

interface Row {
  readonly at: number;
  readonly replica: string;
  readonly seq: number;
  readonly cost: string;
  readonly entry: 'call' | 'correction';
  readonly version: string;
}

const row = (more: Partial<Row> = {}): Row => ({
  at: 1_761_955_200,
  replica: 'r.1',
  seq: 1,
  cost: '0.5',
  entry: 'call',
  version: 'v1',
  ...more,
});

const valuesOf = ({ at, replica, seq, cost, entry, version }: Row): readonly unknown[] => {
  const values: Record<string, unknown> = {
    started_at: `${at}.250`,
    replica,
    seq,
    cost_usd: cost,
    discount_usd: '0.25',
    waste_usd: '0.125',
    price_version: version,
    entry,
  };
  const columns = entry === 'call' ? lastingColumns : lastingCorrectionColumns;
  return columns.map((column) => values[column] ?? '');
};

const sumsOf = (rows: readonly Row[]) => {
  const summer = new MonthSummer();
  for (const values of rows.map(valuesOf)) summer.row(JSON.stringify(values), values);
  return summer.end();
};

test('an hour is the hash of its rows in the order of replica and number, and money is exact', () => {
  const rows = [
    row({ replica: 'r.2', seq: 1, cost: '0.000000000001' }),
    row({ replica: 'r.1', seq: 10, version: 'v2' }),
    row({ replica: 'r.1', seq: 9, entry: 'correction', cost: '-0.1' }),
  ];
  const [a, b, c] = rows.map((one) => rowHash(JSON.stringify(valuesOf(one))));
  const sha256 = hash('sha256', Buffer.from(`${c}${b}${a}`, 'latin1'), 'hex');
  expect(sumsOf([...rows, row({ at: 1_761_958_800 })])).toEqual({
    calls: 3,
    corrections: 1,
    costUsd: '0.900000000001',
    discountUsd: '1',
    wasteUsd: '0.5',
    hours: [
      { hour: 1_761_955_200, rows: 3, costUsd: '0.400000000001', sha256 },
      expect.objectContaining({ hour: 1_761_958_800, rows: 1, costUsd: '0.5' }),
    ],
    priceVersions: [
      { version: 'v1', rows: 3, costUsd: '0.400000000001' },
      { version: 'v2', rows: 1, costUsd: '0.5' },
    ],
  });
});

test('no row, no hour', () => {
  expect(sumsOf([])).toMatchObject({ calls: 0, corrections: 0, costUsd: '0', hours: [] });
});

test('an hour that comes again, a time that is none and an amount that is none are refused', () => {
  expect(() => sumsOf([row({ at: 7200 }), row({ at: 3600 })])).toThrow('order of their hours');
  expect(() => sumsOf([row({ at: NaN })])).toThrow('order of their hours');
  expect(() => sumsOf([row({ cost: 'much' })])).toThrow("a row has 'much' where dollars belong");
});

const anyRow = fc.record({
  at: fc.integer({ min: 0, max: 7199 }),
  replica: fc.constantFrom('a', 'b'),
  cost: fc.bigInt({ min: 0n, max: 999n }).map((pico) => `0.${String(pico).padStart(12, '0')}`),
  entry: fc.constantFrom('call' as const, 'correction' as const),
  version: fc.constantFrom('v1', 'v2'),
});
const anyRows = fc
  .array(anyRow, { minLength: 1, maxLength: 30 })
  .map((rows): Row[] => rows.map((one, seq) => ({ ...one, seq })));
const hourly = (rows: readonly Row[]): Row[] =>
  rows.toSorted((a, b) => Math.floor(a.at / 3600) - Math.floor(b.at / 3600));

test('whatever the order within an hour, the same rows come to the same', () => {
  fc.assert(
    fc.property(anyRows, fc.func(fc.integer()), (rows, rank) => {
      const other = rows.toSorted((a, b) => rank(a.seq) - rank(b.seq));
      expect(sumsOf(hourly(other))).toEqual(sumsOf(hourly(rows)));
    }),
  );
});

test('a row that is changed, gone or there once more changes its hour and no other', () => {
  fc.assert(
    fc.property(anyRows, fc.nat(), fc.constantFrom('change', 'go', 'again'), (rows, n, what) => {
      const at = n % rows.length;
      const [one = row()] = rows.slice(at);
      const instead = { change: [{ ...one, version: 'v3' }], go: [], again: [one, one] }[what];
      const other = [...rows.slice(0, at), ...(instead ?? []), ...rows.slice(at + 1)];
      const hourOf = Math.floor(one.at / 3600) * 3600;
      const hash = (of: readonly Row[], hour: number) =>
        sumsOf(hourly(of)).hours.find((sum) => sum.hour === hour)?.sha256;
      expect(hash(other, hourOf)).not.toBe(hash(rows, hourOf));
      expect(hash(other, 3600 - hourOf)).toBe(hash(rows, 3600 - hourOf));
    }),
  );
});
