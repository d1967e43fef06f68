/** How far the ledger is off what providers bill, and why. */
import { amountOf, usdNumber, usdText } from '../model/money.ts';

export const verdicts = [
  'matched',
  'provisional',
  'ledger_over',
  'ledger_under',
  'missing_in_bill',
  'missing_in_ledger',
] as const;
export type Verdict = (typeof verdicts)[number];

/** These are no drift. */
export const isFine = (verdict: Verdict): boolean =>
  verdict === 'matched' || verdict === 'provisional';

/**
 * Why a line differs. `unpriced`: something in it has no price; `estimated`: we counted some of its tokens; `missing`: the bill does
 * not have it; `outside`: it is billed and did not go through the gateway; `price`: none of these, so a price differs.
 */
export const driftCauses = ['price', 'unpriced', 'estimated', 'missing', 'outside'] as const;
export type DriftCause = (typeof driftCauses)[number];

/** A line of `tollgate.reconciliation`, as far as drift is about it. */
export interface BilledLine {
  readonly provider: string;
  readonly billed_usd: string;
  readonly variance_usd: string;
  readonly estimated: number;
  readonly unpriced: number;
  readonly verdict: Verdict;
}

export interface Drift {
  readonly provider: string;
  readonly cause: DriftCause;
  /** Of what is billed; above 0: the ledger has more. */
  readonly ratio: number;
  readonly varianceUsd: string;
  readonly billedUsd: string;
}

const causeOf = ({ verdict, unpriced, estimated }: BilledLine): DriftCause | null => {
  switch (verdict) {
    case 'matched':
    case 'provisional':
      return null;
    case 'missing_in_bill':
      return 'missing';
    case 'missing_in_ledger':
      return 'outside';
    case 'ledger_over':
    case 'ledger_under':
      return unpriced > 0 ? 'unpriced' : estimated > 0 ? 'estimated' : 'price';
  }
};

/** @throws Error for what is no amount */
const dollars = (usd: string): bigint => amountOf(usd, 'a line of bills has');

const magnitude = (amount: bigint): bigint => (amount < 0n ? -amount : amount);

/** Of nothing billed the whole difference is drift. */
const ratioOf = (variance: bigint, billed: bigint): number => {
  const of = billed > 0n ? billed : magnitude(variance);
  return of === 0n ? 0 : usdNumber(variance) / usdNumber(of);
};

/** For each provider every cause, also those that there are none of. @throws Error for money that is none */
export const driftOf = (lines: readonly BilledLine[]): readonly Drift[] =>
  [...Map.groupBy(lines, ({ provider }) => provider)].flatMap(([provider, own]) => {
    const billed = own.reduce((sum, line) => sum + dollars(line.billed_usd), 0n);
    return driftCauses.map((cause) => {
      const variance = own
        .filter((line) => causeOf(line) === cause)
        .reduce((sum, line) => sum + dollars(line.variance_usd), 0n);
      return {
        provider,
        cause,
        ratio: ratioOf(variance, billed),
        varianceUsd: usdText(variance),
        billedUsd: usdText(billed),
      };
    });
  });
