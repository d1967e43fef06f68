/**
 * `npm run chaos -- [--cycles 200] [--paused] [--full-disk]`: kill -9 of a gateway at random instants while 500 calls are under
 * way, half of them streams, a tenth hung up, a tenth of the replies dying; then the clients' log and the providers' journal
 * are held against the ledger, call by call.
 */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { clickhouseClient } from '../../deploy/clickhouse/src/edge/client.ts';
import { readOptions, UsageError } from '../bench/support/options.ts';
import { generator } from '../e2e/workload.ts';
import { samples } from '../e2e/exposition.ts';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import { launchGateway, testKey, twoProviders, withTestKey } from '../fakes/gateway.ts';
import { ownPath } from '../fakes/journal.ts';
import { freePort } from '../fakes/ports.ts';
import { startProgram, type Launched, type Program } from '../fakes/process.ts';
import { runTollgate } from '../gateway/cli/run.ts';
import { triedOf, type Asked, type Tried } from './calls/evidence.ts';
import { fillAndFree, pauseClickhouse, type Pause } from './calls/hardship.ts';
import { Judge, type Span } from './calls/judge.ts';
import { killAgainAndAgain, whenReady, type Lives } from './calls/lives.ts';
import { readAsked, readJournal, readSigns } from './calls/log-file.ts';
import { tag } from './calls/plan.ts';
import { jsonOf, textOf, wrongOf, type Found } from './calls/report.ts';
import { readRows } from './calls/rows.ts';
import { wrongSums } from './calls/sums.ts';
import { tmpfsDisk, type Disk } from './mounts.ts';

const table = {
  cycles: { kind: 'number', value: 200, range: [1, 100_000], help: 'kills' },
  width: { kind: 'number', value: 500, range: [1, 5_000], help: 'calls at a time' },
  longest: {
    kind: 'number',
    value: 3,
    range: [0.2, 600],
    help: 'seconds from ready to kill, at most',
  },
  seed: { kind: 'number', value: 1, range: [0, 1e9], help: 'of calls, deaths and kills' },
  paused: { kind: 'switch', help: 'ClickHouse says nothing for a while' },
  pause: { kind: 'text', value: '10m', help: 'for how long: 90s, 10m' },
  'full-disk': {
    kind: 'switch',
    help: 'the disk of the spool is filled and freed at random (root, tmpfs)',
  },
} as const;

const usage = `usage: npm run chaos -- [options]
Kills the gateway under load, and holds clients, providers and ledger against each other, call by call.
${Object.entries(table)
  .map(([name, row]) => {
    const value = row.kind === 'switch' ? '' : row.kind === 'number' ? ' N' : ' TIME';
    const by = row.kind === 'switch' ? '' : ` (default ${row.value})`;
    return `  ${`--${name}${value}`.padEnd(18)} ${row.help}${by}`;
  })
  .join('\n')}
  --json             print JSON and nothing else
200 cycles take some 10 minutes, 5 a minute. Exit 0: all agree; 1: something does not; 2: misused.`;

/** A time such as `90s` or `10m`, in milliseconds. @throws UsageError */
const timeMs = (text: string): number => {
  const [, count, unit] = /^(\d{1,6})([sm])$/.exec(text) ?? [];
  if (count === undefined)
    throw new UsageError(`--pause must be a time such as 90s or 10m, not '${text}'`);
  return Number(count) * (unit === 's' ? 1_000 : 60_000);
};

const diskBytes = 64 * 2 ** 20;
const diskFiles = 2_000;
/** So many kills come before the pause and, when there are enough, after it. */
const cyclesBeforePause = 3;
/** For what a busy machine takes. No measurement. */
const generousMs = 900_000;
/** The table is compared with what was shipped every 5 s; a difference that stays is one. */
const reconciledMs = 30_000;

const readGiven = () => {
  const given = readOptions(table, process.argv.slice(2));
  return { ...given, pauseMs: timeMs(given.pause) };
};
type Given = ReturnType<typeof readGiven>;

/** What is there for all lives of the gateway. */
interface Stage {
  readonly dir: string;
  readonly dataDir: string;
  readonly port: number;
  readonly own: string;
  readonly clickhouse: FakeClickhouse;
  readonly providers: Program;
  readonly load: Program;
  launch(): Launched;
}

const child = (name: string): string => path.join(import.meta.dirname, `calls/${name}-child.ts`);
const logOf = (dir: string): string => path.join(dir, 'clients.log');
const signsOf = (dir: string): string => path.join(dir, 'signs.log');
const journalOf = (dir: string): string => path.join(dir, 'providers.log');

