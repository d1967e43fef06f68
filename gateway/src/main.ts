/** The gateway's process: its environment, its signals, its first line. What it is made of: `edge/gateway.ts`. */
import { processVariables, readEnvironment, type Environment } from './edge/config/environment.ts';
import { startGateway, type StopTimes } from './edge/gateway.ts';
import { startLedger } from './edge/ledger/ledger.ts';
import { stdoutBlocks } from './edge/telemetry/log.ts';

const whenAsked: StopTimes = { drainMs: Infinity, shipMs: 10_000 };
/** Whoever started this gateway is gone (SIGHUP), and the next start waits for it to end. */
const whenOrphaned: StopTimes = { drainMs: 2_000, shipMs: 1_000 };

const say = (line: string): void => void process.stderr.write(`gateway: ${line}\n`);

/** One line on stderr for each thing that is wrong, and exit code 1. */
const fail = (problems: readonly string[]): never => {
  for (const problem of problems) say(problem);
  process.exit(1);
};

const serve = async (environment: Environment): Promise<void> => {
  const started = await startGateway({
    environment,
    startLedger,
    lines: stdoutBlocks(),
    onWait: say,
  });
  if (started.kind === 'failed') return fail(started.problems);
  const { gateway } = started;
  let stopping = false;
  const stop = async (times: StopTimes): Promise<void> => {
    // Asked a second time: at once.
    if (stopping) process.exit(1);
    stopping = true;
    await gateway.stop(times);
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop(whenAsked));
  process.on('SIGINT', () => void stop(whenAsked));
  process.on('SIGHUP', () => {
    if (!stopping) void stop(whenOrphaned);
  });
  process.stdout.write(`${JSON.stringify({ ready: true, port: gateway.port })}\n`);
};

const read = readEnvironment(processVariables(), process.cwd());
if (read.kind === 'bad') fail(read.problems);
else await serve(read.environment);
