/**
 * Kept traces to ClickHouse: one insert at a time, whole traces per insert, each insert under its own deduplication
 * token, repeated unchanged until it is answered. Bounded: when it is full the router takes no more spans.
 * A refused insert is sent again in halves, down to the span that ClickHouse objects to.
 */
import { clickhouseClient, type ClickhouseAddress } from '@tollgate/clickhouse/edge/client.ts';
import { insertOnce } from '@tollgate/clickhouse/edge/insert-once.ts';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RouterConfig } from '../../config/config.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { columnNames } from './row.ts';

/** A kept trace, or late spans of one: lines of JSONEachRow. */
export interface KeptRows {
  readonly rows: Buffer;
  readonly spans: number;
}

export interface Writer {
  add(kept: KeptRows): void;
  full(): boolean;
  state(): { queuedBytes: number; failures: number; lastError: string };
  close(untilMs: number): Promise<void>;
}

const columnList = columnNames.map((name) => `\`${name}\``).join(', ');
const query = `INSERT INTO otel_traces (${columnList}) FORMAT JSONEachRow`;

/** Rows that were refused together, to be tried apart: traces first, then the lines of one. Null: it is one line. */
const halvesOf = (batch: readonly KeptRows[]): readonly (readonly KeptRows[])[] | null => {
  const middle = batch.length >> 1;
  if (middle > 0) return [batch.slice(0, middle), batch.slice(middle)];
  const [{ rows, spans } = { rows: Buffer.of(), spans: 0 }] = batch;
  const half = spans >> 1;
  if (half === 0) return null;
  let end = 0;
  // JSON text has no newline of its own.
  for (let line = 0; line < half; line += 1) end = rows.indexOf(0x0a, end) + 1;
  return [
    [{ rows: rows.subarray(0, end), spans: half }],
    [{ rows: rows.subarray(end), spans: spans - half }],
  ];
};

/** A writer that starts its first insert once there is something to write. */
export const createWriter = (
  address: ClickhouseAddress,
  limits: RouterConfig['write'],
  metrics: Metrics,
  log: Log,
): Writer => {
  const { timeoutMs, database } = limits;
  const client = clickhouseClient({ ...address, timeoutMs, database });
  const incarnation = randomUUID();
  const queue: KeptRows[] = [];
  let queuedBytes = 0;
  let queuedSpans = 0;
  let serial = 0;
  let failures = 0;
  let lastError = '';
  let closing = false;
  let lastChanceMs = Infinity;
  let wake: () => void = () => {};

  const forget = (
    batch: readonly KeptRows[],
    outcome: 'written' | 'refused' | 'lost_at_shutdown',
  ) => {
    for (const { rows, spans } of batch) {
      queuedBytes -= rows.length;
      queuedSpans -= spans;
      metrics.add('spans', { outcome }, spans);
    }
  };

  /** Backoff, cut short only by the end of the router: new rows are no reason to ask sooner. */
  const pause = async (): Promise<void> => {
    const fullMs = Math.min(limits.backoffMaxMs, 100 * 2 ** Math.min(failures, 16));
    const { promise, resolve } = Promise.withResolvers<void>();
    wake = () => {
      if (closing) resolve();
    };
    await Promise.race([sleep(fullMs * (0.5 + Math.random() / 2)), promise]);
  };

  /** Said when waiting begins, and again when waiting alone does not help. */
  let said: 'nothing' | 'try_again' | 'cannot' = 'nothing';
  const failed = (kind: 'try_again' | 'cannot', error: string) => {
    failures += 1;
    metrics.add('writes', { outcome: 'retried' });
    if (said === 'nothing' || (kind === 'cannot' && said === 'try_again')) {
      const words =
        kind === 'cannot' ? 'cannot take traces as it is set up' : 'does not take traces';
      log('warn', `ClickHouse ${words}; trying again`, { error });
      said = kind;
    }
  };
  const wrote = () => {
    metrics.add('writes', { outcome: 'written' });
    if (failures > 0) log('info', 'ClickHouse takes traces again', { failures });
    [failures, lastError, said] = [0, '', 'nothing'];
  };

  /** Writes a batch, however long it takes. Returns what is left when the router stops and ClickHouse did not answer in time. */
  const write = async (batch: readonly KeptRows[]): Promise<readonly KeptRows[]> => {
    serial += 1;
    const token = `${incarnation}/${serial}`;
    const rows = batch.map((kept) => kept.rows);
    for (;;) {
      const result = await insertOnce(client, { query, rows, token });
      if (result.kind === 'done') {
        wrote();
        forget(batch, 'written');
        return [];
      }
      lastError = result.message;
      if (result.kind === 'rows_refused') {
        const halves = halvesOf(batch);
        if (halves === null) {
          metrics.add('writes', { outcome: 'refused' });
          log('error', 'ClickHouse refuses a span; it is dropped', { error: lastError });
          forget(batch, 'refused');
          return [];
        }
        metrics.add('writes', { outcome: 'split' });
        const left: KeptRows[] = [];
        for (const half of halves) left.push(...(await write(half)));
        return left;
      }
      failed(result.kind, lastError);
      if (Date.now() >= lastChanceMs) return batch;
      await pause();
    }
  };

  const take = (): KeptRows[] => {
    let [spans, bytes, count] = [0, 0, 0];
    for (const kept of queue) {
      if (
        count > 0 &&
        (spans + kept.spans > limits.batchRows || bytes + kept.rows.length > limits.batchBytes)
      )
        break;
      spans += kept.spans;
      bytes += kept.rows.length;
      count += 1;
    }
    return queue.splice(0, count);
  };
  // asked only while no insert runs: what is queued is then all that is counted
  const enough = (): boolean => queuedBytes >= limits.batchBytes || queuedSpans >= limits.batchRows;

  const idle = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    wake = resolve;
    await promise;
  };
  /** Waits for company until there is enough for an insert or the first has waited long enough. */
  const linger = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, limits.lingerMs);
    wake = () => {
      if (closing || enough()) resolve();
    };
    wake();
    await promise;
    clearTimeout(timer);
  };
  const run = async (): Promise<void> => {
    for (;;) {
      if (queue.length === 0) {
        if (closing) return;
        await idle();
        continue;
      }
      await linger();
      const batch = take();
      const left = await write(batch);
      if (left.length === 0) continue;
      const lost = [...left, ...queue.splice(0)];
      const spans = lost.reduce((sum, kept) => sum + kept.spans, 0);
      log('error', 'stopped while ClickHouse was down; kept spans are lost', {
        spans,
        error: lastError,
      });
      forget(lost, 'lost_at_shutdown');
      return;
    }
  };
  const running = run();

  return {
    add(kept) {
      queue.push(kept);
      queuedBytes += kept.rows.length;
      queuedSpans += kept.spans;
      wake();
    },
    full: () => queuedBytes >= limits.queueBytes,
    state: () => ({ queuedBytes, failures, lastError }),
    async close(untilMs) {
      closing = true;
      lastChanceMs = untilMs;
      wake();
      await running;
      await client.close();
    },
  };
};