const setStage = async (given: Given, dir: string, disk: Disk | null): Promise<Stage> => {
  const clickhouse = await startClickhouse({ dataDir: path.join(dir, 'clickhouse') });
  const client = writer(clickhouse);
  await client.insert({
    table: 'tollgate.allocation_tags',
    values: [{ tag }],
    format: 'JSONEachRow',
  });
  await client.close();
  const seed = String(given.seed);
  const providers = await startProgram(child('provider'), {
    CHAOS_JOURNAL: journalOf(dir),
    CHAOS_SEED: seed,
  });
  const own = ownPath();
  const at = (name: string): string => String(providers.ready[name]) + own;
  const config = path.join(dir, 'tollgate.yaml');
  writeFileSync(
    config,
    withTestKey(
      twoProviders(
        at('openai'),
        at('anthropic'),
        // Clocks that a busy machine does not run out; and every refusal is written down.
        `timeouts: { idle: 8s, firstByte: 15s, total: 20s }
retry: { backoff: 20ms, backoffMax: 200ms }
limits: { refusals: 10000, refusalsPerKey: 10000 }
ledger: { keepShipped: 10s, reconcile: 5s }
log: { level: error }`,
      ),
    ),
  );
  const port = await freePort();
  const dataDir = disk?.path ?? path.join(dir, 'data');
  mkdirSync(dataDir, { recursive: true });
  const load = await startProgram(child('load'), {
    CHAOS_LOG: logOf(dir),
    CHAOS_SIGNS: signsOf(dir),
    CHAOS_KEY: testKey,
    CHAOS_PORT: String(port),
    CHAOS_WIDTH: String(given.width),
    CHAOS_SEED: seed,
  });
  const launch = () => launchGateway(config, { dataDir, port, clickhouse });
  return { dir, dataDir, port, own, clickhouse, providers, load, launch };
};

const writer = ({ url, user, password }: FakeClickhouse) =>
  clickhouseClient({ url, user, password, timeoutMs: generousMs });

const progress = (text: string): void => void process.stderr.write(`chaos: ${text}\n`);

const callsSoFar = ({ load }: Stage): string =>
  /"calls":(\d+)/.exec(load.output().trimEnd().split('\n').at(-1) ?? '')?.[1] ?? '0';

interface Stress {
  readonly lives: Lives;
  readonly full: readonly Span[];
  readonly notes: readonly string[];
}

/** Kills, with whatever makes it harder meanwhile; the gateway is dead and the world well again at the end. */
const stress = async (stage: Stage, given: Given, disk: Disk | null): Promise<Stress> => {
  const { cycles, longest, paused, pauseMs, seed } = given;
  const random = generator(seed + 77);
  const filling = disk === null ? null : fillAndFree(disk, generator(seed + 78));
  const held: { pause: Pause | null } = { pause: null };
  const isPaused = (): boolean => held.pause?.isOver() === false;
  const notes: string[] = [];
  let duringPause = 0;
  const lives = await killAgainAndAgain({
    cycles,
    longestMs: longest * 1_000,
    random,
    launch: () => stage.launch(),
    goesOn: () => paused && held.pause?.isOver() !== true,
    async onFailed(words) {
      if (filling === null) throw new Error(`the gateway did not start: ${words}`);
      progress(`a start ended by itself: ${words.trim().split('\n').at(-1) ?? ''}`);
      filling.free();
      await sleep(100);
    },
    onKill({ kills, readyMs }, lifeMs, words) {
      appendFileSync(path.join(stage.dir, 'gateway.log'), words);
      if (isPaused()) duringPause += 1;
      if (paused && kills.length === Math.min(cyclesBeforePause, cycles))
        held.pause ??= pauseClickhouse(stage.clickhouse, pauseMs);
      const after =
        lifeMs === null
          ? 'before it was ready'
          : `${(lifeMs / 1000).toFixed(1)} s after it was ready, which took ${((readyMs.at(-1) ?? 0) / 1000).toFixed(1)} s`;
      progress(
        `${kills.length}/${cycles} kill -9 ${after}; ${callsSoFar(stage)} calls${isPaused() ? ', ClickHouse is paused' : ''}`,
      );
    },
  });
  held.pause?.end();
  await filling?.stop();
  const full = filling?.spans() ?? [];
  if (paused)
    notes.push(`ClickHouse said nothing for ${given.pause}, through ${duringPause} kills`);
  if (disk !== null) notes.push(`the disk was full ${full.length} times`);
  return { lives, full, notes };
};

const metricsOf = async ({ port }: Stage) =>
  samples(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text());

/** The last life: calls end in their own time, everything is shipped. What must not be, as lines. */
const finish = async (
  stage: Stage,
): Promise<{ readonly faults: readonly string[]; readonly unconserved: readonly string[] }> => {
  const faults: string[] = [];
  const last = stage.launch();
  if (!(await whenReady(last))) throw new Error(`the last start failed: ${last.output()}`);
  await sleep(2_000);
  progress('the last calls end');
  const loadExit = await stage.load.stop();
  if (loadExit !== 0) faults.push(`the clients ended with ${loadExit}: ${stage.load.output()}`);
  const endMs = performance.now() + generousMs;
  let emptyMs: number | null = null;
  let unconserved: readonly string[] = [];
  for (let toldMs = 0; performance.now() < endMs; await sleep(200)) {
    const metrics = await metricsOf(stage);
    const spooled = Number(
      metrics.find(({ name }) => name === 'tollgate_ledger_spool_bytes')?.text,
    );
    unconserved = metrics
      .filter(
        ({ name, text }) => name === 'tollgate_ledger_conservation_error' && Number(text) !== 0,
      )
      .map(({ labels, text }) => `${labels['quantity']} ${text}`);
    emptyMs = spooled === 0 ? (emptyMs ?? performance.now()) : null;
    if (
      emptyMs !== null &&
      (unconserved.length === 0 || performance.now() > emptyMs + reconciledMs)
    )
      break;
    if (performance.now() < toldMs + 5_000) continue;
    toldMs = performance.now();
    progress(`${spooled} bytes wait to be shipped`);
  }
  const exit = await last.stop();
  appendFileSync(path.join(stage.dir, 'gateway.log'), last.output());
  if (exit !== 0) faults.push(`the last stop ended with ${exit}: ${last.output()}`);
  const providersExit = await stage.providers.stop();
  if (providersExit !== 0) faults.push(`the providers ended with ${providersExit}`);
  return { faults, unconserved };
};

