/** The gateway's process: its environment, its signals, its first line. What it is made of: `edge/gateway.ts`. */
import { availableParallelism } from 'node:os';
import { problemText } from '@tollgate/settings/document.ts';
import { workersOf } from './config/share.ts';
import { processVariables, readEnvironment, type Environment } from './edge/config/environment.ts';
import { readConfig } from './edge/config/read.ts';
import { flushed, sharedStdoutBlocks, stdoutBlocks, type Blocks } from './edge/telemetry/log.ts';
import { firstOrder, isWorker } from './edge/workers/first-order.ts';
import type { EndTimes } from './edge/workers/messages.ts';
import { providers } from './providers/registry.ts';

const whenAsked: EndTimes = { drainMs: Infinity, shipMs: 10_000, deaf: false };
/** Whoever started this gateway is gone (SIGHUP), and the next start waits for it to end. */
const whenOrphaned: EndTimes = { drainMs: 2_000, shipMs: 1_000, deaf: false };

const say = (line: string): void => void process.stderr.write(`gateway: ${line}\n`);

/** One line on stderr for each thing that is wrong, and exit code 1. */
const fail = (problems: readonly string[]): never => {
  for (const problem of problems) say(problem);
  process.exit(1);
};

/** What serves calls: this process, or workers of its. */
interface Serving {
  readonly port: number;
  stop(times: EndTimes): Promise<void>;
  /** Ends at once whatever would outlive this process. */
  kill(): void;
  /** Where the log of this process goes. */
  readonly lines: Blocks;
}

const begin = async (environment: Environment): Promise<Serving> => {
  const source = { path: environment.configPath, env: environment.variables, providers };
  const first = await readConfig(source);
  if (first.kind === 'bad') return fail(first.problems.map(problemText));
  const { config, sources } = first;
  const base = { environment, config, source, sources };
  const workers = workersOf(config.workers.count, availableParallelism());
  // Loaded here, because a parent serves no calls and needs nothing of what does.
  if (workers > 1) {
    const { startWorkers } = await import('./edge/workers/workers.ts');
    const [entry, lines] = [import.meta.filename, sharedStdoutBlocks()];
    const started = await startWorkers({ ...base, workers, entry, lines, say });
    if (started.kind === 'failed') return fail(started.problems);
    const all = started.workers;
    return { port: all.port, stop: (times) => all.stop(times), kill: () => all.kill(), lines };
  }
  const { startGateway } = await import('./edge/gateway.ts');
  const { startLedger } = await import('./edge/ledger/ledger.ts');
  const lines = stdoutBlocks();
  const started = await startGateway({ ...base, siblings: null, startLedger, lines, onWait: say });
  if (started.kind === 'failed') return fail(started.problems);
  const { gateway } = started;
  return { port: gateway.port, stop: (times) => gateway.stop(times), kill: () => {}, lines };
};

const serve = async (environment: Environment): Promise<void> => {
  const serving = await begin(environment);
  let stopping = false;
  const stop = async (times: EndTimes): Promise<void> => {
    // Asked a second time: at once.
    if (stopping) {
      serving.kill();
      process.exit(1);
    }
    stopping = true;
    await serving.stop(times);
    await flushed(serving.lines);
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop(whenAsked));
  process.on('SIGINT', () => void stop(whenAsked));
  process.on('SIGHUP', () => {
    if (!stopping) void stop(whenOrphaned);
  });
  process.stdout.write(`${JSON.stringify({ ready: true, port: serving.port })}\n`);
};

if (isWorker()) {
  const order = await firstOrder();
  // In this process's memory only: libraries read theirs from there.
  Object.assign(process.env, order.variables);
  const { work } = await import('./edge/worker.ts');
  await work(order);
} else {
  const read = readEnvironment(processVariables(), process.cwd());
  if (read.kind === 'bad') fail(read.problems);
  else await serve(read.environment);
}
