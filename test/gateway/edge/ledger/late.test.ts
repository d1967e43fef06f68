import { expect, test } from 'vitest';
import { lateRows } from '../../../../gateway/src/edge/ledger/late.ts';

test('rows are late when the oldest has waited for ten seconds', () => {
  expect(lateRows(null, 1_000_000)).toBeNull();
  expect(lateRows(1_000_000, 1_009_999)).toBeNull();
  expect(lateRows(1_000_000, 1_010_000)).toBe(
    'ledger rows have waited 10 s for ClickHouse; they are safe in the spool',
  );
});
