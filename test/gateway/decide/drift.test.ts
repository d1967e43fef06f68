import { expect, test } from 'vitest';
import {
  driftCauses,
  driftOf,
  isFine,
  verdicts,
  type BilledLine,
  type Drift,
} from '../../../gateway/src/decide/drift.ts';

const line = (more: Partial<BilledLine>): BilledLine => ({
  provider: 'openai',
  billed_usd: '0',
  variance_usd: '0',
  estimated: 0,
  unpriced: 0,
  verdict: 'matched',
  ...more,
});
const byCause = (drift: readonly Drift[], provider = 'openai') =>
  Object.fromEntries(
    drift.filter((one) => one.provider === provider).map(({ cause, ratio }) => [cause, ratio]),
  );
const none = Object.fromEntries(driftCauses.map((cause) => [cause, 0]));

test('each difference has its cause, and is told as part of all that is billed', () => {
  const drift = driftOf([
    line({ billed_usd: '60', variance_usd: '0.2' }),
    line({ billed_usd: '10', variance_usd: '1', verdict: 'ledger_over' }),
    line({
      billed_usd: '10',
      variance_usd: '-3',
      verdict: 'ledger_under',
      unpriced: 1,
      estimated: 1,
    }),
    line({ billed_usd: '10', variance_usd: '-0.5', verdict: 'ledger_under', estimated: 2 }),
    line({ billed_usd: '10', variance_usd: '-10', verdict: 'missing_in_ledger' }),
    line({ variance_usd: '4', verdict: 'missing_in_bill' }),
  ]);
  expect(byCause(drift)).toEqual({
    price: 0.01,
    unpriced: -0.03,
    estimated: -0.005,
    outside: -0.1,
    missing: 0.04,
  });
  expect(drift[0]).toEqual({
    provider: 'openai',
    cause: 'price',
    ratio: 0.01,
    varianceUsd: '1',
    billedUsd: '100',
  });
});

test('what matches, and what is not billed for good, is no drift', () => {
  expect(
    byCause(
      driftOf([
        line({ billed_usd: '1', variance_usd: '0.004' }),
        line({ billed_usd: '1', variance_usd: '9', verdict: 'provisional' }),
      ]),
    ),
  ).toEqual(none);
  expect(verdicts.filter(isFine)).toEqual(['matched', 'provisional']);
});

test('where nothing is billed, all that the ledger has is drift', () => {
  expect(byCause(driftOf([line({ variance_usd: '7', verdict: 'missing_in_bill' })]))).toEqual({
    ...none,
    missing: 1,
  });
  expect(byCause(driftOf([line({})]))).toEqual(none);
});

test('differences above and below make up for each other within a cause, and never across causes or providers', () => {
  const drift = driftOf([
    line({ billed_usd: '10', variance_usd: '1', verdict: 'ledger_over' }),
    line({ billed_usd: '10', variance_usd: '-1', verdict: 'ledger_under' }),
    line({ provider: 'azure', billed_usd: '4', variance_usd: '-1', verdict: 'ledger_under' }),
  ]);
  expect(byCause(drift)).toEqual(none);
  expect(byCause(drift, 'azure')).toEqual({ ...none, price: -0.25 });
  expect(driftOf([])).toEqual([]);
});

test('money that is none is refused, not counted as 0', () => {
  expect(() => driftOf([line({ billed_usd: '1e3' })])).toThrow(
    "a line of bills has '1e3' where dollars belong",
  );
});
