/**
 * What the whole product costs on one core: starter, gateway, trace-router with its sampler, embedded ClickHouse; all of their
 * processes count. Beside nginx and the gateway alone, whose rows and spans go to a sink. Method: docs/benchmarks.md.
 */
import { cpuSeconds, rssBytes } from './support/cpu.ts';
import { chatLoad, noLoad, pacedLoad, warmOption, warmUp } from './support/loads.ts';
import { hasNginx } from './support/nginx.ts';
import { helpText, readOptions } from './support/options.ts';
import { pinned } from './support/processes.ts';
import { roleOf, startProduct } from './support/product.ts';
import { conclude, sayer, type Table } from './support/report.ts';
import { measuredCore, setTheStage, type Server } from './support/stage.ts';
import { errorProblems, measure, shownNumber, summaryTable } from './support/summary-table.ts';

const options = {
  rounds: { kind: 'number', value: 5, range: [1, 1000], help: 'rounds of interleaved slices' },
  seconds: { kind: 'number', value: 4, range: [1, 60], help: 'length of a slice, whole seconds' },
  warm: warmOption,
  rate: { kind: 'number', value: 50, range: [1, 5000], help: 'calls/s of the rows with a rate' },
} as const;

const what = `CPU per call and memory of everything that npm start runs: idle, at a fixed rate, and under 64 connections.`;

const provider = 'nginx';
const connections = 64;

/** CPU and memory of each process of the product. */
interface Resident {
  readonly role: string;
  readonly rssMiB: number;
  readonly cpuSeconds: number;
}

const residentsOf = (server: Server): ReadonlyMap<number, Resident> =>
  new Map(
    server
      .pids()
      .map((pid) => [
        pid,
        { role: roleOf(pid), rssMiB: rssBytes([pid]) / 2 ** 20, cpuSeconds: cpuSeconds([pid]) },
      ]),
  );

const residentTable = (
  idle: ReadonlyMap<number, Resident>,
  loaded: ReadonlyMap<number, Resident>,
  calls: number,
): Table => {
  const total = (all: ReadonlyMap<number, Resident>) =>
    [...all.values()].reduce((sum, { rssMiB }) => sum + rssMiB, 0);
  const us = [...loaded].map(
    ([pid, now]) => ((now.cpuSeconds - (idle.get(pid)?.cpuSeconds ?? 0)) * 1e6) / calls,
  );
  return {
    title: `Processes of npm start, over all ${calls} calls under ${connections} connections`,
    head: ['process', 'us/call', 'RSS MiB before', 'RSS MiB after'],
    rows: [
      ...[...loaded].map(([pid, { role, rssMiB }], i) => [
        role,
        shownNumber(us[i]),
        shownNumber(idle.get(pid)?.rssMiB, 0),
        shownNumber(rssMiB, 0),
      ]),
      [
        'all',
        shownNumber(us.reduce((sum, one) => sum + one, 0)),
        shownNumber(total(idle), 0),
        shownNumber(total(loaded), 0),
      ],
    ],
  };
};

/** Runs the benchmark. Answers the exit code. */
export const run = async (args: readonly string[]): Promise<number> => {
  if (args.includes('--help')) {
    process.stdout.write(`${helpText('product', what, options)}\n`);
    return 0;
  }
  const given = readOptions(options, args);
  const { rounds, seconds, rate } = given;
  const say = sayer(given.json);
  if (!hasNginx) say('nginx is not installed: there is no ratio');
  const stage = await setTheStage({ events: 50, gapMs: 5, entry: '', profiler: false });
  const { dir, providers } = stage;
  const product = await startProduct({ dir, providers, core: measuredCore });
  const servers = [...stage.chat[provider].filter(({ name }) => name !== 'relay'), product];
  const parts = () => [...stage.pids(), ...product.pids()];
  for (const server of servers.filter(({ name }) => name !== 'nginx')) {
    await warmUp(
      server.name,
      given.warm,
      (time) => chatLoad(dir, server, { provider, connections, seconds: time }),
      say,
    );
  }
  const turns = (load: (server: Server) => ReturnType<typeof noLoad>) =>
    servers.map((server) => ({ ...server, load: () => load(server) }));
  const idle = await measure({
    variants: turns(() => noLoad(seconds)),
    parts,
    rounds,
    settleMs: 0,
    say,
  });
  const paced = await measure({
    variants: turns((server) => pacedLoad(dir, server, { provider, rate, seconds })),
    parts,
    rounds,
    say,
  });
  const before = residentsOf(product);
  const full = await measure({
    variants: turns((server) => chatLoad(dir, server, { provider, connections, seconds })),
    parts,
    rounds,
    say,
  });
  const after = residentsOf(product);
  const calls = full.slices
    .filter(({ variant }) => variant === product.name)
    .reduce((sum, { units }) => sum + units, 0);
  return conclude(
    'product',
    {
      settings: { ...given, pinned, nginx: hasNginx },
      tables: [
        {
          title: 'No load',
          head: ['variant', '% of a core, median'],
          rows: idle.summaries.map(({ variant, us }) => [variant, shownNumber(us.median / 1e4, 2)]),
        },
        summaryTable(`${rate} calls/s`, 'call', paced.summaries),
        summaryTable(`${connections} connections`, 'call', full.summaries),
        residentTable(before, after, calls),
      ],
      notes: [],
      problems: errorProblems([paced, full]),
    },
    { idle, paced, full },
    given,
  );
};
