/**
 * What a call costs when there are few: most gateways idle most of the time. Fixed rates, sparse streams and no load at
 * all, interleaved with nginx and a bare relay. Method: docs/benchmarks.md.
 */
import { accountOf, accountProblems } from './support/account.ts';
import { chatLoad, noLoad, pacedLoad, streamLoad, warmOption, warmUp } from './support/loads.ts';
import { hasNginx } from './support/nginx.ts';
import { helpText, readOptions } from './support/options.ts';
import { pinned } from './support/processes.ts';
import { conclude, sayer, type Table } from './support/report.ts';
import { setTheStage } from './support/stage.ts';
import {
  errorProblems,
  measure,
  shownNumber,
  summaryTable,
  type Measured,
} from './support/summary-table.ts';

const options = {
  rounds: { kind: 'number', value: 5, range: [1, 1000], help: 'rounds of interleaved slices' },
  stretch: {
    kind: 'number',
    value: 1,
    range: [0.1, 100],
    help: 'slices are so many times their usual length',
  },
  streams: { kind: 'number', value: 16, range: [1, 4096], help: 'concurrent sparse streams' },
  gap: {
    kind: 'number',
    value: 200,
    range: [1, 10_000],
    help: 'milliseconds between two events of a stream',
  },
  warm: warmOption,
  only: { kind: 'text', value: '', help: '1, 50, 1000, streams or idle: this part alone' },
} as const;

const what = `CPU per call of the gateway with everything on at 1, 50 and 1,000 calls a second, per write of sparse streams, and idle,
beside nginx proxy_pass and a bare relay in Node. What a server does between two calls is part of what they cost.`;

/** Long enough for some calls, and for the work that comes by the clock and not by the call. */
const slices = [
  { rate: 1, seconds: 20 },
  { rate: 50, seconds: 8 },
  { rate: 1000, seconds: 4 },
] as const;
const idleSeconds = 8;
/** At 200 ms: streams of five seconds. */
const events = 25;

/** Microseconds a second, as a share of a core. */
const idleTable = ({ summaries }: Measured): Table => ({
  title: 'No load',
  head: ['variant', '% of a core, median', 'min', 'max'],
  rows: summaries.map(({ variant, us }) => [
    variant,
    shownNumber(us.median / 1e4, 2),
    shownNumber(us.min / 1e4, 2),
    shownNumber(us.max / 1e4, 2),
  ]),
});

/** Runs the benchmark. Answers the exit code. */
export const run = async (args: readonly string[]): Promise<number> => {
  if (args.includes('--help')) {
    process.stdout.write(`${helpText('rates', what, options)}\n`);
    return 0;
  }
  const given = readOptions(options, args);
  const { rounds, stretch, streams, gap: gapMs } = given;
  const say = sayer(given.json);
  if (!hasNginx) say('nginx is not installed: there is no ratio');
  const stage = await setTheStage({ events, gapMs, entry: '', profiler: false });
  const { dir } = stage;
  const provider = 'nginx';
  const wants = (part: string): boolean => given.only === '' || given.only === part;
  for (const server of stage.chat[provider].filter(({ name }) => name !== 'nginx')) {
    await warmUp(
      server.name,
      given.warm,
      (seconds) => chatLoad(dir, server, { provider, connections: 64, seconds }),
      say,
    );
  }
  const parts = stage.pids;
  const tables: Table[] = [];
  const all: Measured[] = [];
  for (const { rate, seconds } of slices) {
    if (!wants(String(rate))) continue;
    say(`${rate} calls/s`);
    const load = { provider, rate, seconds: seconds * stretch } as const;
    const variants = stage.chat[provider].map((server) => ({
      ...server,
      load: () => pacedLoad(dir, server, load),
    }));
    const measured = await measure({ variants, parts, rounds, say });
    all.push(measured);
    tables.push(
      summaryTable(`${rate} ${rate === 1 ? 'call' : 'calls'}/s`, 'call', measured.summaries),
    );
  }
  if (wants('streams')) {
    say(`${streams} sparse streams`);
    const load = { streams, events, gapMs, seconds: 4 * stretch };
    const variants = stage.streams.map((server) => ({
      ...server,
      load: () => streamLoad(dir, server, load),
    }));
    const measured = await measure({ variants, parts, rounds, say });
    all.push(measured);
    const title = `${streams} streams, a write each ${gapMs} ms`;
    tables.push(summaryTable(title, 'write', measured.summaries));
  }
  if (wants('idle')) {
    say('idle');
    const variants = stage.chat[provider].map((server) => ({
      ...server,
      load: () => noLoad(idleSeconds * stretch),
    }));
    const measured = await measure({ variants, parts, rounds, settleMs: 0, say });
    all.push(measured);
    tables.push(idleTable(measured));
  }
  const accounts = await Promise.all(stage.gateways.map(({ gateway }) => accountOf(gateway)));
  return conclude(
    'rates',
    {
      settings: { ...given, pinned, nginx: hasNginx },
      tables,
      notes: accounts.map((account) => `gateway by its own count: ${JSON.stringify(account)}`),
      problems: [...errorProblems(all), ...accounts.flatMap(accountProblems)],
    },
    { all },
    given,
  );
};
