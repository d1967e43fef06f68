/**
 * Many slow streams for minutes, some abandoned: does memory stay flat, and does every call have exactly one ledger row?
 * The ledger is the embedded ClickHouse; method and what passes: docs/benchmarks.md.
 */
import { createClient, type ClickHouseClient } from '@clickhouse/client';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startClickhouse } from '../fakes/clickhouse.ts';
import { cpuSeconds, rssBytes } from './support/cpu.ts';
import { startBenchGateway, type BenchGateway } from './support/gateway-process.ts';
import { runLoad, startMock, startSink, type LoadResult } from './support/helpers.ts';
import { helpText, readOptions } from './support/options.ts';
import { atEnd } from './support/processes.ts';
import { conclude, sayer, type Table } from './support/report.ts';

const options = {
  streams: { kind: 'number', value: 1000, range: [1, 20_000], help: 'concurrent streams' },
  seconds: { kind: 'number', value: 120, range: [1, 86_400], help: 'how long new streams begin' },
  hangups: {
    kind: 'number',
    value: 0.05,
    range: [0, 1],
    help: 'share of streams whose client hangs up',
  },
  'max-growth': {
    kind: 'number',
    value: 1.25,
    range: [1, 100],
    help: 'fails when memory ends above this many times that after warm-up',
  },
} as const;

const what = `Streams of 10 to 20 seconds, restarted until the time is over; memory is sampled every 5 seconds, and afterwards the
ledger in ClickHouse is compared with the calls that the clients made, id by id.`;

/** One event per gap: 50 to 100 of them are 10 to 20 seconds. */
const pace = { minEvents: 50, maxEvents: 100, gapMs: 200 };
const sampleMs = 5_000;
const warmSeconds = 40;
const loadProcesses = 2;
const rampMs = 10_000;
const shipWithinMs = 60_000;
const spansWithinMs = 10_000;
/** Of the call, and of its one attempt. */
const spansPerCall = 2;

interface Sample {
  readonly seconds: number;
  readonly rssMiB: number;
  readonly heapMiB: number;
  readonly openStreams: number;
  readonly rows: number;
  /** Share of a core since the last sample. */
  readonly cpu: number;
}

const mebibyte = 2 ** 20;

/** Given to the gateway for collecting its garbage. */
const collectMs = 300;

const sampler = (gateway: BenchGateway): (() => Promise<Sample>) => {
  const startedMs = performance.now();
  let [lastMs, lastCpu] = [startedMs, cpuSeconds([gateway.pid])];
  return async () => {
    // What a full collection leaves, and before /metrics is asked, which itself takes memory.
    process.kill(gateway.pid, 'SIGUSR2');
    await sleep(collectMs);
    const rssMiB = rssBytes([gateway.pid]) / mebibyte;
    const [nowMs, cpuNow] = [performance.now(), cpuSeconds([gateway.pid])];
    const cpu = (cpuNow - lastCpu) / ((nowMs - lastMs) / 1000);
    [lastMs, lastCpu] = [nowMs, cpuNow];
    return {
      seconds: (nowMs - startedMs) / 1000,
      rssMiB,
      heapMiB: (await gateway.metric('nodejs_heap_size_used_bytes')) / mebibyte,
      openStreams: await gateway.metric('tollgate_open_streams'),
      rows: await gateway.metric('tollgate_ledger_rows_total', 'result="shipped"'),
      cpu,
    };
  };
};

/** MiB per minute, by least squares; 0 for less than two samples. */
const slopeOf = (samples: readonly Sample[], value: (sample: Sample) => number): number => {
  const meanX = samples.reduce((sum, { seconds }) => sum + seconds, 0) / samples.length;
  const meanY = samples.reduce((sum, sample) => sum + value(sample), 0) / samples.length;
  let [above, below] = [0, 0];
  for (const sample of samples) {
    above += (sample.seconds - meanX) * (value(sample) - meanY);
    below += (sample.seconds - meanX) ** 2;
  }
  return below === 0 ? 0 : (above / below) * 60;
};

/** The least heap of the second half of the samples over that of the first: what no collection gives back is a leak. */
const floorGrowthOf = (samples: readonly Sample[]): number => {
  const half = Math.ceil(samples.length / 2);
  const [early, late] = [samples.slice(0, half), samples.slice(half)].map((part) =>
    Math.min(...part.map(({ heapMiB }) => heapMiB)),
  );
  return (late ?? NaN) / (early ?? NaN);
};

