/** The gateway, put together: configuration -> providers -> ledger -> telemetry -> server. What its process does is `main.ts`. */
import { join } from 'node:path';
import type { DestinationStream, Logger } from 'pino';
import { problemText } from '@tollgate/settings/document.ts';
import { steps } from '../flow/steps/registry.ts';
import { providers } from '../providers/registry.ts';
import type { Config } from '../config/config.ts';
import type { PriceTable } from '../decide/price.ts';
import type { Environment } from './config/environment.ts';
import { readConfig } from './config/read.ts';
import { ledgerHealth, ledgerNotReady } from './health.ts';
import { httpServer } from './http/server.ts';
import { clickhouseSink } from './ledger/clickhouse.ts';
import { lateRows } from './ledger/late.ts';
import type { LedgerOptions, LedgerStart } from './ledger/ledger.ts';
import { startLive } from './live.ts';
import { startProjections } from './projections.ts';
import { gauge } from './telemetry/gauges.ts';
import { logger } from './telemetry/log.ts';
import { prometheusView } from './telemetry/prometheus-view.ts';
import { metricStore, type MetricStore } from './telemetry/store.ts';

/** Time for calls in flight to end, and then for the ledger to be shipped; what is not shipped stays in the spool. */
export interface StopTimes {
  /** At most; `limits.drain` may be less. */
  readonly drainMs: number;
  readonly shipMs: number;
}

export interface Gateway {
  readonly port: number;
  /** Ends calls, sends what is left of telemetry, ships rows. Once. */
  stop(times: StopTimes): Promise<void>;
}

export type GatewayStart =
  | { readonly kind: 'started'; readonly gateway: Gateway }
  /** Nothing runs; what is wrong, a line each. */
  | { readonly kind: 'failed'; readonly problems: readonly string[] };

/** What the gateway is put together with. */
export interface GatewayParts {
  readonly environment: Environment;
  startLedger(options: LedgerOptions): Promise<LedgerStart>;
  /** Where log lines go. */
  readonly lines: DestinationStream;
  /** Told what a start that takes long waits for. */
  onWait(message: string): void;
}

const listening = ({ host, port }: Environment, error: unknown): string => {
  const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
  return isTaken
    ? `port ${port} on ${host} is taken (TOLLGATE_PORT)`
    : `cannot listen on ${host}:${port}: ${String(error)}`;
};

/** What runs before the ledger does. */
interface Started {
  readonly config: Config;
  readonly prices: PriceTable;
  readonly store: MetricStore;
  readonly log: Logger;
}

/** What the ledger is started with. */
const ledgerOptions = (
  { environment, onWait }: GatewayParts,
  { config, prices, store, log }: Started,
): LedgerOptions => ({
  dir: join(environment.dataDir, 'ledger'),
  lockWaitMs: environment.takeOverMs,
  onLockWait: (message) => onWait(message),
  replica: environment.replica,
  limits: config.ledger,
  prices,
  sink: clickhouseSink({
    ...environment.clickhouse,
    password: environment.clickhouse.password.reveal(),
  }),
  onCommit: (seconds) => store.observe('ledgerCommit', {}, seconds),
  onShipped: (seconds) => store.observe('ledgerShip', {}, seconds),
  onDropped: ({ outcome }) => store.add('unwritten', { outcome }, 1),
  onError: (message) => log.error({ component: 'ledger' }, message),
});

/** Reads the configuration that the environment names and starts everything. Resolves when calls are served. */
export const startGateway = async (parts: GatewayParts): Promise<GatewayStart> => {
  const { environment, lines } = parts;
  const source = { path: environment.configPath, env: environment.variables, providers };
  const first = await readConfig(source);
  if (first.kind === 'bad') return { kind: 'failed', problems: first.problems.map(problemText) };
  const { config, sources } = first;
  const log = logger(config.log.level, lines);
  const store = metricStore(config.limits.labelValues);
  const live = await startLive({ config, source, sources, store, log });

  const { prices } = live.runtime();
  const started = await parts.startLedger(ledgerOptions(parts, { config, prices, store, log }));
  if (started.kind === 'failed') {
    await live.close();
    return { kind: 'failed', problems: [started.message] };
  }
  const { ledger } = started;
  if (ledger.recovered > 0)
    log.warn(
      { component: 'ledger', calls: ledger.recovered },
      'accounted for calls that an earlier run left open',
    );

  const projections = startProjections({
    telemetry: config.telemetry,
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
    services: {
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
    details: () => ({
      ledger: ledgerHealth(ledger),
      configuration: {
        hash: live.runtime().config.hash,
        restart_needed: live.restartNeeded(),
      },
    }),
  });
  live.follow(server.adopt);

  /** From the outside inwards. */
  const stop = async ({ drainMs, shipMs }: StopTimes): Promise<void> => {
    await live.freeze();
    await server.drain(Math.min(drainMs, live.runtime().config.limits.drainMs));
    await server.close();
    await projections.stop();
    const { allShipped } = await ledger.stop(shipMs);
    if (!allShipped)
      log.warn(
        { component: 'ledger' },
        'rows remain in the spool; they are shipped at the next start',
      );
    await live.close();
  };

  try {
    const port = await server.listen(environment.host, environment.port);
    return { kind: 'started', gateway: { port, stop } };
  } catch (error) {
    await stop({ drainMs: 0, shipMs: 0 });
    return { kind: 'failed', problems: [listening(environment, error)] };
  }
};