/** The logs, by trace. */
const readLogs = async ({ dir, own }: Stage) => {
  const asked = new Map<string, Asked>();
  const tried = new Map<string, Tried[]>();
  const faults: string[] = [];
  const signs: Span[] = [];
  let served = 0;
  await readSigns(signsOf(dir), (span) => signs.push(span));
  await readAsked(logOf(dir), (line) => {
    if (asked.has(line.trace)) faults.push(`the clients have two calls of trace ${line.trace}`);
    asked.set(line.trace, line);
  });
  await readJournal(journalOf(dir), (line) => {
    // A client of another program, which has called somebody on this port before.
    if (!line.path.startsWith(`${own}/`)) return;
    served += 1;
    const trace = line.traceparent?.split('-')[1];
    if (trace === undefined)
      faults.push(`a provider was asked without a traceparent: ${line.path}`);
    else tried.set(trace, [...(tried.get(trace) ?? []), triedOf(line)]);
  });
  // They are written down when they are over.
  for (const tries of tried.values()) tries.sort((a, b) => a.atMs - b.atMs);
  for (const trace of tried.keys())
    if (!asked.has(trace))
      faults.push(`a provider was asked for trace ${trace}, which no client made`);
  return { asked, tried, signs, served, faults };
};

const findingsOf = (verified: unknown): readonly unknown[] | null =>
  typeof verified === 'object' &&
  verified !== null &&
  'findings' in verified &&
  Array.isArray(verified.findings)
    ? verified.findings
    : null;
/** The whole ledger, as `ledger verify` sees it: nothing may be found, also after a full disk. */
const verify = async ({ clickhouse, dir }: Stage) => {
  const { out, err } = await runTollgate(dir, ['ledger', 'verify', '--json'], {
    TOLLGATE_CLICKHOUSE_URL: clickhouse.url,
    TOLLGATE_CLICKHOUSE_USER: clickhouse.reader.user,
    TOLLGATE_CLICKHOUSE_PASSWORD: clickhouse.reader.password,
  });
  const verified: unknown = out === '' ? err : JSON.parse(out);
  return { verified, isVerified: findingsOf(verified)?.length === 0 };
};

const run = async (given: Given, dir: string, disk: Disk | null): Promise<Found> => {
  const startedMs = performance.now();
  const stage = await setStage(given, dir, disk);
  const { lives, full, notes } = await stress(stage, given, disk);
  const { faults, unconserved } = await finish(stage);
  progress('client, provider and ledger are compared');
  const logs = await readLogs(stage);
  const judge = new Judge({ ...logs, kills: lives.kills, full });
  const client = writer(stage.clickhouse);
  await readRows(client, (row) => judge.row(row));
  const judged = judge.end();
  const sums = await wrongSums(client, judged.totals);
  await client.close();
  const verification = await verify(stage);
  await stage.clickhouse.stop();
  return {
    seconds: (performance.now() - startedMs) / 1000,
    lives,
    calls: logs.asked.size,
    served: logs.served,
    judged,
    sums,
    ...verification,
    unconserved,
    faults: [...faults, ...logs.faults],
    notes,
  };
};

const main = async (given: Given): Promise<number> => {
  const disk = given['full-disk'] ? tmpfsDisk(diskBytes, diskFiles) : null;
  if (typeof disk === 'string') {
    process.stdout.write(`chaos: skipped, 1 suite: ${disk}\n`);
    return 0;
  }
  const dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-chaos-'));
  try {
    const found = await run(given, dir, disk);
    process.stdout.write(`${given.json ? jsonOf(found) : textOf(found)}\n`);
    const isGood = wrongOf(found) === 0;
    if (isGood) rmSync(dir, { recursive: true, force: true });
    else {
      writeFileSync(path.join(dir, 'found.json'), jsonOf(found));
      progress(`kept for a look: ${dir}`);
    }
    return isGood ? 0 : 1;
  } finally {
    disk?.remove();
  }
};

if (process.argv.includes('--help')) process.stdout.write(`${usage}\n`);
else {
  try {
    process.exitCode = await main(readGiven());
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`chaos: ${error.message}\n${usage}\n`);
    process.exitCode = 2;
  }
}
