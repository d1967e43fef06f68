/** The gateway, put together: configuration -> providers -> ledger -> telemetry -> server. What its process does is `main.ts`. */
import type { DestinationStream } from 'pino';
import type { Sources } from '@tollgate/settings/edge/read.ts';
import { steps } from '../flow/steps/registry.ts';
import type { Config } from '../config/config.ts';
import { readinessOf, readinessOfAll, type Health, type Readiness } from '../decide/readiness.ts';
import type { Caller } from '../model/call.ts';
import type { Environment } from './config/environment.ts';
import type { ConfigSource } from './config/read.ts';
import { startGovernance, type Governance, type GovernanceOptions } from './governance.ts';
import { ledgerNotReady, ledgersHealth } from './health.ts';
import { httpServer, type Server } from './http/server.ts';
import type { Adoptions } from './ledger/adopt.ts';
import { lateRows } from './ledger/late.ts';
import type { Ledger, LedgerOptions, LedgerStart } from './ledger/ledger.ts';
import { replicaOf } from './ledger/spools.ts';
import { adopting, ledgerOptions, sayRecovered, type LedgerParts } from './ledgers.ts';
import { startLive, type Live } from './live.ts';
import { recordPrices, watchDrift } from './background.ts';
import type { PriceRecord } from './prices/record.ts';
import { startProjections, type Projections } from './projections.ts';
import { gauge } from './telemetry/gauges.ts';
import { logger } from './telemetry/log.ts';
import {
  mergedView,
  prometheusView,
  type Exposition,
  type PrometheusView,
} from './telemetry/prometheus-view.ts';
import { absent, type Snapshot } from './telemetry/snapshot.ts';
import { metricStore, type MetricStore } from './telemetry/store.ts';
import type { AllAnswers, EndTimes } from './workers/messages.ts';

export interface Gateway {
  readonly port: number;
  /** Ends calls, sends what is left of telemetry, ships rows. Once. */
  stop(times: EndTimes): Promise<void>;
  /** Of this process alone, for others that serve the same port. */
  health(): Health;
  snapshot(): Promise<Snapshot>;
  readonly live: Pick<Live, 'prepare' | 'commit' | 'refuse'>;
  readonly server: Pick<Server, 'connections' | 'shed'>;
  readonly adoptions: Pick<Adoptions, 'adopt' | 'release'>;
}

export type GatewayStart =
  | { readonly kind: 'started'; readonly gateway: Gateway }
  /** Nothing runs; what is wrong, a line each. */
  | { readonly kind: 'failed'; readonly problems: readonly string[] };

/** The place of this process among others that serve the same port, and what it may ask all of them, itself too. */
export interface Siblings {
  readonly worker: number;
  readonly workers: number;
  /** How often this one was started again. */
  readonly restarts: number;
  metrics(): Promise<AllAnswers['metrics']>;
  health(): Promise<AllAnswers['health']>;
}

/** What the gateway is put together with. */
export interface GatewayParts {
  readonly environment: Environment;
  /** The configuration, and what it was read from and is read from again. */
  readonly config: Config;
  readonly source: ConfigSource;
  readonly sources: Sources;
  /** Null: this process is alone. */
  readonly siblings: Siblings | null;
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
type Started = Pick<LedgerParts, 'live' | 'store' | 'log'> & { readonly governance: Governance };

/** What is wrong, where it does not start. */
const governed = async (options: GovernanceOptions): Promise<Governance | string> => {
  try {
    return await startGovernance(options);
  } catch (error) {
    return `the control store in ${options.dataDir} cannot be used: ${String(error)}`;
  }
};

/** `/metrics` of all workers. */
const mergedMetrics = async (
  siblings: Siblings,
  accept: string | undefined,
): Promise<Exposition> => {
  const heard = await siblings.metrics();
  const sources = heard.map(({ worker, restarts, answer }) => ({
    worker: String(worker),
    snapshot: answer ?? absent(restarts),
  }));
  return mergedView(sources, accept);
};

const startStore = (config: Config, siblings: Siblings | null): MetricStore => {
  const store = metricStore(config.limits.labelValues);
  store.set('workerUp', {}, 1);
  store.add('workerRestarts', {}, siblings?.restarts ?? 0);
  return store;
};

/** Starts everything that a configuration asks for. Resolves when calls are served. */
export const startGateway = async (parts: GatewayParts): Promise<GatewayStart> => {
  const { config, source, sources, siblings, lines } = parts;
  const log = logger(config.log.level, lines, siblings?.worker ?? null);
  const store = startStore(config, siblings);
  const workers = siblings?.workers ?? 1;
  const worker = siblings?.worker ?? 1;
  let control: Governance['control'] | null = null;
  const storedCaller = (secret: string): Caller | null => control?.caller(secret) ?? null;
  const live = await startLive({ config, source, sources, workers, storedCaller, store, log });
  const governance = await governed({
    dataDir: parts.environment.dataDir,
    worker,
    workers,
    live,
    store,
    log,
  });
  if (typeof governance === 'string') {
    await live.close();
    return { kind: 'failed', problems: [governance] };
  }
  ({ control } = governance);
  const base = { live, store, log, governance };
  const { admission } = governance;
  const own = ledgerOptions({ ...parts, ...base, admission }, worker);
  const started = await parts.startLedger(own);
  if (started.kind === 'failed') {
    await governance.close();
    await live.close();
    return { kind: 'failed', problems: [started.message] };
  }
  sayRecovered(log, started.ledger.recovered, null);
  const gateway = new RunningGateway(parts, base, started.ledger);
  const problem = await gateway.listen();
  return problem === null ? { kind: 'started', gateway } : { kind: 'failed', problems: [problem] };
};

class RunningGateway implements Gateway {
  port = 0;
  readonly live: Live;
  readonly server: Server;
  readonly adoptions: Adoptions;
  readonly #parts: GatewayParts;
  readonly #base: Started;
  readonly #ledger: Ledger;
  readonly #projections: Projections;
  readonly #prometheus: PrometheusView;
  readonly #priceRecord: PriceRecord;
  readonly #driftWatch: ReturnType<typeof watchDrift>;

