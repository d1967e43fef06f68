/** The gateway's composition root: environment -> configuration -> ledger -> telemetry -> server -> signals. */
import { join } from 'node:path';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { Config, ConfigProblem } from './config/config.ts';
import { scope } from './contract/spans.ts';
import type { Settlement } from './model/settlement.ts';
import { providers } from './providers/registry.ts';
import { processVariables, readEnvironment } from './edge/config/environment.ts';
import { readConfig } from './edge/config/read.ts';
import { watchConfig } from './edge/config/watch.ts';
import { startDemo, type Demo } from './edge/demo/server.ts';
import { httpServer } from './edge/http/server.ts';
import { clickhouseSink } from './edge/ledger/clickhouse.ts';
import { startLedger } from './edge/ledger/ledger.ts';
import { compilePrices } from './edge/prices/catalog.ts';
import { startRuntime, type Runtime } from './edge/runtime.ts';
import { settler } from './edge/settle.ts';
import { count } from './edge/telemetry/count.ts';
import { gauge } from './edge/telemetry/gauges.ts';
import { callLog, logger, stdoutBlocks } from './edge/telemetry/log.ts';
import { startMetricExport } from './edge/telemetry/otlp-view.ts';
import { prometheusView } from './edge/telemetry/prometheus-view.ts';
import { otlpGrpc, startSpanExport } from './edge/telemetry/span-export.ts';
import { spansOf } from './edge/telemetry/spans.ts';
import { metricStore } from './edge/telemetry/store.ts';
import { zero } from './edge/telemetry/zero.ts';

/** Time for calls in flight to end after SIGTERM, and then for the ledger to be shipped. */
const drainMs = 25_000;
const shipMs = 10_000;

/** One line on stderr for each thing that is wrong, and exit code 1. */
const fail = (...lines: readonly string[]): never => {
  for (const line of lines) process.stderr.write(`gateway: ${line}\n`);
  process.exit(1);
};

const told = ({ file, line, column, path, message }: ConfigProblem): string =>
  `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`;

const read = readEnvironment(processVariables(), process.cwd());
if (read.kind === 'bad') fail(...read.problems);
else await start(read.environment);

async function start(
  environment: Extract<typeof read, { kind: 'ok' }>['environment'],
): Promise<void> {
  const source = { path: environment.configPath, env: environment.variables, providers };
  const first = await readConfig(source);
  if (first.kind === 'bad') return fail(...first.problems.map(told));
  const lines = stdoutBlocks();
  const log = logger(first.config.log.level, lines);
  const store = metricStore(first.config.limits.labelValues);

  const origins = new Map<string, string>();
  let demo: Demo | null = null;
  /** The simulated provider runs from when a configuration first names it. */
  const enliven = async (config: Config): Promise<Runtime> => {
    if (demo === null && [...config.providers.values()].some(({ use }) => use === 'demo')) {
      demo = await startDemo({});
      origins.set('demo', demo.origin);
    }
    const prices = compilePrices(config);
    const alive = startRuntime(config, prices, origins);
    store.clear('config');
    store.set('config', { hash: config.hash }, 1);
    store.clear('priceCatalog');
    store.set('priceCatalog', { version: prices.version }, 1);
    zero(store, config);
    return alive;
  };
  let runtime = await enliven(first.config);

  const started = await startLedger({
    dir: join(environment.dataDir, 'ledger'),
    replica: environment.replica,
    limits: first.config.ledger,
    prices: runtime.prices,
    sink: clickhouseSink({
      ...environment.clickhouse,
      password: environment.clickhouse.password.reveal(),
    }),
    onCommit: (seconds) => store.observe('ledgerCommit', {}, seconds),
    onShipped: (seconds) => store.observe('ledgerShip', {}, seconds),
    onError: (message) => log.error({ component: 'ledger' }, message),
  });
  if (started.kind === 'failed') return fail(started.message);
  const { ledger } = started;
  if (ledger.recovered > 0)
    log.warn(
      { component: 'ledger', calls: ledger.recovered },
      'accounted for calls that an earlier run left open',
    );

  const { telemetry } = first.config;
  const resource = {
    'service.name': telemetry.serviceName,
    'service.instance.id': environment.replica,
  };
  const endpoint = telemetry.otlpEndpoint;
  const spans =
    endpoint === null
      ? null
      : startSpanExport({
          transport: otlpGrpc(endpoint, { resource, ...scope }),
          queue: telemetry.spanQueue,
          batch: telemetry.spanBatch,
          delayMs: telemetry.spanDelayMs,
          store,
        });
  const metricExport =
    endpoint === null
      ? null
      : startMetricExport({
          store,
          resource: resourceFromAttributes(resource),
          endpoint,
          intervalMs: telemetry.metricsIntervalMs,
          refresh: () => gauge(store, ledger),
        });

  /** The four projections of one value. The row first: it alone must survive what comes next. */
  const { settle, flush } = settler(
    [
      (settlement) => ledger.settle(settlement),
      (settlement) => count(store, settlement),
      ...(spans === null ? [] : [(settlement: Settlement) => spans.send(spansOf(settlement))]),
      callLog(log, lines),
    ],
    ({ call }, error) =>
      log.error({ call_id: call.id, err: error }, 'a bug kept a call from being told everywhere'),
  );

  const view = prometheusView(store);
  const server = httpServer({
    gate: { runtime: () => runtime, spool: ledger.spool, store, log, settle },
    metrics: (accept) => {
      gauge(store, ledger);
      return view(accept);
    },
    notReady: () => null,
  });

  /** Swaps the whole configuration; what cannot be brought to life is refused like what cannot be read. */
  const reload = async (config: Config): Promise<void> => {
    try {
      const next = await enliven(config);
      const old = runtime;
      runtime = next;
      store.add('configReloads', { result: 'applied' }, 1);
      log.info({ hash: config.hash }, 'configuration reloaded');
      void old.close();
    } catch (error) {
      store.add('configReloads', { result: 'rejected' }, 1);
      log.error({ component: 'config', err: error }, 'the new configuration does not start');
    }
  };
  let reloading = Promise.resolve();
  const watching =
    environment.configPath === null
      ? null
      : watchConfig(
          {
            ...source,
            path: environment.configPath,
            onChange(config) {
              reloading = reloading.then(() => reload(config));
            },
            onRejected(problems) {
              store.add('configReloads', { result: 'rejected' }, 1);
              for (const problem of problems) log.error({ component: 'config' }, told(problem));
            },
          },
          first.sources,
        );

  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) process.exit(1);
    stopping = true;
    await watching?.close();
    await server.drain(drainMs);
    await server.close();
    flush();
    await spans?.stop().catch(() => {});
    await metricExport?.stop();
    const { allShipped } = await ledger.stop(shipMs);
    if (!allShipped)
      log.warn(
        { component: 'ledger' },
        'rows remain in the spool; they are shipped at the next start',
      );
    await runtime.close();
    await demo?.close();
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop());
  process.on('SIGINT', () => void stop());

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
