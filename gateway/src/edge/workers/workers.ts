/**
 * Several workers behind one port: this process, their parent, starts them, starts one again that has ended, and is where they hear of each
 * other. It serves no calls and holds no spool, so there is little that could end it; when it does end, its workers do too.
 *
 * The port is one socket that all of them accept from (`SCHED_NONE`). Who dies takes with it the connections that it had
 * accepted and no others: those that wait stay in the kernel's queue, which is everybody's.
 */
import cluster from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DestinationStream, Logger } from 'pino';
import type { Sources } from '@tollgate/settings/edge/read.ts';
import type { Config } from '../../config/config.ts';
import { surplus } from '../../decide/surplus.ts';
import type { Environment } from '../config/environment.ts';
import type { ConfigSource } from '../config/read.ts';
import { otherSpools } from '../ledger/spools.ts';
import { logger } from '../telemetry/log.ts';
import { workerFlags } from './flags.ts';
import type { AllAnswers, AskOfAll, EndTimes } from './messages.ts';
import { Reload } from './reload.ts';
import { Slot } from './slot.ts';
import { Orphans } from './spools.ts';

export interface WorkersOptions {
  readonly environment: Environment;
  readonly config: Config;
  readonly source: ConfigSource;
  readonly sources: Sources;
  readonly workers: number;
  /** The program that a worker is: this one. */
  readonly entry: string;
  readonly lines: DestinationStream;
  /** Told what is no log line, such as what a start waits for. */
  say(line: string): void;
}

export interface Workers {
  readonly port: number;
  stop(times: EndTimes): Promise<void>;
  /** Ends all of them at once. */
  kill(): void;
}

export type WorkersStart =
  | { readonly kind: 'started'; readonly workers: Workers }
  | { readonly kind: 'failed'; readonly problems: readonly string[] };

/** Before a worker is started again; doubles with each end in a row. */
const backoffMs = { first: 500, most: 10_000 } as const;
/** Past `workers.crashes` it is tried this often, while another one sees to its spool. */
const givenUpMs = 60_000;
/** One that lived so long has recovered: its next end counts as the first. */
const steadyMs = 60_000;
/** Longer than a start waits for a spool's lock. */
const startSlackMs = 120_000;
/** How often workers are asked whether they live; one that is silent so many times in a row is ended. */
const pulseMs = 5_000;
const mostSilences = 12;
const answerMs = { health: 2_000, metrics: 5_000 } as const;
/** For what a stop does besides waiting for calls and rows. */
const stopSlackMs = 15_000;

