/**
 * What a second worker brings. A load that fills two cores needs cores itself, and a machine of two has no others: so the whole,
 * load and provider and all, runs on one core with one worker and on two cores with two, in turn. Method: docs/benchmarks.md.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accountOf, accountProblems } from './support/account.ts';
import { moveTo, withDescendants } from './support/affinity.ts';
import { cpuSeconds, quantile } from './support/cpu.ts';
import { startBenchGateway, type BenchGateway } from './support/gateway-process.ts';
import { loadCore, startSink } from './support/helpers.ts';
import { warmOption, warmUp } from './support/loads.ts';
import { hasNginx, startNginxMock } from './support/nginx.ts';
import { helpText, readOptions } from './support/options.ts';
import { atEnd, pinned } from './support/processes.ts';
import { conclude, sayer } from './support/report.ts';
import type { Done, Slice, Variant } from './support/slices.ts';
import { measuredCore } from './support/stage.ts';
import { errorProblems, measure, summaryTable, type Measured } from './support/summary-table.ts';
import { chatCompletion } from './support/wire.ts';
import { hasWrk, runWrk } from './support/wrk.ts';

const options = {
  rounds: { kind: 'number', value: 7, range: [1, 1000], help: 'rounds of interleaved slices' },
  seconds: { kind: 'number', value: 4, range: [1, 60], help: 'length of a slice, whole seconds' },
  connections: {
    kind: 'number',
    value: 64,
    range: [1, 4096],
    help: 'keep-alive connections, for each worker',
  },
  'least-gain': {
    kind: 'number',
    value: 1.8,
    range: [0, 2],
    help: 'fails when two workers on two cores carry fewer times the calls of one on one',
  },
  warm: warmOption,
} as const;

const what = `Calls per second of one worker on one core and of two workers on two cores, load, provider and sink on the same cores,
and what a call costs in each. Needs nginx, wrk, taskset (Debian packages) and two cores.`;

const cores = [measuredCore, loadCore] as const;

interface Place {
  readonly name: string;
  readonly gateway: BenchGateway;
  readonly workers: number;
  /** Where the gateway runs, and where all others do. */
  readonly own: readonly number[];
  readonly others: readonly number[];
}

/** Neighbours take more from two cores than from one, so only rounds that they left alone compare calls per second. */
const quietCores = 0.15;

/** Of each round that was quiet: calls per second of a variant over those of another. */
const gains = (slices: readonly Slice[], name: string, other: string): readonly number[] =>
  [...Map.groupBy(slices, ({ round }) => round).values()].flatMap((round) => {
    const [one, base] = [name, other].map((wanted) =>
      round.find(({ variant }) => variant === wanted),
    );
    if (one === undefined || base === undefined) return [];
    if (Math.max(one.otherCores, base.otherCores) > quietCores) return [];
    return [one.units / one.seconds / (base.units / base.seconds)];
  });

const shownGain = (all: readonly number[]): string =>
  all.length === 0
    ? `not known, no round had neighbours below ${quietCores} cores`
    : `${quantile(all, 0.5).toFixed(2)} times the calls, the median of ${all.length} quiet rounds (${all.map((gain) => gain.toFixed(2)).join(', ')})`;

const usOf = ({ summaries }: Measured, name: string): number =>
  summaries.find(({ variant }) => variant === name)?.us.p25 ?? NaN;

const unitsOf = ({ slices }: Measured, name: string): number =>
  slices.filter(({ variant }) => variant === name).reduce((sum, { units }) => sum + units, 0);

/** What the numbers of the rows mean, a line each. */
const readings = (rows: Measured): readonly string[] => {
  const [one, two] = [usOf(rows, 'one'), usOf(rows, 'two')];
  const capacity = (us: number, workers: number): string => ((workers * 1e6) / us).toFixed(0);
  return [
    `two workers on two cores over one on one, all else on the same cores: ${shownGain(gains(rows.slices, 'two', 'one'))}`,
    `two workers that share both cores with the load over one that has a core to itself: ${shownGain(gains(rows.slices, 'two', 'apart'))}`,
    `CPU of a call, two workers over one: ${(two / one).toFixed(2)}; what cores of their own would carry by that, calls/s: one ${capacity(one, 1)}, two ${capacity(two, 2)}`,
  ];
};

