import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { segmentFiles } from '../../../../gateway/src/edge/ledger/files.ts';
import { differenceOf } from '../../../../gateway/src/edge/ledger/reconcile.ts';
import { someCall, someSettlement } from '../../model/settlements.ts';
import { callId, intentOf, ledgerIn, scriptedSink, tempDir, until } from './support.ts';

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

/** A ledger that has shipped `count` rows, one a segment. */
const shipped = async (dir: string, script: ReturnType<typeof scriptedSink>, count: number) => {
  const started = await ledgerIn(dir, script.sink, { limits: { segmentCloses: 1 } });
  for (let n = 1; n <= count; n += 1) {
    await started.ledger.spool.intend(callId(n), intentOf(n));
    started.ledger.settle({ ...someSettlement, call: { ...someCall, id: callId(n) } });
    await until(() => started.ledger.shipper.totals.shipped === n);
  }
  return started;
};

test('rows that the table lost or has twice show, also to the next life', async () => {
  const dir = tempDir();
  const script = scriptedSink();
  const { ledger } = await shipped(dir, script, 4);
  await ledger.reconciler.check();
  expect(ledger.reconciler.difference()).toEqual({ missing: 0, double: 0 });
  await ledger.stop(10_000);

  const [first = '', second = '', third = ''] = script.taken.keys();
  script.taken.delete(first);
  script.taken.delete(second);
  const next = await ledgerIn(dir, script.sink);
  await next.ledger.reconciler.check();
  expect(next.ledger.reconciler.difference()).toEqual({ missing: 2, double: 0 });
  expect(next.complaints.at(-1)).toMatch(/up to row 4: 2 rows missing, 0 double$/);
  await next.ledger.stop(10_000);

  script.taken.set('again', script.taken.get(third) ?? []);
  script.taken.set('and again', script.taken.get(third) ?? []);
  script.taken.set('and once more', script.taken.get(third) ?? []);
  const last = await ledgerIn(dir, script.sink);
  await last.ledger.reconciler.check();
  expect(last.ledger.reconciler.difference()).toEqual({ missing: 0, double: 1 });
  await last.ledger.stop(10_000);
});

test('a row that is damaged and a segment that is deleted before they are shipped show as missing', async () => {
  const dir = tempDir();
  let away = true;
  const script = scriptedSink(() => (away ? 'unavailable' : 'inserted'));
  const { ledger } = await ledgerIn(dir, script.sink, { limits: { segmentCloses: 1 } });
  for (const n of [1, 2, 3, 4]) {
    await ledger.spool.intend(callId(n), intentOf(n));
    ledger.settle({ ...someSettlement, call: { ...someCall, id: callId(n) } });
    await until(() => segmentFiles(dir).length === n + 1);
  }
  const [, second, third] = segmentFiles(dir);
  rmSync(second?.path ?? '');
  const text = readFileSync(third?.path ?? '', 'utf8');
  writeFileSync(third?.path ?? '', text.replaceAll('answered', 'XXXXXXXX'));
  away = false;
  await until(() => ledger.shipper.totals.shipped === 2);
  await ledger.reconciler.check();
  expect(ledger.reconciler.difference()).toEqual({ missing: 2, double: 0 });
  expect(ledger.shipper.totals).toMatchObject({ shipped: 2, damaged: 2, dead: 0 });
  expect(ledger.aside.lying()).toEqual({ dead: 0, damaged: 1 });
  await ledger.stop(10_000);
});

test('a table that does not answer is not a table that lost rows', async () => {
  const script = scriptedSink();
  const { ledger, complaints } = await ledgerIn(
    tempDir(),
    {
      ...script.sink,
      tally: () => Promise.resolve({ kind: 'unavailable', message: 'away' }),
    },
    { limits: { segmentCloses: 1 } },
  );
  await ledger.spool.intend(callId(1), intentOf(1));
  ledger.settle({ ...someSettlement, call: { ...someCall, id: callId(1) } });
  await until(() => ledger.shipper.totals.shipped === 1);
  await ledger.reconciler.check();
  expect(ledger.reconciler.difference()).toEqual({ missing: 0, double: 0 });
  expect(ledger.shipper.totals.failures).toBeGreaterThan(0);
  expect(complaints).toEqual(['cannot compare the ledger with the table: away']);
  await ledger.stop(10_000);
});
