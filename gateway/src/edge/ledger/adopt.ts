/**
 * Spools that no worker writes to any more, of workers that cannot be started or are not wanted any more, are seen to by a process
 * that lives: a ledger without calls of its own accounts for what was left open there, ships, and goes on comparing. The
 * lock of the directory decides who that is; who does not get it tries again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ledger, LedgerStart } from './ledger.ts';

export interface Adoptions {
  /** Sees to the spool of this worker from now on. Twice is once. */
  adopt(worker: number): void;
  /** Lets it go to who has more right to it; resolves when its lock is free. */
  release(worker: number): Promise<void>;
  ledgers(): readonly Ledger[];
  /** Ships within the time given and lets all of them go. */
  stop(withinMs: number): Promise<{ readonly allShipped: boolean }>;
}

export interface AdoptionsOptions {
  /** Starts a ledger on the spool of a worker, without waiting for its lock. */
  start(worker: number): Promise<LedgerStart>;
  onAdopted(worker: number, ledger: Ledger): void;
  /** Told once, until it is adopted after all. */
  onFailure(worker: number, message: string): void;
  readonly retryMs?: number;
}

/** So that a worker which is to be started waits hardly longer than for the lock. */
const releaseMs = 1_000;

class Adoption {
  ledger: Ledger | null = null;
  readonly #options: AdoptionsOptions;
  readonly #over = new AbortController();
  readonly #running: Promise<void>;

  constructor(worker: number, options: AdoptionsOptions) {
    this.#options = options;
    this.#running = this.#try(worker);
  }

  async stop(withinMs: number): Promise<boolean> {
    this.#over.abort();
    await this.#running;
    const stopped = await this.ledger?.stop(withinMs);
    this.ledger = null;
    return stopped?.allShipped ?? true;
  }

  async #try(worker: number): Promise<void> {
    const { start, onAdopted, onFailure, retryMs = 10_000 } = this.#options;
    const { signal } = this.#over;
    for (let tries = 0; !signal.aborted; tries += 1) {
      const started = await start(worker);
      if (started.kind === 'started') {
        this.ledger = started.ledger;
        onAdopted(worker, started.ledger);
        return;
      }
      if (tries === 0) onFailure(worker, started.message);
      await sleep(retryMs, null, { signal, ref: false }).catch(() => null);
    }
  }
}

/** None yet. */
export const startAdoptions = (options: AdoptionsOptions): Adoptions => {
  const adoptions = new Map<number, Adoption>();
  return {
    adopt(worker) {
      if (!adoptions.has(worker)) adoptions.set(worker, new Adoption(worker, options));
    },
    async release(worker) {
      const adoption = adoptions.get(worker);
      adoptions.delete(worker);
      await adoption?.stop(releaseMs);
    },
    ledgers: () => [...adoptions.values()].flatMap(({ ledger }) => ledger ?? []),
    async stop(withinMs) {
      const all = [...adoptions.values()];
      adoptions.clear();
      const shipped = await Promise.all(all.map((adoption) => adoption.stop(withinMs)));
      return { allShipped: !shipped.includes(false) };
    },
  };
};