interface Account {
  readonly calls: number;
  readonly rows: number;
  readonly lost: number;
  readonly twice: number;
  readonly unknown: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly unpricedRows: number;
}

const select = async <T>(client: ClickHouseClient, query: string): Promise<readonly T[]> =>
  (await client.query({ query, format: 'JSONEachRow' })).json<T>();

/** The ledger beside the ids that the clients were told. */
const accountOf = async (client: ClickHouseClient, ids: readonly string[]): Promise<Account> => {
  const rows = await select<{ id: string; n: string }>(
    client,
    'SELECT toString(call_id) AS id, count() AS n FROM tollgate.calls GROUP BY id',
  );
  const outcomes = await select<{ outcome: string; n: string; unpriced: string }>(
    client,
    "SELECT outcome, count() AS n, countIf(price_status != 'priced') AS unpriced FROM tollgate.calls GROUP BY outcome",
  );
  const found = new Set(rows.map(({ id }) => id));
  const told = new Set(ids);
  return {
    calls: told.size,
    rows: rows.reduce((sum, { n }) => sum + Number(n), 0),
    lost: ids.filter((id) => !found.has(id)).length,
    twice: rows.filter(({ n }) => Number(n) > 1).length,
    unknown: rows.filter(({ id }) => !told.has(id)).length,
    outcomes: Object.fromEntries(outcomes.map(({ outcome, n }) => [outcome, Number(n)])),
    unpricedRows: outcomes.reduce((sum, { unpriced }) => sum + Number(unpriced), 0),
  };
};

/** Calls of all load processes; latencies do not add up. */
type Load = Omit<LoadResult, 'p50Ms' | 'p99Ms'>;

const merged = (results: readonly LoadResult[]): Load => ({
  started: results.reduce((sum, { started }) => sum + started, 0),
  completed: results.reduce((sum, { completed }) => sum + completed, 0),
  hungUp: results.reduce((sum, { hungUp }) => sum + hungUp, 0),
  failed: results.reduce((sum, { failed }) => sum + failed, 0),
  events: results.reduce((sum, { events }) => sum + events, 0),
  failures: Object.assign({}, ...results.map(({ failures }) => failures)),
  ids: results.flatMap(({ ids }) => ids),
});

/** What went wrong; empty: nothing did. */
const judge = (options: {
  readonly account: Account;
  readonly load: Load;
  readonly growth: number | null;
  readonly maxGrowth: number;
}): readonly string[] => {
  const { account, load, growth, maxGrowth } = options;
  const { answered = 0, abandoned = 0 } = account.outcomes;
  const checks: readonly (readonly [boolean, string])[] = [
    [load.failed === 0, `${load.failed} streams failed: ${JSON.stringify(load.failures)}`],
    [
      account.calls === load.started,
      `${load.started} streams began, ${account.calls} calls were told of`,
    ],
    [account.lost === 0, `${account.lost} calls have no row`],
    [account.twice === 0, `${account.twice} calls have more than one row`],
    [account.unknown === 0, `${account.unknown} rows are of no known call`],
    [
      answered === load.completed,
      `${load.completed} streams were read to the end, ${answered} rows say answered`,
    ],
    [abandoned === load.hungUp, `${load.hungUp} clients hung up, ${abandoned} rows say abandoned`],
    [account.unpricedRows === 0, `${account.unpricedRows} rows are not fully priced`],
    [
      growth === null || growth <= maxGrowth,
      `memory grew to ${growth?.toFixed(2)} times that at ${warmSeconds} s, limit ${maxGrowth}`,
    ],
  ];
  return checks.filter(([fine]) => !fine).map(([, message]) => message);
};

const shown = ({ seconds, rssMiB, heapMiB, openStreams, rows, cpu }: Sample): readonly string[] => [
  seconds.toFixed(0),
  rssMiB.toFixed(0),
  heapMiB.toFixed(0),
  String(openStreams),
  String(rows),
  cpu.toFixed(2),
];

const samplesTable = (samples: readonly Sample[], streams: number): Table => ({
  title: `${streams} streams, an event each ${pace.gapMs} ms`,
  head: ['seconds', 'RSS MiB', 'heap MiB', 'open streams', 'rows shipped', 'core'],
  rows: samples.map(shown),
});

