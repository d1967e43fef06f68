/**
 * Kept traces to ClickHouse: one insert at a time, whole traces per insert, each insert under its own deduplication
 * token, repeated unchanged until it is answered. Bounded: when it is full the router takes no more spans.
 * A refused insert is sent again in halves, down to the trace that ClickHouse objects to.
 */
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClickHouseError, createClient } from '@clickhouse/client';
import type { RouterConfig } from '../../config/config.ts';
import { textOf } from '../members/member.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

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

/**
 * Codes that are about the rows: cannot parse (6, 26, 27, 38, 41, 72, 117), does not fit (53, 69, 70, 131, 349, 407),
 * constraint (469), partitions of one block (252). Every other error is about the server, which may recover.
 * https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
 */
const aboutTheRows = new Set(
  [6, 26, 27, 38, 41, 53, 69, 70, 72, 117, 131, 252, 349, 407, 469].map(String),
);
const objects = (error: unknown): boolean =>
  error instanceof ClickHouseError &&
  aboutTheRows.has(error.code) &&
  // 252 also says that background merges are behind, which passes
  (error.code !== '252' || error.message.includes('partitions'));

/** Where `otel_traces` lives. */
export interface ClickhouseAddress {
  readonly url: string;
  readonly user: string;
  readonly password: string;
}

/** A writer that starts its first insert once there is something to write. */
export const createWriter = (
  address: ClickhouseAddress,
  limits: RouterConfig['write'],
  metrics: Metrics,
  log: Log,
): Writer => {
  const client = createClient({
    url: address.url,
    username: address.user,
    password: address.password,
    database: limits.database,
    request_timeout: limits.timeoutMs,
    max_open_connections: 2,
  });
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

  const insert = async (batch: readonly KeptRows[], token: string): Promise<void> => {
    // Not `client.insert`: it would encode again what is JSON already. A fresh stream for each try.
    const { stream } = await client.exec({
      query: 'INSERT INTO otel_traces FORMAT JSONEachRow',
      values: Readable.from([Buffer.concat(batch.map(({ rows }) => rows))], { objectMode: false }),
      clickhouse_settings: {
        insert_deduplicate: 1,
        insert_deduplication_token: token,
        deduplicate_blocks_in_dependent_materialized_views: 1,
        async_insert: 0,
        // one insert must be one block: a token covers a block
        input_format_parallel_parsing: 0,
        max_insert_block_size: '1048449',
      },
    });
    // an unread answer would hold the connection
    await finished(stream.resume());
  };

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

  /** Writes a batch, however long it takes. Returns what is left when the router stops and ClickHouse did not answer in time. */
  const write = async (batch: readonly KeptRows[]): Promise<readonly KeptRows[]> => {
    serial += 1;
    const token = `${incarnation}/${serial}`;
    for (;;) {
      try {
        await insert(batch, token);
        metrics.add('writes', { outcome: 'written' });
        if (failures > 0) log('info', 'ClickHouse takes traces again', { failures });
        failures = 0;
        lastError = '';
        forget(batch, 'written');
        return [];
      } catch (error) {
        lastError = textOf(error);
        if (objects(error)) {
          if (batch.length === 1) {
            metrics.add('writes', { outcome: 'refused' });
            log('error', 'ClickHouse refuses a trace; it is dropped', { error: lastError });
            forget(batch, 'refused');
            return [];
          }
          metrics.add('writes', { outcome: 'split' });
          const half = batch.length >> 1;
          return [...(await write(batch.slice(0, half))), ...(await write(batch.slice(half)))];
        }
        failures += 1;
        metrics.add('writes', { outcome: 'retried' });
        if (failures === 1)
          log('warn', 'ClickHouse does not take traces; trying again', { error: lastError });
        if (Date.now() >= lastChanceMs) return batch;
        await pause();
      }
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
