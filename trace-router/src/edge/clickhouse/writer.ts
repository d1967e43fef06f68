/**
 * Kept traces to ClickHouse: one insert at a time, whole traces per insert, each insert under its own deduplication
 * token, repeated unchanged until it is answered. Bounded: when it is full the router takes no more spans.
 * A refused insert is sent again in halves, down to the span that ClickHouse objects to.
 */
import { columnList } from '@tollgate/clickhouse/column-list.ts';
import {
  clickhouseClient,
  type Client,
  type ClickhouseAddress,
} from '@tollgate/clickhouse/edge/client.ts';
import { insertOnce } from '@tollgate/clickhouse/edge/insert-once.ts';
import { randomUUID } from 'node:crypto';
import type { RouterConfig } from '../../config/config.ts';
import { halvesOf } from '../../decide/halves.ts';
import type { KeptRows } from '../../model/kept-rows.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { KeptQueue } from './kept-queue.ts';
import { columnNames } from './row.ts';

export interface Writer {
  add(kept: KeptRows): void;
  full(): boolean;
  state(): { queuedBytes: number; failures: number; lastError: string };
  close(untilMs: number): Promise<void>;
}

const query = `INSERT INTO otel_traces (${columnList(columnNames)}) FORMAT JSONEachRow`;

/** A writer that starts its first insert once there is something to write. */
export const startWriter = (
  address: ClickhouseAddress,
  limits: RouterConfig['write'],
  metrics: Metrics,
  log: Log,
): Writer => new RunningWriter(address, limits, metrics, log);

class RunningWriter implements Writer {
  readonly #limits: RouterConfig['write'];
  readonly #metrics: Metrics;
  readonly #log: Log;
  readonly #client: Client;
  readonly #incarnation = randomUUID();
  readonly #queue: KeptQueue;
  readonly #running: Promise<void>;
  #serial = 0;
  #failures = 0;
  #lastError = '';
  /** Said when waiting begins, and again when waiting alone does not help. */
  #said: 'nothing' | 'try_again' | 'cannot' = 'nothing';
  #closing = false;
  #lastChanceMs = Infinity;
  /** What is waited for, and what tells that it has come. */
  #waitsFor: () => boolean = () => true;
  #wakeUp: () => void = () => {};

  constructor(
    address: ClickhouseAddress,
    limits: RouterConfig['write'],
    metrics: Metrics,
    log: Log,
  ) {
    const { timeoutMs, database } = limits;
    this.#limits = limits;
    this.#metrics = metrics;
    this.#log = log;
    this.#client = clickhouseClient({ ...address, timeoutMs, database });
    this.#queue = new KeptQueue(limits);
    this.#running = this.#run();
  }

  add(kept: KeptRows): void {
    this.#queue.add(kept);
    this.#wake();
  }

  full(): boolean {
    return this.#queue.full;
  }

  state() {
    const [failures, lastError] = [this.#failures, this.#lastError];
    return { queuedBytes: this.#queue.bytes, failures, lastError };
  }

  async close(untilMs: number): Promise<void> {
    this.#closing = true;
    this.#lastChanceMs = untilMs;
    this.#wake();
    await this.#running;
    await this.#client.close();
  }

  async #run(): Promise<void> {
    for (;;) {
      if (this.#queue.empty) {
        if (this.#closing) return;
        await this.#until(() => true);
        continue;
      }
      // for company, until there is enough for an insert or the first has waited long enough
      if (!this.#closing && !this.#queue.enough) {
        await this.#until(() => this.#closing || this.#queue.enough, this.#limits.lingerMs);
      }
      const left = await this.#write(this.#queue.take());
      if (left.length === 0) continue;
      this.#lose([...left, ...this.#queue.takeAll()]);
      return;
    }
  }

  /** Writes a batch, however long it takes. Returns what is left when the router stops and ClickHouse did not answer in time. */
  async #write(batch: readonly KeptRows[]): Promise<readonly KeptRows[]> {
    this.#serial += 1;
    const token = `${this.#incarnation}/${this.#serial}`;
    const rows = batch.map((kept) => kept.rows);
    for (;;) {
      const result = await insertOnce(this.#client, { query, rows, token });
      if (result.kind === 'done') {
        this.#wrote(batch);
        return [];
      }
      this.#lastError = result.message;
      if (result.kind === 'rows_refused') return this.#writeApart(batch);
      this.#failed(result.kind);
      if (Date.now() >= this.#lastChanceMs) return batch;
      await this.#pause();
    }
  }

  /** Writes what was refused in halves, and drops a span that is refused alone. Returns what is left, as `#write` does. */
  async #writeApart(batch: readonly KeptRows[]): Promise<readonly KeptRows[]> {
    const halves = halvesOf(batch);
    if (halves === null) {
      this.#metrics.add('writes', { outcome: 'refused' });
      const error = this.#lastError;
      this.#log('error', 'ClickHouse refuses a span; it is dropped', { error });
      this.#letGo(batch, 'refused');
      return [];
    }
    this.#metrics.add('writes', { outcome: 'split' });
    const [first, second] = halves;
    return [...(await this.#write(first)), ...(await this.#write(second))];
  }

  #wrote(batch: readonly KeptRows[]): void {
    this.#metrics.add('writes', { outcome: 'written' });
    const failures = this.#failures;
    if (failures > 0) this.#log('info', 'ClickHouse takes traces again', { failures });
    [this.#failures, this.#lastError, this.#said] = [0, '', 'nothing'];
    this.#letGo(batch, 'written');
  }

  #failed(kind: 'try_again' | 'cannot'): void {
    this.#failures += 1;
    this.#metrics.add('writes', { outcome: 'retried' });
    if (this.#said === 'nothing' || (kind === 'cannot' && this.#said === 'try_again')) {
      const words =
        kind === 'cannot' ? 'cannot take traces as it is set up' : 'does not take traces';
      this.#log('warn', `ClickHouse ${words}; trying again`, { error: this.#lastError });
      this.#said = kind;
    }
  }

  #lose(lost: readonly KeptRows[]): void {
    const spans = lost.reduce((sum, kept) => sum + kept.spans, 0);
    const error = this.#lastError;
    this.#log('error', 'stopped while ClickHouse was down; kept spans are lost', { spans, error });
    this.#letGo(lost, 'lost_at_shutdown');
  }

  #letGo(batch: readonly KeptRows[], outcome: 'written' | 'refused' | 'lost_at_shutdown'): void {
    this.#queue.letGo(batch);
    for (const { spans } of batch) this.#metrics.add('spans', { outcome }, spans);
  }

  /** Backoff, cut short only by the end of the router: new rows are no reason to ask sooner. */
  #pause(): Promise<void> {
    const fullMs = Math.min(this.#limits.backoffMaxMs, 100 * 2 ** Math.min(this.#failures, 16));
    return this.#until(() => this.#closing, fullMs * (0.5 + Math.random() / 2));
  }

  /** Waits until something happens after which `come` is true, or the time is over. */
  async #until(come: () => boolean, atMostMs?: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waitsFor = come;
    this.#wakeUp = resolve;
    const timer = atMostMs === undefined ? undefined : setTimeout(resolve, atMostMs);
    await promise;
    clearTimeout(timer);
  }

  /** Something has happened. */
  #wake(): void {
    if (this.#waitsFor()) this.#wakeUp();
  }
}
