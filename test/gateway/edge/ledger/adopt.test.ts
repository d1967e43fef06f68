import { expect, test } from 'vitest';
import { startAdoptions } from '../../../../gateway/src/edge/ledger/adopt.ts';
import { lockDirectory } from '../../../../gateway/src/edge/ledger/files.ts';
import { startLedger, type LedgerOptions } from '../../../../gateway/src/edge/ledger/ledger.ts';
import { noObserver } from '../../../../gateway/src/edge/ledger/observer.ts';
import {
  callId,
  intentOf,
  ledgerIn,
  limits,
  noPrices,
  scriptedSink,
  tempDir,
  until,
} from './support.ts';

/** Adoptions of the spools in these directories, by worker, and what was told of them. */
const adoptionsOf = (dirs: Readonly<Record<number, string>>, sink: LedgerOptions['sink']) => {
  const told: string[] = [];
  const adoptions = startAdoptions({
    start: (worker) =>
      startLedger({
        dir: dirs[worker] ?? '',
        lockWaitMs: 0,
        onLockWait: () => {},
        replica: `test.w${worker}`,
        limits: { ...limits, reserveBytes: 0 },
        prices: noPrices,
        sink,
        observer: noObserver,
        onCommit: () => {},
        onShipped: () => {},
        onDropped: () => {},
        onError: () => {},
      }),
    onAdopted: (worker, ledger) => told.push(`${worker}: ${ledger.recovered} recovered`),
    onFailure: (worker, message) => told.push(`${worker}: ${message}`),
    retryMs: 20,
  });
  return { adoptions, told };
};

test('calls that a worker left open get their rows from whoever adopts its spool', async () => {
  const dir = tempDir();
  const { sink, rows } = scriptedSink();
  const { ledger } = await ledgerIn(dir, sink, { replica: 'test.w2' });
  expect(await ledger.spool.intend(callId(1), intentOf(1))).toBe(true);
  await ledger.stop(1_000);
  const { adoptions, told } = adoptionsOf({ 2: dir }, sink);
  adoptions.adopt(2);
  adoptions.adopt(2);
  await until(() => rows().some((row) => row.includes(callId(1))));
  expect(told).toEqual(['2: 1 recovered']);
  expect(adoptions.ledgers().length).toBe(1);
  expect(rows().filter((row) => row.includes(callId(1))).length).toBe(1);
  expect(await adoptions.stop(1_000)).toEqual({ allShipped: true });
  expect(adoptions.ledgers()).toEqual([]);
});

test('a spool is never two processes’: who does not get its lock tries again until it is free', async () => {
  const dir = tempDir();
  const { sink } = scriptedSink();
  const [first, second] = [adoptionsOf({ 2: dir }, sink), adoptionsOf({ 2: dir }, sink)];
  first.adoptions.adopt(2);
  await until(() => first.adoptions.ledgers().length === 1);
  second.adoptions.adopt(2);
  await until(() => second.told.length === 1);
  expect(second.told).toEqual([
    `2: the ledger directory ${dir} is in use by another gateway, after 0 ms of waiting for it`,
  ]);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(second.adoptions.ledgers()).toEqual([]);
  await first.adoptions.release(2);
  await until(() => second.adoptions.ledgers().length === 1);
  // Said once, however often it was tried.
  expect(second.told.length).toBe(2);
  await second.adoptions.stop(1_000);
});

test('a spool that is let go of is free when that is said, also one whose turn had not come', async () => {
  const dir = tempDir();
  const { sink } = scriptedSink();
  const { adoptions } = adoptionsOf({ 2: dir }, sink);
  adoptions.adopt(2);
  await adoptions.release(2);
  const lock = lockDirectory(dir);
  expect(lock.kind).toBe('locked');
  if (lock.kind === 'locked') lock.release();
  await adoptions.release(3);
  expect(await adoptions.stop(0)).toEqual({ allShipped: true });
});

test('rows that ClickHouse does not take are not said to be shipped', async () => {
  const dir = tempDir();
  const away = scriptedSink(() => 'try_again');
  const { ledger } = await ledgerIn(dir, away.sink, { replica: 'test.w2' });
  await ledger.spool.intend(callId(1), intentOf(1));
  await ledger.stop(0);
  const { adoptions } = adoptionsOf({ 2: dir }, away.sink);
  adoptions.adopt(2);
  await until(() => adoptions.ledgers().length === 1);
  expect(await adoptions.stop(50)).toEqual({ allShipped: false });
});