  constructor(parts: GatewayParts, base: Started, ledger: Ledger) {
    [this.#parts, this.#base, this.#ledger, this.live] = [parts, base, ledger, base.live];
    this.adoptions = adopting({ ...parts, ...base, admission: base.governance.admission });
    this.#prometheus = prometheusView(base.store);
    this.#projections = this.#startProjections();
    this.server = this.#startServer();
    this.live.follow(this.server.adopt);
    this.#priceRecord = recordPrices(parts.environment, base);
    this.#driftWatch = watchDrift(parts.environment, base);
  }

  /** Null: calls are served; else why they are not, and nothing runs any more. */
  async listen(): Promise<string | null> {
    const { environment } = this.#parts;
    try {
      this.port = await this.server.listen(environment.host, environment.port);
      return null;
    } catch (error) {
      await this.stop({ drainMs: 0, shipMs: 0, deaf: false });
      return listening(environment, error);
    }
  }

  /** From the outside inwards. */
  async stop({ drainMs, shipMs, deaf }: EndTimes): Promise<void> {
    const { live, server } = this;
    if (deaf) server.stopListening();
    await live.freeze();
    await server.drain(Math.min(drainMs, live.runtime().config.limits.drainMs));
    await server.close();
    await this.#projections.stop();
    await Promise.all([this.#priceRecord.close(), this.#driftWatch.close()]);
    const stopped = await Promise.all([this.#ledger.stop(shipMs), this.adoptions.stop(shipMs)]);
    if (stopped.some(({ allShipped }) => !allShipped))
      this.#base.log.warn(
        { component: 'ledger' },
        'rows remain in the spool; they are shipped at the next start',
      );
    await this.#base.governance.close();
    await live.close();
  }

  health(): Health {
    const ledgers = [this.#ledger, ...this.adoptions.ledgers()];
    const oldestMs = Math.min(...ledgers.map((ledger) => ledger.oldestRowAtMs() ?? Infinity));
    return {
      reason: this.server.isDraining() ? 'draining' : ledgerNotReady(this.#ledger),
      waiting: lateRows(Number.isFinite(oldestMs) ? oldestMs : null, Date.now()),
      ledger: ledgersHealth(ledgers),
      configuration: {
        hash: this.live.runtime().config.hash,
        restartNeeded: this.live.restartNeeded(),
      },
    };
  }

  snapshot(): Promise<Snapshot> {
    this.#refresh();
    return this.#prometheus.snapshot();
  }

  #refresh(): void {
    this.live.gauge();
    this.#base.governance.admission.gauge();
    gauge(this.#base.store, this.#ledger, this.adoptions.ledgers());
  }

  async #ready(): Promise<Readiness> {
    const { siblings } = this.#parts;
    if (siblings === null) return readinessOf(this.health());
    const { heard, complete } = await siblings.health();
    return readinessOfAll(heard, complete);
  }

  async #metrics(accept: string | undefined): Promise<Exposition> {
    const { siblings } = this.#parts;
    if (siblings !== null) return mergedMetrics(siblings, accept);
    this.#refresh();
    return this.#prometheus.view(accept);
  }

  #startProjections(): Projections {
    const { environment, siblings, lines } = this.#parts;
    const { live, store, log } = this.#base;
    return startProjections({
      telemetry: live.runtime().config.telemetry,
      runtime: () => live.runtime(),
      refresh: () => this.#refresh(),
      replica: replicaOf(environment.replica, siblings?.worker ?? 1),
      worker: siblings?.worker ?? null,
      ledger: this.#ledger,
      store,
      log,
      lines,
    });
  }

  #startServer(): Server {
    const { live, store, log, governance } = this.#base;
    const { settle } = this.#projections;
    const { control, states } = governance;
    return httpServer({
      steps,
      controlPlane: { config: () => live.runtime().config, control, states, store },
      names: this.#parts.environment.names,
      services: {
        runtime: () => live.runtime(),
        spool: this.#ledger.spool,
        admission: governance.admission,
        store,
        log,
        settle,
      },
      metrics: (accept) => this.#metrics(accept),
      ready: () => this.#ready(),
    });
  }
}
