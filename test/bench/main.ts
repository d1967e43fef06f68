/** `npm run bench -- <name> [options]`: runs one benchmark. Exit 0: measured, goals met; 1: not; 2: misused. */
import { isStopping, stopAll } from './support/processes.ts';
import { UsageError } from './support/options.ts';

interface Benchmark {
  run(args: readonly string[]): number | Promise<unknown>;
}

/** Loaded only when asked for: they start servers. */
const benchmarks: Readonly<
  Record<string, { readonly what: string; readonly load: () => Promise<Benchmark> }>
> = {
  gateway: {
    what: 'CPU per call of the gateway, everything on, beside nginx; streams too; --profile',
    load: () => import('./gateway.ts'),
  },
  rates: {
    what: 'CPU per call at 1, 50 and 1,000 calls/s, of sparse streams, and idle, beside nginx',
    load: () => import('./rates.ts'),
  },
  product: {
    what: 'all processes of npm start: CPU per call and memory, idle, at 50 calls/s and at full load',
    load: () => import('./product.ts'),
  },
  router: {
    what: 'spans per second and CPU per span of the trace-router',
    load: () => import('./router.ts'),
  },
  workers: {
    what: 'calls per second of two workers on two cores beside one on one, and what a call costs in each',
    load: () => import('./workers.ts'),
  },
  compare: {
    what: 'the last runs beside the committed ones: is anything worse than it was',
    load: () => import('./compare.ts'),
  },
  ledger: {
    what: 'CPU of the record of one call, from its intent to its row at the sink',
    load: () => import('./ledger.ts'),
  },
  admission: {
    what: 'CPU of knowing who calls and holding what the call may come to, with 10 and with 100,000 keys',
    load: () => import('./admission.ts'),
  },
  scan: {
    what: 'the one pass over the bytes of a body, beside JSON.parse',
    load: () => import('./scan.ts'),
  },
  questions: {
    what: 'questions of finance on ten million calls: milliseconds, bytes a call, CPU of an insert',
    load: () => import('./questions.ts'),
  },
  soak: {
    what: 'a thousand streams for minutes: memory stays flat, every call has exactly one ledger row',
    load: () => import('./soak.ts'),
  },
};

const usage = `usage: npm run bench -- ${Object.keys(benchmarks).join(' | ')} [options]
${Object.entries(benchmarks)
  .map(([name, { what }]) => `  ${name.padEnd(9)} ${what}`)
  .join('\n')}
Each takes --help and --json (JSON and nothing else), and writes .bench/<name>.json; with --record those of docs/benchmarks.md
keep their results there.`;

const end = async (code: number): Promise<never> => {
  await stopAll();
  process.exit(code);
};

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.on(signal, () => void end(code));
}

const [name = '--help', ...args] = process.argv.slice(2);
const chosen = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined;
if (name === '--help') {
  process.stdout.write(`${usage}\n`);
} else if (chosen === undefined) {
  process.stderr.write(`bench: there is no benchmark '${name}'\n${usage}\n`);
  process.exitCode = 2;
} else {
  try {
    const { run } = await chosen.load();
    const code = await run(args);
    await end(typeof code === 'number' ? code : 0);
  } catch (error) {
    // A signal's handler ends the process; the parts it stopped are missed here.
    if (isStopping()) await new Promise(() => {});
    const misused = error instanceof UsageError;
    process.stderr.write(
      `bench: ${error instanceof Error ? (misused ? error.message : error.stack) : String(error)}\n`,
    );
    await end(misused ? 2 : 1);
  }
}