/** Both gateways with a provider and a sink that they share. */
const setUp = async (dir: string) => {
  const provider = await startNginxMock(dir, chatCompletion(), loadCore);
  const sink = await startSink(dir);
  const start = (name: string, workers: number): Promise<BenchGateway> =>
    startBenchGateway({
      dir: join(dir, name),
      providers: { nginx: provider.port, node: provider.port },
      otlpPort: sink.otlpPort,
      clickhouse: {
        url: `http://127.0.0.1:${sink.clickhousePort}`,
        user: 'bench',
        password: 'bench',
      },
      core: null,
      workers,
    });
  const [one, two] = [await start('one', 1), await start('two', 2)];
  const others = (): readonly number[] => [provider.pid, sink.pid];
  return { one, two, others };
};

/** Runs the benchmark. Answers the exit code. */
export const run = async (args: readonly string[]): Promise<number> => {
  if (args.includes('--help')) {
    process.stdout.write(`${helpText('workers', what, options)}\n`);
    return 0;
  }
  const given = readOptions(options, args);
  const say = sayer(given.json);
  if (!hasNginx || !hasWrk || !pinned)
    throw new Error('nginx, wrk, taskset and two cores are needed');
  // What this process starts runs on these cores; a machine of more has its other ones idle.
  moveTo(cores, [process.pid]);
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-bench-'));
  atEnd(async () => rmSync(dir, { recursive: true, force: true }));
  const { one, two, others } = await setUp(dir);
  const places: readonly Place[] = [
    { name: 'one', gateway: one, workers: 1, own: [measuredCore], others: [measuredCore] },
    { name: 'two', gateway: two, workers: 2, own: cores, others: cores },
    { name: 'apart', gateway: one, workers: 1, own: [measuredCore], others: [loadCore] },
  ];
  let parentSeconds = 0;
  const load = async (place: Place, seconds: number): Promise<Done> => {
    moveTo(place.own, [place.gateway.pid]);
    moveTo(place.others, others());
    const before = cpuSeconds([two.pid]);
    const { responses, ...rest } = await runWrk({
      dir,
      port: place.gateway.port,
      key: place.gateway.key,
      provider: 'nginx',
      connections: given.connections * place.workers,
      seconds,
      cores: place.others,
    });
    if (place.workers > 1) parentSeconds += cpuSeconds([two.pid]) - before;
    return { units: responses, ...rest };
  };
  for (const place of places)
    if (place.name !== 'apart')
      await warmUp(place.name, given.warm * place.workers, (seconds) => load(place, seconds), say);
  parentSeconds = 0;
  const variants = places.map((place): Variant => ({
    name: place.name,
    pids: () => withDescendants(place.gateway.pid),
    load: () => load(place, given.seconds),
  }));
  const parts = (): readonly number[] => [one.pid, two.pid, ...others()].flatMap(withDescendants);
  const rows = await measure({ variants, parts, rounds: given.rounds, say });
  const parentUs = (parentSeconds / unitsOf(rows, 'two')) * 1e6;
  const gain = quantile(gains(rows.slices, 'two', 'one'), 0.5);
  const accounts = { one: await accountOf(one), two: await accountOf(two) };
  return conclude(
    'workers',
    {
      settings: given,
      tables: [
        summaryTable(
          'Whole replies, 1,215 bytes in, 596 bytes out; the provider is nginx',
          'call',
          rows.summaries,
        ),
      ],
      notes: [
        ...readings(rows),
        `of the CPU of a call with two workers, their parent: ${parentUs.toFixed(1)} us`,
        ...Object.entries(accounts).map(
          ([name, account]) => `${name} by its own count: ${JSON.stringify(account)}`,
        ),
      ],
      problems: [
        ...errorProblems([rows]),
        ...Object.values(accounts).flatMap(accountProblems),
        ...(gain >= given['least-gain']
          ? []
          : [
              `${Number.isNaN(gain) ? 'not known how many' : gain.toFixed(2)} times the calls of one worker, goal ${given['least-gain']}`,
            ]),
      ],
    },
    { rows, accounts },
    given,
  );
};
