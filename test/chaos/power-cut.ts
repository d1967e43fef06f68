/**
 * `npm run power-cut [-- rounds]`: takes the power away from the disk of gateway and ClickHouse, an ext4 file system whose
 * unwritten data are thrown away (not kill -9, which loses nothing that the kernel has), and counts rows afterwards.
 * A third of the rounds cuts when every row has been acknowledged and the spool is empty, a third under load, a third under
 * load with `ledger.durability: power`, which may lose nothing at all. Three rounds take about a minute and a half. Needs
 * root, loop devices, mkfs.ext4 and python3; without them it says so and ends well.
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
/** `ledger.sync` is 100 ms; a disk and an event loop that are busy take longer over it. What was answered before must be there. */
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

/** How a round goes. */
interface Kind {
  readonly name: string;
  readonly underLoad: boolean;
  readonly durability: 'process' | 'power';
}

const kinds: readonly Kind[] = [
  { name: 'spool was empty', underLoad: false, durability: 'process' },
  { name: 'under load', underLoad: true, durability: 'process' },
  { name: 'under load, durability: power', underLoad: true, durability: 'power' },
];

const oneRound = async (disk: Disk, openai: Fake, kind: Kind): Promise<Found> => {
  const { underLoad, durability } = kind;
  const graceMs = durability === 'power' ? 0 : unsyncedMs;
  const dataDir = path.join(disk.path, 'data');
  const config = twoProviders(
    openai.origin,
    openai.origin,
    `log: { level: error }\nledger: { durability: ${durability} }`,
  );
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
  const lost = missing.filter(({ atMs }) => atMs < cutMs - graceMs);
  const otherCost = callers.answered.filter(({ callId, costUsd, atMs }) => {
    const [line] = byId.get(callId) ?? [];
    return (
      line !== undefined && atMs < cutMs - graceMs && Number(line.cost_usd) !== Number(costUsd)
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

const rounds = Number(process.argv[2] ?? kinds.length);
const openai = await startOpenai();
let bad = 0;
for (let round = 0; round < rounds; round += 1) {
  const disk = ext4Disk(diskBytes);
  if (typeof disk === 'string') {
    print(`power-cut: skipped, 1 suite: ${disk}`);
    break;
  }
  try {
    const kind = kinds[round % kinds.length];
    if (kind === undefined) throw new Error('no kind of round');
    const found = await oneRound(disk, openai, kind);
    bad += found.lost + found.double + found.otherCost;
    print(
      `power-cut: ${kind.name}: ${found.answered} answered, ${found.rows} rows, ${found.lost} lost, ${found.double} double, ${found.otherCost} with another cost than told; answered in the last second and gone: ${found.lostUnsynced}`,
    );
  } finally {
    disk.remove();
  }
}
await openai.close();
if (bad > 0) process.exitCode = 1;