/** Starts all workers. Resolves when each of them serves calls, or when one cannot and all are gone. */
export const startWorkers = async (options: WorkersOptions): Promise<WorkersStart> => {
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({
    exec: options.entry,
    args: [],
    execArgv: [...workerFlags(process.execArgv, options.workers)],
    serialization: 'advanced',
    // Log lines go out by themselves, a block of whole ones at a time.
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  const all = new AllWorkers(options);
  const problems = await all.start();
  return problems.length > 0 ? { kind: 'failed', problems } : { kind: 'started', workers: all };
};

class AllWorkers implements Workers {
  port = 0;
  readonly #options: WorkersOptions;
  readonly #log: Logger;
  readonly #slots: readonly Slot[];
  readonly #orphans: Orphans;
  readonly #stopping = new AbortController();
  /** Questions to all that are under way, so that many who ask at once cost as much as one. */
  readonly #rounds = new Map<AskOfAll, Promise<unknown>>();
  readonly #silences = new Map<Slot, number>();
  #reload: Reload | null = null;
  #pulse: NodeJS.Timeout | null = null;
  /** Each of them has been ready. */
  #complete = false;

  constructor(options: WorkersOptions) {
    const { environment, config, workers, lines } = options;
    this.#options = options;
    this.#log = logger(config.log.level, lines);
    this.#slots = Array.from({ length: workers }, (_, i) => this.#slot(i + 1));
    this.#orphans = new Orphans(this.#slots, otherSpools(environment.dataDir, workers));
  }

  /** What is wrong; nothing when all of them serve. */
  async start(): Promise<readonly string[]> {
    const { source, sources } = this.#options;
    let isOver = false;
    const problems: string[] = [];
    const started = await Promise.all(
      this.#slots.map(async (slot) => {
        const result = await slot.start();
        if (result.kind === 'ready') return result;
        // One that was ended for another's sake has nothing to say.
        if (result.isSaid || !isOver) problems.push(...result.problems);
        isOver = true;
        this.kill();
        return result;
      }),
    );
    if (problems.length > 0) {
      await Promise.all(this.#slots.map((slot) => slot.ended()));
      return [...new Set(problems)];
    }
    this.#complete = true;
    this.#reload = new Reload(this.#slots, { source, sources, log: this.#log });
    for (const result of started) {
      if (result.kind === 'failed') continue;
      this.port = result.port;
      this.#reload.started(result.fingerprint);
    }
    this.#orphans.assign();
    for (const slot of this.#slots) void this.#keep(slot);
    this.#pulse = setInterval(() => void this.#takePulse(), pulseMs);
    return [];
  }

  async stop(times: EndTimes): Promise<void> {
    this.#stopping.abort();
    if (this.#pulse !== null) clearInterval(this.#pulse);
    const { drainMs } = this.#options.config.limits;
    const lateMs = Math.min(times.drainMs, drainMs) + times.shipMs + stopSlackMs;
    const late = setTimeout(() => this.kill(), lateMs);
    for (const slot of this.#slots) slot.stop(times);
    await Promise.all(this.#slots.map((slot) => slot.ended()));
    clearTimeout(late);
    await this.#reload?.close();
  }

  kill(): void {
    for (const slot of this.#slots) slot.kill();
  }

  #slot(worker: number): Slot {
    const { environment, workers, say } = this.#options;
    return new Slot({
      worker,
      workers,
      variables: environment.variables,
      say: (line) => say(`worker ${worker}: ${line}`),
      askAll: (what) => this.#askAll(what),
      startMs: environment.takeOverMs + startSlackMs,
    });
  }

  #askAll(what: AskOfAll): Promise<unknown> {
    const running = this.#rounds.get(what);
    if (running !== undefined) return running;
    const round = (what === 'metrics' ? this.#metrics() : this.#health()).finally(() =>
      this.#rounds.delete(what),
    );
    this.#rounds.set(what, round);
    return round;
  }

  #metrics(): Promise<AllAnswers['metrics']> {
    return Promise.all(
      this.#slots.map(async (slot) => {
        const answer = await slot.ask('metrics', null, answerMs.metrics);
        return { ...slot.state(), answer };
      }),
    );
  }

  async #health(): Promise<AllAnswers['health']> {
    const heard = await Promise.all(
      this.#slots.map(async (slot) => {
        const answer = await slot.ask('health', null, answerMs.health);
        return { ...slot.state(), answer };
      }),
    );
    return { heard, complete: this.#complete };
  }

  /** Starts a worker again whenever it ends, until we stop. */
  async #keep(slot: Slot): Promise<void> {
    const { signal } = this.#stopping;
    const { crashes: mostCrashes } = this.#options.config.workers;
    let readyAtMs = performance.now();
    for (let crashes = 0; ;) {
      const how = await slot.ended();
      if (signal.aborted) return;
      crashes = performance.now() - readyAtMs > steadyMs ? 1 : crashes + 1;
      const isGivenUp = crashes >= mostCrashes;
      const waitMs = isGivenUp
        ? givenUpMs
        : Math.min(backoffMs.most, backoffMs.first * 2 ** Math.min(crashes - 1, 20));
      this.#log.error(
        { component: 'workers', worker: slot.worker, crashes, again_in_ms: waitMs },
        `worker ${slot.worker} ended (${how})${isGivenUp ? '; another one sees to its spool' : ''}`,
      );
      if (isGivenUp) this.#orphans.add(slot.worker);
      this.#orphans.assign();
      await sleep(waitMs, null, { signal }).catch(() => null);
      if (signal.aborted) return;
      await this.#orphans.remove(slot.worker);
      if (signal.aborted) return;
      const started = await slot.start();
      readyAtMs = performance.now();
      if (started.kind === 'failed') {
        for (const problem of started.problems)
          this.#log.error(
            { component: 'workers', worker: slot.worker },
            `worker ${slot.worker} does not start: ${problem}`,
          );
        continue;
      }
      this.#log.warn({ component: 'workers', worker: slot.worker }, 'a worker was started again');
      this.#reload?.started(started.fingerprint);
      this.#orphans.assign();
    }
  }

  /** Ends workers that are alive and do nothing, and evens out connections among the others. */
  async #takePulse(): Promise<void> {
    const heard = await Promise.all(
      this.#slots
        .filter((slot) => slot.isReady())
        .map(async (slot) => ({ slot, connections: await slot.ask('pulse', null, pulseMs) })),
    );
    for (const { slot, connections } of heard) {
      const silences = connections === null ? (this.#silences.get(slot) ?? 0) + 1 : 0;
      this.#silences.set(slot, silences);
      if (silences < mostSilences || !slot.isReady()) continue;
      this.#log.error(
        { component: 'workers', worker: slot.worker },
        'a worker that has given no sign of life for a minute is ended',
      );
      slot.kill();
    }
    const counts = heard.flatMap(({ connections }) => connections ?? []);
    for (const { slot, connections } of heard)
      if (connections !== null) void slot.ask('shed', surplus(connections, counts), pulseMs);
  }
}
