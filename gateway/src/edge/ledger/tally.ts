/** Rows of one life of a gateway, counted; the sum of their numbers shows what a count alone does not. */
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
