/**
 * Ships sealed segments to ClickHouse, oldest first, one at a time, each under its own deduplication token. A shipped
 * segment is kept for a while, so that rows which the server loses can be sent again (`kept.ts`). Whatever goes wrong,
 * the segment stays and is tried again; a damaged one is set aside when what it still says is shipped.
 */
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sink } from './clickhouse.ts';
import { parseEntry } from './entry.ts';
import { placer } from './placer.ts';
import type { Sealed } from './rotation.ts';
import { Shipping, type ShippingOptions } from './shipping.ts';
import { nothingShipped, type ShipTotals } from './totals.ts';

export interface Shipper {
  add(segment: Sealed): void;
  /** Sends those rows of a shipped segment again that the table does not have. Resolves when it has them. */
  again(segment: Sealed): Promise<void>;
  /** Sends rows (whole lines of the spool, with their newlines) that have no file; whether all of them are in the table now. */
  sendLines(lines: readonly Buffer[]): Promise<boolean>;
  /** Ships what is there until all is gone or the time is up. Returns whether all is gone. */
  drain(withinMs: number): Promise<boolean>;
  /** Gives up what is under way, which the next start sends again. */
  stop(): Promise<void>;
  readonly totals: ShipTotals;
  /** When the oldest row still here was written, epoch milliseconds; null: none is. */
  oldestRowAtMs(): number | null;
}

export interface ShipperOptions extends ShippingOptions {
  readonly sink: Sink;
  /** See `placer.ts`. */
  readonly maxLooks?: number;
  /** Rows went to the table that have no file; none of their calls began earlier than this, epoch milliseconds. */
  onSentDirectly(sinceMs: number): void;
}

const backoffMs = { first: 250, most: 5_000 } as const;

/** Starts shipping whatever `add` is given. */
export const startShipper = (options: ShipperOptions): Shipper => new RunningShipper(options);

/** A segment that waits for its turn. */
interface Waiting {
  readonly segment: Sealed;
  /** Told when a segment was sent again; null: it is shipped for the first time. */
  readonly sentAgain: (() => void) | null;
}

class RunningShipper implements Shipper {
  readonly totals = nothingShipped();
  readonly #options: ShipperOptions;
  readonly #shipping: Shipping;
  readonly #queue: Waiting[] = [];
  readonly #stopping = new AbortController();
  #running: Promise<void> | null = null;

  constructor(options: ShipperOptions) {
    const { totals } = this;
    this.#options = options;
    const place = placer({
      sink: options.sink,
      pause: (tries) => this.#pause(tries),
      signal: this.#stopping.signal,
      maxLooks: options.maxLooks,
      onResent: (rows) => (totals.resent += rows),
      onFailure: () => (totals.failures += 1),
      onError: options.onError,
    });
    this.#shipping = new Shipping(options, totals, place);
  }

  add(segment: Sealed): void {
    this.#enqueue({ segment, sentAgain: null });
  }

  again(segment: Sealed): Promise<void> {
    return new Promise((sentAgain) => {
      this.#enqueue({ segment, sentAgain });
    });
  }

  async sendLines(lines: readonly Buffer[]): Promise<boolean> {
    const { sink, spoolId } = this.#options;
    const { signal } = this.#stopping;
    const rows = lines.flatMap((line) => parseEntry(line.subarray(0, -1)) ?? []);
    const found = await sink.find(rows, signal);
    const there = found.kind === 'found' ? found.rowsOf : null;
    const missing = rows.filter(({ callId }) => there?.has(callId) === false);
    // The same rows come again until they are in: their first one names them.
    const token = `${spoolId}/held/${rows[0]?.callId ?? ''}`;
    const result =
      there === null || missing.length === 0
        ? null
        : await sink.insert(
            missing.map(({ json }) => json),
            token,
            signal,
          );
    const done = there !== null && (result === null || result.kind === 'done');
    if (done) {
      this.totals.shipped += rows.length;
      this.#options.onSentDirectly(
        rows.reduce((first, row) => Math.min(first, row.startOfCallMs()), Infinity),
      );
    } else this.totals.failures += 1;
    return done;
  }

  oldestRowAtMs(): number | null {
    const oldest = this.#queue.find(
      ({ segment, sentAgain }) => segment.closes > 0 && sentAgain === null,
    );
    return oldest?.segment.firstRowAtMs ?? null;
  }

  async drain(withinMs: number): Promise<boolean> {
    const over = new AbortController();
    const late = sleep(withinMs, 'late', { signal: over.signal }).catch(() => null);
    if (this.#queue.length > 0) this.#wake();
    await Promise.race([this.#running, late]);
    over.abort();
    return this.#queue.length === 0;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#options.sink.close();
  }

  #enqueue(waiting: Waiting): void {
    this.#queue.push(waiting);
    if (!this.#stopping.signal.aborted) this.#wake();
  }

  #wake(): void {
    this.#running ??= this.#shipAll().finally(() => {
      this.#running = null;
    });
  }

  /** Ships all there is. A file that cannot be read or set aside holds up those behind it, until it can. */
  async #shipAll(): Promise<void> {
    const queue = this.#queue;
    for (let failures = 0; queue[0] !== undefined;) {
      const { segment, sentAgain } = queue[0];
      try {
        const isDone =
          sentAgain === null
            ? await this.#shipping.ship(segment)
            : await this.#shipping.shipAgain(segment);
        if (!isDone) return;
        queue.shift();
        sentAgain?.();
        failures = 0;
      } catch (error) {
        this.totals.failures += 1;
        if (failures === 0)
          this.#options.onError(
            `cannot ship ${basename(segment.path)}, trying again: ${String(error)}`,
          );
        if (!(await this.#pause(failures))) return;
        failures += 1;
      }
    }
  }

  /** Waits before the next try; false: told to stop. */
  async #pause(tries: number): Promise<boolean> {
    const { signal } = this.#stopping;
    const pauseMs = Math.min(backoffMs.most, backoffMs.first * 2 ** Math.min(tries, 10));
    await sleep(pauseMs, null, { signal }).catch(() => null);
    return !signal.aborted;
  }
}
