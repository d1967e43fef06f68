import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { uuid7 } from '../../../../gateway/src/edge/ids.ts';
import { segmentFiles } from '../../../../gateway/src/edge/ledger/files.ts';
import { rowJson, someCall, someSettlement } from '../../model/settlements.ts';
import { callId, intentOf, ledgerIn, scriptedSink, tempDir, until, entryLine } from './support.ts';

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
  const script = scriptedSink(() => (away ? 'try_again' : 'done'));
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
  // The first, the fourth, and one that says of the third call that its record is damaged.
  await until(() => ledger.shipper.totals.shipped === 3);
  await ledger.reconciler.check();
  expect(ledger.reconciler.difference()).toEqual({ missing: 2, double: 0 });
  expect(ledger.shipper.totals).toMatchObject({ shipped: 3, damaged: 2, dead: 0 });
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

test('rows that were shipped while the table was asked are not missing when it is asked again', async () => {
  const script = scriptedSink();
  let held: Promise<void> | null = null;
  const { ledger, complaints } = await ledgerIn(
    tempDir(),
    {
      ...script.sink,
      async tally(stretch) {
        await held;
        return script.sink.tally(stretch);
      },
    },
    { limits: { segmentCloses: 1 } },
  );
  const ship = async (n: number, startedAtMs: number): Promise<void> => {
    const call = { ...someCall, id: uuid7(startedAtMs), startedAtMs };
    await ledger.spool.intend(call.id, '{}');
    ledger.settle({ ...someSettlement, call });
    await until(() => ledger.shipper.totals.shipped === n);
  };
  const beganMs = Date.now() - 60_000;
  await ship(1, beganMs);
  const asked = Promise.withResolvers<undefined>();
  held = asked.promise;
  const check = ledger.reconciler.check();
  await ship(2, beganMs + 10_000);
  asked.resolve(undefined);
  await check;
  held = null;
  await ship(3, beganMs + 20_000);
  await ledger.reconciler.check();
  expect(ledger.reconciler.difference()).toEqual({ missing: 0, double: 0 });
  expect(complaints).toEqual([]);
  await ledger.stop(10_000);
});

test('rows that are being sent again are not missing yet, and those that cannot be are', async () => {
  const dir = tempDir();
  let away = false;
  const script = scriptedSink(() => (away ? 'try_again' : 'done'));
  const { ledger, complaints } = await ledgerIn(dir, script.sink, {
    limits: { segmentCloses: 1, keepShippedMs: 3_600_000 },
  });
  for (const n of [1, 2, 3]) {
    await ledger.spool.intend(callId(n), intentOf(n));
    ledger.settle({ ...someSettlement, call: { ...someCall, id: callId(n) } });
    await until(() => ledger.shipper.totals.shipped === n);
  }
  // The table loses the first two; of the second our copy is gone too.
  const [first = '', second = ''] = script.taken.keys();
  script.taken.delete(first);
  script.taken.delete(second);
  rmSync(segmentFiles(dir)[1]?.path ?? '');
  away = true;
  for (let round = 0; round < 3; round += 1) {
    await ledger.reconciler.check();
    expect(ledger.reconciler.difference()).toEqual({ missing: 0, double: 0 });
  }
  away = false;
  await until(() => {
    void ledger.reconciler.check();
    return ledger.reconciler.difference().missing > 0;
  });
  expect(ledger.reconciler.difference()).toEqual({ missing: 1, double: 0 });
  expect(script.rows()).toHaveLength(2);
  expect(complaints.at(-1)).toMatch(/up to row 3: 1 rows missing, 0 double$/);
  await ledger.stop(10_000);
});

test('a recovered call whose row had gone to the table without the disk is not missing, in any life; one that is lost is', async () => {
  const before = tempDir();
  const script = scriptedSink();
  const { ledger } = await ledgerIn(before, script.sink);
  for (const n of [1, 2, 3]) await ledger.spool.intend(callId(n), intentOf(n));
  // A full disk: the row of the second call is held, and lent to the table.
  const settlement = { ...someSettlement, call: { ...someCall, id: callId(2) } };
  const json = rowJson(settlement, 'test.earlier', 1);
  const lent = Buffer.from(entryLine({ kind: 'c', callId: callId(2), seq: 1, json }));
  expect(await ledger.shipper.sendLines([lent])).toBe(true);
  // kill -9
  const dir = tempDir();
  cpSync(before, dir, { recursive: true });
  await ledger.stop(10_000);

  const next = await ledgerIn(dir, script.sink, { limits: { segmentCloses: 1 } });
  expect(next.ledger.recovered).toBe(3);
  await until(() => next.ledger.shipper.totals.shipped === 3);
  expect(script.rows()).toHaveLength(3);
  // The table is told of the number that is in none of its rows.
  expect(script.spared).toEqual([expect.stringMatching(/^test\.[^/]+\/2$/)]);
  await next.ledger.reconciler.check();
  expect(next.ledger.reconciler.difference()).toEqual({ missing: 0, double: 0 });
  await next.ledger.spool.intend(callId(4), intentOf(4));
  next.ledger.settle({ ...someSettlement, call: { ...someCall, id: callId(4) } });
  await until(() => next.ledger.shipper.totals.shipped === 4);
  await next.ledger.reconciler.check();
  expect(next.ledger.reconciler.difference()).toEqual({ missing: 0, double: 0 });
  expect(next.complaints).toEqual([]);
  await next.ledger.stop(10_000);

  const third = await ledgerIn(dir, script.sink);
  await third.ledger.reconciler.check();
  expect(third.ledger.reconciler.difference()).toEqual({ missing: 0, double: 0 });
  await third.ledger.stop(10_000);

  // The table loses what was recovered, all that it holds of that insert.
  const recovered = [...script.taken].find(([, rows]) => rows.length === 2)?.[0] ?? '';
  expect(script.taken.delete(recovered)).toBe(true);
  const last = await ledgerIn(dir, script.sink);
  await last.ledger.reconciler.check();
  expect(last.ledger.reconciler.difference()).toEqual({ missing: 2, double: 0 });
  await last.ledger.stop(10_000);
});