/** Runs the soak. Answers the exit code. */
export const run = async (args: readonly string[]): Promise<number> => {
  if (args.includes('--help')) {
    process.stdout.write(`${helpText('soak', what, options)}\n`);
    return 0;
  }
  const given = readOptions(options, args);
  const say = sayer(given.json);
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-soak-'));
  atEnd(async () => rmSync(dir, { recursive: true, force: true }));
  const clickhouse = await startClickhouse();
  atEnd(() => clickhouse.stop());
  const mock = await startMock(dir, pace);
  const sink = await startSink(dir);
  const gateway = await startBenchGateway({
    dir,
    providers: { nginx: mock.port, node: mock.port },
    otlpPort: sink.otlpPort,
    clickhouse,
    core: null,
    collectable: true,
  });

  const sample = sampler(gateway);
  const samples = [await sample()];
  const over = { yes: false };
  const share = Math.ceil(given.streams / loadProcesses);
  const loads = Promise.all(
    Array.from({ length: loadProcesses }, (_, i) =>
      runLoad(dir, {
        port: gateway.port,
        key: gateway.key,
        provider: 'node',
        stream: true,
        rate: 0,
        connections: Math.min(share, given.streams - i * share),
        seconds: given.seconds,
        rampMs: Math.min(rampMs, given.seconds * 100),
        hangupShare: given.hangups,
        withIds: true,
      }),
    ),
  ).finally(() => (over.yes = true));
  const underLoad: Sample[] = [];
  while (!over.yes) {
    await Promise.race([sleep(sampleMs), loads]);
    const one = await sample();
    samples.push(one);
    // When no more streams begin the load ebbs away, and memory with it: that is no measure of growth.
    if (one.seconds <= given.seconds) underLoad.push(one);
    say(shown(one).join('  '));
  }
  const load = merged(await loads);
  const spansExported = () => gateway.metric('tollgate_spans_total', 'result="exported"');
  const shipped = () => gateway.metric('tollgate_ledger_rows_total', 'result="shipped"');
  for (
    let waitedMs = 0;
    waitedMs < shipWithinMs && (await shipped()) < load.started;
    waitedMs += 250
  )
    await sleep(250);
  // A batch of spans leaves at the latest a second after its first one.
  for (
    let waitedMs = 0;
    waitedMs < spansWithinMs && (await spansExported()) < load.started * spansPerCall;
    waitedMs += 250
  )
    await sleep(250);
  const conservation = await gateway.metric('tollgate_ledger_conservation_error');
  const spans = await spansExported();
  const exitCode = await gateway.stop(60_000);

  const client = createClient({
    url: clickhouse.url,
    username: clickhouse.user,
    password: clickhouse.password,
  });
  const account = await accountOf(client, load.ids);
  await client.close();

  const warm = underLoad.filter(({ seconds }) => seconds >= warmSeconds);
  const [first] = warm;
  const last = warm.at(-1);
  const growth = first === undefined || last === undefined ? null : last.rssMiB / first.rssMiB;
  const heapFloorGrowth = warm.length < 2 ? null : floorGrowthOf(warm);
  const slope = {
    rssMiBPerMinute: slopeOf(warm, ({ rssMiB }) => rssMiB),
    heapMiBPerMinute: slopeOf(warm, ({ heapMiB }) => heapMiB),
  };
  const problems = [
    ...judge({ account, load, growth, maxGrowth: given['max-growth'] }),
    ...(spans === load.started * spansPerCall
      ? []
      : [`${load.started} calls, but ${spans} spans exported`]),
    ...(conservation === 0 ? [] : [`the gateway's own sums differ by ${conservation}`]),
    ...(exitCode === 0 ? [] : [`the gateway ended with ${exitCode}`]),
  ];
  const { ids: _ids, ...counts } = load;
  return conclude(
    'soak',
    {
      settings: given,
      tables: [samplesTable(samples, given.streams)],
      notes: [
        `streams ${JSON.stringify(counts)}`,
        `ledger ${JSON.stringify(account)}; ${spans} spans exported`,
        growth === null
          ? `too short to judge memory: it needs more than ${warmSeconds} s`
          : `memory ${growth.toFixed(2)} times that at ${warmSeconds} s; RSS ${slope.rssMiBPerMinute.toFixed(1)}, heap ${slope.heapMiBPerMinute.toFixed(1)} MiB per minute; the heap's floor in the second half is ${heapFloorGrowth?.toFixed(2)} times that in the first`,
      ],
      problems,
    },
    { samples, load: counts, account, spans, conservation, growth, heapFloorGrowth, slope },
    given,
  );
};
