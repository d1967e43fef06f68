/**
 * `npm run power-cut [-- rounds]`: takes the power away from the disk of gateway and ClickHouse, an ext4 file system whose
 * unwritten data are thrown away (not kill -9, which loses nothing that the kernel has), and counts rows afterwards.
 * Half of the rounds cut when every row has been acknowledged and the spool is empty, half under load. Two rounds
 * take about a minute. Needs root, loop devices, mkfs.ext4 and python3; without them it says so and ends well.
 */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ledgerReader } from '../e2e/ledger-reader.ts';
import { startClickhouse } from '../fakes/clickhouse.ts';
import type { Fake } from '../fakes/faults.ts';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { startOpenai } from '../fakes/openai.ts';
import { startCallers } from './callers.ts';
import { ext4Disk, type Disk } from './mounts.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const diskBytes = 4 * 2 ** 30;
const width = 20;
/** `ledger.sync` is 5 ms; a disk and an event loop that are busy take longer over it. What was answered before must be there. */
const unsyncedMs = 1_000;
const patienceMs = 120_000;

interface Found {
  readonly answered: number;
  readonly rows: number;
  readonly lost: number;
  readonly double: number;
  /** Answered within the time that a sync may take, and gone. */
  readonly lostUnsynced: number;
  /** Answered calls whose row says something else than the caller was told. */
  readonly otherCost: number;
}

const spooled = async (gateway: RunningGateway): Promise<number> =>
  Number(/^tollgate_ledger_spool_bytes (\d+)/m.exec(await gateway.metrics())?.[1] ?? NaN);

const whenShipped = async (gateway: RunningGateway): Promise<void> => {
  const endsMs = performance.now() + patienceMs;
  while ((await spooled(gateway)) !== 0) {
    if (performance.now() > endsMs) throw new Error('rows remain in the spool');
    await sleep(100);
  }
};

const oneRound = async (disk: Disk, openai: Fake, underLoad: boolean): Promise<Found> => {
  const dataDir = path.join(disk.path, 'data');
  const config = twoProviders(openai.origin, openai.origin, 'log: { level: error }');
  const startBoth = async () => {
    const clickhouse = await startClickhouse({ dataDir });
    return { clickhouse, gateway: await startGateway({ config, clickhouse, dataDir }) };
  };
  const before = await startBoth();
  const callers = startCallers(before.gateway, width);
  await sleep(6_000 + Math.random() * 2_000);
  if (!underLoad) {
    await callers.stop();
    await whenShipped(before.gateway);
  }
  const cutMs = performance.now();
  disk.cut();
  await Promise.all([before.gateway.kill9(), before.clickhouse.kill9()]);
  await callers.stop();
  await disk.comeBack();

  const after = await startBoth();
  await whenShipped(after.gateway);
  const reader = ledgerReader(after.clickhouse);
  const lines = await reader.lines();
  await reader.close();
  await after.gateway.stop();
  await after.clickhouse.stop();

  const byId = Map.groupBy(lines, ({ call_id }) => call_id);
  const missing = callers.answered.filter(({ callId }) => !byId.has(callId));
  const lost = missing.filter(({ atMs }) => atMs < cutMs - unsyncedMs);
  const otherCost = callers.answered.filter(({ callId, costUsd, atMs }) => {
    const [line] = byId.get(callId) ?? [];
    return (
      line !== undefined && atMs < cutMs - unsyncedMs && Number(line.cost_usd) !== Number(costUsd)
    );
  });
  return {
    answered: callers.answered.length,
    rows: lines.length,
    lost: lost.length,
    double: lines.length - byId.size,
    lostUnsynced: missing.length - lost.length,
    otherCost: otherCost.length,
  };
};

const rounds = Number(process.argv[2] ?? 2);
const openai = await startOpenai();
let bad = 0;
for (let round = 0; round < rounds; round += 1) {
  const disk = ext4Disk(diskBytes);
  if (typeof disk === 'string') {
    print(`power-cut: skipped, 1 suite: ${disk}`);
    break;
  }
  try {
    const underLoad = round % 2 === 1;
    const found = await oneRound(disk, openai, underLoad);
    bad += found.lost + found.double + found.otherCost;
    print(
      `power-cut: ${underLoad ? 'under load     ' : 'spool was empty'}: ${found.answered} answered, ${found.rows} rows, ${found.lost} lost, ${found.double} double, ${found.otherCost} with another cost than told; answered in the last second and gone: ${found.lostUnsynced}`,
    );
  } finally {
    disk.remove();
  }
}
await openai.close();
if (bad > 0) process.exitCode = 1;
