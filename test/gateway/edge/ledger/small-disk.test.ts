/** A disk of our own that is full to its last byte or has no file left: needs root and tmpfs, else it is skipped. */
import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished, test, expect, type TestContext } from 'vitest';
import { fill, tmpfsDisk, useUpFiles } from '../../../chaos/mounts.ts';
import { uuid7 } from '../../../../gateway/src/edge/ids.ts';
import { newIncarnation, segmentFile } from '../../../../gateway/src/edge/ledger/files.ts';
import { startReserve } from '../../../../gateway/src/edge/ledger/reserve.ts';
import { someCall, someSettlement } from '../../model/settlements.ts';
import {
  callId,
  entryLine,
  idOfRow,
  intentOf,
  ledgerIn,
  scriptedSink,
  tempDir,
  until,
} from './support.ts';

const diskBytes = 16 * 2 ** 20;
const reserveBytes = 2 ** 20;

const diskOf = (files: number, skip: TestContext['skip']) => {
  const disk = tmpfsDisk(diskBytes, files);
  if (typeof disk === 'string') return skip(disk);
  onTestFinished(() => disk.remove());
  return disk;
};

test('the reserve is not had again while there is no file left, and is when there is one', ({
  skip,
}) => {
  const disk = diskOf(12, skip);
  const reserve = startReserve(disk.path, reserveBytes);
  expect(reserve.intact()).toBe(true);
  const folder = useUpFiles(disk);
  expect(reserve.release()).toBe(true);
  writeFileSync(path.join(disk.path, 'takes its place'), '');
  expect(reserve.renew()).toBe(false);
  expect(reserve.intact()).toBe(false);
  // A start, too.
  expect(startReserve(disk.path, reserveBytes).intact()).toBe(false);
  rmSync(folder, { recursive: true });
  expect(reserve.renew()).toBe(true);
});

test('a ledger that was killed starts on a full disk, with the room that was kept: open calls get their rows, new ones are refused', async ({
  skip,
}) => {
  const disk = diskOf(100, skip);
  // The life before makes what every start needs.
  const { sink, rows } = scriptedSink();
  const before = await ledgerIn(disk.path, sink, { limits: { reserveBytes } });
  await before.ledger.stop(1_000);
  const open = Array.from({ length: 40 }, (_, i) => i + 1);
  writeFileSync(
    segmentFile(disk.path, newIncarnation(1_700_000_000_000, 1), 1).path,
    open
      .map((n) => entryLine({ kind: 'i', callId: callId(n), seq: 0, json: intentOf(n) }))
      .join(''),
  );
  const file = fill(disk);
  const { ledger } = await ledgerIn(disk.path, sink, { limits: { reserveBytes } });
  expect(ledger.recovered).toBe(open.length);
  expect(ledger.spool.refuses()).toBe('reserve');
  expect(await ledger.spool.intend(callId(1000), intentOf(1000))).toBe(false);
  await until(() => rows().length === open.length);
  expect(rows().map(idOfRow).toSorted()).toEqual(open.map(callId));
  rmSync(file);
  await until(() => ledger.spool.refuses() === null);
  expect(await ledger.spool.intend(callId(1000), intentOf(1000))).toBe(true);
  await ledger.stop(1_000);
  expect(readdirSync(disk.path).filter((name) => name.endsWith('.new'))).toEqual([]);
});

test('a row that went to the table without the disk, of a call older than all that came after it, is not missing, in any life', async ({
  skip,
}) => {
  const disk = diskOf(100, skip);
  const { sink, rows } = scriptedSink();
  const { ledger } = await ledgerIn(disk.path, sink, {
    limits: { reserveBytes: 0 },
  });
  const begun = async () => {
    const startedAtMs = Date.now();
    const call = { ...someCall, id: uuid7(startedAtMs), startedAtMs };
    expect(await ledger.spool.intend(call.id, intentOf(1))).toBe(true);
    // The next one begins later.
    await until(() => Date.now() > startedAtMs + 1);
    return call;
  };
  // More than what is left of the page that the segment ends in.
  const many = 10;
  const round = async (): Promise<void> => {
    const before = rows().length;
    const older: (typeof someCall)[] = [];
    while (older.length < many) older.push(await begun());
    const later = await begun();
    const file = fill(disk);
    for (const call of older) ledger.settle({ ...someSettlement, call });
    await until(() => rows().length === before + many);
    rmSync(file);
    await until(() => ledger.spool.full() === null);
    ledger.settle({ ...someSettlement, call: later });
    await sleep(50);
    ledger.spool.seal();
    await until(() => ledger.shipper.totals.shipped === before + many + 1);
    await ledger.reconciler.check();
    expect(ledger.reconciler.difference()).toEqual({ missing: 0, double: 0 });
  };
  await round();
  await round();
  // kill -9
  const dir = tempDir();
  cpSync(disk.path, dir, { recursive: true });
  const next = await ledgerIn(dir, sink);
  await next.ledger.reconciler.check();
  expect(next.ledger.reconciler.difference()).toEqual({ missing: 0, double: 0 });
  await next.ledger.stop(1_000);
  await ledger.stop(1_000);
});
