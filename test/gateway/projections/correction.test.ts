import { expect, test } from 'vitest';
import {
  allCorrectionColumns,
  callColumns,
  lastingCorrectionColumns,
} from '../../../gateway/src/contract/ledger.ts';
import { repriced } from '../../../gateway/src/decide/reprice.ts';
import { storedCall } from '../../../gateway/src/decide/stored-call.ts';
import type { Json, JsonObject } from '../../../gateway/src/model/json.ts';
import { correctionRow } from '../../../gateway/src/projections/correction.ts';
import { callBy, tableOf } from '../edge/ledger/priced-calls.ts';
import { rowJson } from '../model/settlements.ts';

const rowOf = (n: number): JsonObject => {
  const values: readonly Json[] = JSON.parse(
    rowJson(callBy(n, tableOf('v1'), 1_790_000_000_000), 'life', 9),
  );
  return Object.fromEntries(callColumns.map((name, i) => [name, values[i]]));
};

/** The correction of the n-th call, its columns by name. */
const corrected = (n: number, row = rowOf(n)) => {
  const before = storedCall(row, null);
  const after = repriced(before, { prices: tableOf('v2', { mini: '0.2' }), reported: false });
  const { json, lasting } = correctionRow({
    row,
    before,
    after,
    run: { run: 'run-1', reason: 'rerate', priceVersion: 'v2' },
    billingMonth: '2026-11-01',
    seq: 3,
    chain: 'x',
  });
  const values: readonly Json[] = JSON.parse(json);
  expect(values).toHaveLength(allCorrectionColumns.length);
  expect(JSON.parse(lasting)).toEqual(values.slice(0, lastingCorrectionColumns.length));
  return Object.fromEntries(allCorrectionColumns.map((name, i) => [name, values[i]]));
};

test('a correction has the names and the time of its call, the difference in money, and no counts', () => {
  // The first try was wasted; the second one is of a model whose price stays.
  const [row, correction] = [rowOf(2), corrected(2)];
  for (const same of [
    'started_at',
    'call_id',
    'caller_team',
    'tags',
    'outcome',
    'trace_id',
    'attempts.provider',
    'attempts.waste_reason',
    'upstream_ids',
  ])
    expect(correction[same], same).toEqual(row[same]);
  expect(correction).toMatchObject({
    entry: 'correction',
    correction_run: 'run-1',
    correction_reason: 'rerate',
    billing_month: '2026-11-01',
    replica: 'run-1',
    seq: 3,
    chain: 'x',
    price_version: 'v2',
    // 1002 tokens at 0.05 more a million.
    cost_usd: '0.0000501',
    waste_usd: '0.0000501',
    'attempts.cost_usd': ['0.0000501', '0'],
    'attempts.cost_input_uncached': ['0.0000501', '0'],
    'attempts.input_uncached': [0, 0],
    input_uncached: 0,
    duration_ms: 0,
    first_token_ms: null,
    units: {},
  });
});

test('a row that lacks a column is not corrected by guessing', () => {
  const { tags: _gone, ...rest } = rowOf(2);
  expect(() => corrected(2, rest)).toThrow('no column tags');
});

test('a unit that is dearer, one that is free now and one that has its first price are told apart', () => {
  const row = rowOf(2);
  const stored = storedCall(row, null);
  const same = repriced(stored, { prices: tableOf('v1'), reported: false });
  const before = { ...stored, attempts: [], unitCosts: { pages: 5n, images: 7n, seconds: 1n } };
  const after = { ...same, unitCosts: { pages: 8n, searches: 2n, seconds: 1n } };
  const source = { row, before, billingMonth: '2026-11-01', seq: 1, chain: '' };
  const run = { run: 'run-1', reason: 'rerate', priceVersion: 'v2' };
  const valuesOf = (now: typeof after): JsonObject => {
    const values: readonly Json[] = JSON.parse(correctionRow({ ...source, run, after: now }).json);
    return Object.fromEntries(allCorrectionColumns.map((name, i) => [name, values[i]]));
  };
  expect(valuesOf(after)).toMatchObject({
    unit_costs: {
      pages: '0.000000000003',
      searches: '0.000000000002',
      images: '-0.000000000007',
    },
    // Of attempts that were not there before, all is new.
    'attempts.cost_usd': rowOf(2)['attempts.cost_usd'],
    price_status: 'priced',
  });
  expect(valuesOf({ ...after, attempts: [] })).toMatchObject({
    price_status: 'none',
    cost_usd: '0',
  });
});
