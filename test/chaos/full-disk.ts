/**
 * `npm run full-disk`: a gateway whose disk is 6 MiB, first with ClickHouse away until the disk is full, then with the disk
 * filled by somebody else while ClickHouse is well, then with room but not for another file, and a stop with a full disk.
 * Counts rows against what callers were told. Takes about half a minute. Needs root and tmpfs; without them it says so and ends well.
 */
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ledgerReader } from '../e2e/ledger-reader.ts';
import { startClickhouse } from '../fakes/clickhouse.ts';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { startOpenai } from '../fakes/openai.ts';
import { startCallers, type Callers } from './callers.ts';
import { fill, tmpfsDisk, useUpFiles, type Disk } from './mounts.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const diskBytes = 6 * 2 ** 20;
const diskFiles = 100;
const width = 60;
const patienceMs = 120_000;

/** Waits for it; fails after a generous time, saying what did not happen. */
const until = async (what: string, holds: () => boolean | Promise<boolean>): Promise<number> => {
  const startedMs = performance.now();
  while (!(await holds())) {
    if (performance.now() > startedMs + patienceMs) throw new Error(`it never happened: ${what}`);
    await sleep(100);
  }
  return Math.round((performance.now() - startedMs) / 100) / 10;
};

const spooledBytes = async (gateway: RunningGateway): Promise<number> =>
  Number(/^tollgate_ledger_spool_bytes (\d+)/m.exec(await gateway.metrics())?.[1] ?? NaN);

const isReady = async ({ url }: RunningGateway): Promise<boolean> =>
  (await fetch(`${url}/health/ready`)).status === 200;

/** Calls are answered again: some more than before. */
const serves = async (callers: Callers): Promise<number> => {
  const before = callers.answered.length;
  return until('calls are answered again', () => callers.answered.length > before + width);
};

const run = async (disk: Disk): Promise<number> => {
  const openai = await startOpenai();
  const clickhouse = await startClickhouse();
  const gateway = await startGateway({
    config: twoProviders(openai.origin, openai.origin, 'log: { level: error }'),
    clickhouse,
    dataDir: disk.path,
  });
  const callers = startCallers(gateway, width);
  await until('calls are answered', () => callers.answered.length > width);

  clickhouse.pause();
  await until('calls are refused', async () => !(await isReady(gateway)));
  await sleep(3_000);
  const refused = callers.statuses.get(503) ?? 0;
  clickhouse.resume();
  const backS = await serves(callers);
  print(
    `full-disk: ClickHouse away: ${refused} refused; back, calls answered again after ${backS} s`,
  );

  const file = fill(disk);
  await until('calls are refused', async () => !(await isReady(gateway)));
  await sleep(2_000);
  rmSync(file);
  const roomS = await serves(callers);
  print(`full-disk: filled by others: calls answered again ${roomS} s after there was room`);

  const folder = useUpFiles(disk);
  // The segment that is open goes on: its successor cannot be made.
  await sleep(2_000);
  await serves(callers);
  const waiting = await spooledBytes(gateway);
  rmSync(folder, { recursive: true });
  const shippedS = await until(
    'what waited is shipped',
    async () => (await spooledBytes(gateway)) < waiting,
  );
  print(
    `full-disk: no file can be made: calls are answered; ${waiting} bytes that waited were shipped ${shippedS} s after one could`,
  );

  fill(disk);
  await until('calls are refused', async () => !(await isReady(gateway)));
  await callers.stop();
  await gateway.stop();
  const reader = ledgerReader(clickhouse);
  const lines = await reader.lines();
  await reader.close();
  await clickhouse.stop();
  await openai.close();

  const byId = Map.groupBy(lines, ({ call_id }) => call_id);
  const lost = callers.answered.filter(({ callId }) => !byId.has(callId)).length;
  const double = lines.length - byId.size;
  const other =
    callers.answered.filter(({ callId }) => byId.get(callId)?.[0]?.outcome !== 'answered').length -
    lost;
  print(
    `full-disk: stopped with a full disk: ${callers.answered.length} answered, ${lines.length} rows, ${lost} lost, ${double} double, ${other} answered ones booked as something else`,
  );
  return lost + double + other;
};

const disk = tmpfsDisk(diskBytes, diskFiles);
if (typeof disk === 'string') print(`full-disk: skipped, 1 suite: ${disk}`);
else {
  try {
    if ((await run(disk)) > 0) process.exitCode = 1;
  } finally {
    disk.remove();
  }
}
