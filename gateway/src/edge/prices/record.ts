/**
 * Keeps in ClickHouse what calls were priced by: the lines of every price table that came into force, in the background and
 * tried until they are there. No call waits for it.
 */
import { createHash } from 'node:crypto';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { clickhouseClient, type ClickhouseAddress } from '@tollgate/clickhouse/edge/client.ts';
import { insertOnce } from '@tollgate/clickhouse/edge/insert-once.ts';
import { entryLines, lineColumns, type PriceLine, type PriceParts } from '../../prices/lines.ts';

export interface PriceRecord {
  /** These prices came into force. */
  adopt(parts: PriceParts): void;
  /** Gives up what is not there yet; whichever gateway has these prices next brings it. */
  close(): Promise<void>;
}

export interface PriceRecordOptions {
  readonly clickhouse: ClickhouseAddress;
  onResult(result: 'written' | 'present' | 'failed'): void;
  /** Told once for each new reason. */
  onError(message: string): void;
  /** First wait after a failure; it doubles, up to a minute. */
  readonly retryMs?: number;
}

/** Price tables that wait to be written. Further ones push out the oldest, which counts as failed. */
const mostWaiting = 8;
const longestRetryMs = 60_000;
const answerTimeoutMs = 60_000;

const table = 'tollgate.price_catalog';
const question = `SELECT DISTINCT provider, price_id FROM ${table} WHERE price_version = {version:String}`;
const insertQuery = `INSERT INTO ${table} (${lineColumns.join(', ')}) FORMAT JSONCompactEachRow`;

const keyOf = (provider: unknown, priceId: unknown): string => JSON.stringify([provider, priceId]);
const rowOf = (line: PriceLine): string => JSON.stringify(lineColumns.map((name) => line[name]));

/** The lines of prices that the table does not have, as rows. Between two entries other work has its turn. */
const missingRows = async (
  parts: PriceParts,
  known: ReadonlySet<string>,
): Promise<readonly Buffer[]> => {
  const rows: Buffer[] = [];
  for (const provider of new Set([...parts.lists.keys(), ...parts.own.map((one) => one.provider)]))
    for (const lines of entryLines(parts, provider)) {
      const missing = lines.filter((line) => !known.has(keyOf(line.provider, line.price_id)));
      if (missing.length > 0) rows.push(Buffer.from(missing.map(rowOf).join('\n')));
      await turn();
    }
  return rows;
};

/** Connects when there is something to bring. */
export const startPriceRecord = (options: PriceRecordOptions): PriceRecord => {
  const { retryMs = 1000 } = options;
  const client = clickhouseClient({ ...options.clickhouse, timeoutMs: answerTimeoutMs });
  const closing = new AbortController();
  const { signal } = closing;
  const waiting: PriceParts[] = [];
  let running: Promise<void> | null = null;
  let lastError = '';

  const bring = async (parts: PriceParts): Promise<'written' | 'present'> => {
    const answer = await client.query({
      query: question,
      query_params: { version: parts.version },
      format: 'JSONCompactEachRow',
      abort_signal: signal,
    });
    const pairs = await answer.json<readonly unknown[]>();
    const known = new Set(pairs.map(([provider, priceId]) => keyOf(provider, priceId)));
    const rows = await missingRows(parts, known);
    if (rows.length === 0) return 'present';
    const hash = createHash('sha256');
    for (const row of rows) hash.update(row);
    const token = `${table}/${parts.version}/${hash.digest('hex')}`;
    const inserted = await insertOnce(client, { query: insertQuery, rows, token, signal });
    if (inserted.kind !== 'done') throw new Error(inserted.message);
    return 'written';
  };

  const run = async (): Promise<void> => {
    let waitMs = retryMs;
    for (let parts = waiting[0]; parts !== undefined && !signal.aborted; [parts] = waiting) {
      try {
        options.onResult(await bring(parts));
        if (waiting[0] === parts) waiting.shift();
        [waitMs, lastError] = [retryMs, ''];
      } catch (error) {
        if (signal.aborted) return;
        options.onResult('failed');
        const message = error instanceof Error ? error.message.slice(0, 500) : String(error);
        if (message !== lastError) options.onError(message);
        lastError = message;
        await sleep(waitMs, undefined, { signal, ref: false }).catch(() => {});
        waitMs = Math.min(waitMs * 2, longestRetryMs);
      }
    }
  };

  return {
    adopt(parts) {
      if (signal.aborted) return;
      if (waiting.length >= mostWaiting) {
        waiting.shift();
        options.onResult('failed');
      }
      waiting.push(parts);
      running ??= run().finally(() => (running = null));
    },
    async close() {
      closing.abort();
      await running;
      await client.close();
    },
  };
};
