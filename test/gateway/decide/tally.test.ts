import { expect, test } from 'vitest';
import { differenceOf } from '../../../gateway/src/decide/tally.ts';

const sumTo = (n: number): bigint => BigInt((n * (n + 1)) / 2);

test('rows are compared by how many they are and by the sum of their numbers', () => {
  const stretch = { above: 10, upTo: 20 };
  const seqSum = sumTo(20) - sumTo(10);
  expect(differenceOf(stretch, { rows: 10, seqSum })).toEqual({ missing: 0, double: 0 });
  expect(differenceOf(stretch, { rows: 7, seqSum: 1n })).toEqual({ missing: 3, double: 0 });
  expect(differenceOf(stretch, { rows: 12, seqSum })).toEqual({ missing: 0, double: 2 });
  // Row 11 is missing and row 20 is there twice.
  expect(differenceOf(stretch, { rows: 10, seqSum: seqSum + 9n })).toEqual({
    missing: 1,
    double: 1,
  });
});
