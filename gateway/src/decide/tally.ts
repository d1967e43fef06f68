/**
 * Rows that should be in the table, counted, against those that are: the sum of their numbers shows what a count alone
 * does not.
 */

/** Rows of one life of a gateway. */
export interface Tally {
  readonly rows: number;
  readonly seqSum: bigint;
}

export const noRows: Tally = { rows: 0, seqSum: 0n };

export const plus = (a: Tally, b: Tally): Tally => ({
  rows: a.rows + b.rows,
  seqSum: a.seqSum + b.seqSum,
});

export const minus = (a: Tally, b: Tally): Tally => ({
  rows: a.rows - b.rows,
  seqSum: a.seqSum - b.seqSum,
});

export interface Difference {
  /** Rows that were shipped and are not in the table. */
  readonly missing: number;
  /** Rows that are in the table more than once. */
  readonly double: number;
}

export const noDifference: Difference = { missing: 0, double: 0 };

export const bothDifferences = (a: Difference, b: Difference): Difference => ({
  missing: a.missing + b.missing,
  double: a.double + b.double,
});

/** The sum of the whole numbers above `above` up to `upTo`. */
const seqSum = (above: number, upTo: number): bigint =>
  (BigInt(upTo) * (BigInt(upTo) + 1n) - BigInt(above) * (BigInt(above) + 1n)) / 2n;

/** How a count of rows numbered above `above` up to `upTo` differs from one row each, but for the ones that were spared. */
export const differenceOf = (
  { above, upTo }: { readonly above: number; readonly upTo: number },
  found: Tally,
  spared: Tally = noRows,
): Difference => {
  const expected = upTo - above - spared.rows;
  if (found.rows !== expected)
    return {
      missing: Math.max(0, expected - found.rows),
      double: Math.max(0, found.rows - expected),
    };
  // As many as there should be, and not the same ones: at least one is missing, and another one double.
  return found.seqSum === seqSum(above, upTo) - spared.seqSum
    ? noDifference
    : { missing: 1, double: 1 };
};
