/** The gateway's composition root: environment -> configuration -> ledger -> telemetry -> server -> signals. */
import { join } from 'node:path';
import { problemText } from './config/document.ts';
import { steps } from './flow/steps/registry.ts';
import { providers } from './providers/registry.ts';
import { processVariables, readEnvironment, type Environment } from './edge/config/environment.ts';
import { readConfig } from './edge/config/read.ts';
import { ledgerHealth, ledgerNotReady } from './edge/health.ts';
import { httpServer } from './edge/http/server.ts';
import { clickhouseSink } from './edge/ledger/clickhouse.ts';
import { lateRows } from './edge/ledger/late.ts';
import { startLedger } from './edge/ledger/ledger.ts';
import { startLive } from './edge/live.ts';
import { startProjections } from './edge/projections.ts';
import { gauge } from './edge/telemetry/gauges.ts';
import { logger, stdoutBlocks } from './edge/telemetry/log.ts';
import { prometheusView } from './edge/telemetry/prometheus-view.ts';
import { metricStore } from './edge/telemetry/store.ts';

/** Time for calls in flight to end (at most `limits.drain`), and then for the ledger to be shipped; what is not shipped stays in the spool. */
const whenAsked = { mostDrainMs: Infinity, shipMs: 10_000 } as const;
/** Whoever started this gateway is gone (SIGHUP), and the next start waits for it to end. */
const whenOrphaned = { mostDrainMs: 2_000, shipMs: 1_000 } as const;

/** One line on stderr for each thing that is wrong, and exit code 1. */
const fail = (...lines: readonly string[]): never => {
  for (const line of lines) process.stderr.write(`gateway: ${line}\n`);
  process.exit(1);
};

const read = readEnvironment(processVariables(), process.cwd());
if (read.kind === 'bad') fail(...read.problems);
else await start(read.environment);

async function start(environment: Environment): Promise<void> {
  const source = { path: environment.configPath, env: environment.variables, providers };
  const first = await readConfig(source);
  if (first.kind === 'bad') return fail(...first.problems.map(problemText));
  const lines = stdoutBlocks();
  const log = logger(first.config.log.level, lines);
  const store = metricStore(first.config.limits.labelValues);

  const live = await startLive({
    config: first.config,
    source,
    sources: first.sources,
    store,
    log,
  });

  const started = await startLedger({
    dir: join(environment.dataDir, 'ledger'),
    lockWaitMs: environment.takeOverMs,
    onLockWait: (message) => void process.stderr.write(`gateway: ${message}\n`),
    replica: environment.replica,
    limits: first.config.ledger,
    prices: live.runtime().prices,
    sink: clickhouseSink({
      ...environment.clickhouse,
      password: environment.clickhouse.password.reveal(),
    }),
    onCommit: (seconds) => store.observe('ledgerCommit', {}, seconds),
    onShipped: (seconds) => store.observe('ledgerShip', {}, seconds),
    onDropped: ({ outcome }) => store.add('unwritten', { outcome }, 1),
    onError: (message) => log.error({ component: 'ledger' }, message),
  });
  if (started.kind === 'failed') return fail(started.message);
  const { ledger } = started;
  if (ledger.recovered > 0)
    log.warn(
      { component: 'ledger', calls: ledger.recovered },
      'accounted for calls that an earlier run left open',
    );

  const projections = startProjections({
    telemetry: first.config.telemetry,
    runtime: live.runtime,
    replica: environment.replica,
    ledger,
    store,
    log,
    lines,
  });

  const view = prometheusView(store);
  const server = httpServer({
    steps,
    names: environment.names,
    gate: {
      runtime: live.runtime,
      spool: ledger.spool,
      store,
      log,
      settle: projections.settle,
    },
    metrics: (accept) => {
      gauge(store, ledger);
      return view(accept);
    },
    notReady: () => ledgerNotReady(ledger),
    waiting: () => lateRows(ledger.oldestRowAtMs(), Date.now()),
    details: () => ({ ledger: ledgerHealth(ledger) }),
  });

  let stopping = false;
  const stop = async ({ mostDrainMs, shipMs }: typeof whenAsked | typeof whenOrphaned) => {
    if (stopping) process.exit(1);
    stopping = true;
    await live.freeze();
    await server.drain(Math.min(mostDrainMs, live.runtime().config.limits.drainMs));
    await server.close();
    await projections.stop();
    const { allShipped } = await ledger.stop(shipMs);
    if (!allShipped)
      log.warn(
        { component: 'ledger' },
        'rows remain in the spool; they are shipped at the next start',
      );
    await live.close();
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop(whenAsked));
  process.on('SIGINT', () => void stop(whenAsked));
  process.on('SIGHUP', () => {
    if (!stopping) void stop(whenOrphaned);
  });

  try {
    const port = await server.listen(environment.host, environment.port);
    process.stdout.write(`${JSON.stringify({ ready: true, port })}\n`);
  } catch (error) {
    const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    await ledger.stop(0);
    return fail(
      taken
        ? `port ${environment.port} on ${environment.host} is taken (TOLLGATE_PORT)`
        : `cannot listen on ${environment.host}:${environment.port}: ${String(error)}`,
    );
  }
}
