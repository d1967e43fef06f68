/** Drift between ledger and bills in `tollgate.reconciliation_drift`: measured by commands, shown by gateways. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  clickhouseClient,
  type Client,
  type ClickhouseAddress,
} from '@tollgate/clickhouse/edge/client.ts';
import { insertOnce } from '@tollgate/clickhouse/edge/insert-once.ts';
import { driftOf, type Drift } from '../../decide/drift.ts';
import { isoDay } from '../../model/day.ts';
import { compareBills } from './compare.ts';

/** Bills of so many days are looked at: a month, and the days that it takes until they are final. */
const driftDays = 35;
const dayMs = 86_400_000;

const columns = [
  'provider',
  'cause',
  'ratio',
  'variance_usd',
  'billed_usd',
  'from_day',
  'to_day',
] as const;

/** Measures drift over the last weeks, and writes it down. @throws Error with ClickHouse's words */
export const measureDrift = async (client: Client, nowMs: number): Promise<readonly Drift[]> => {
  const days = { from: isoDay(nowMs - driftDays * dayMs), to: isoDay(nowMs) };
  const drift = driftOf((await compareBills(client, days)).lines);
  if (drift.length === 0) return drift;
  const inserted = await insertOnce(client, {
    query: `INSERT INTO tollgate.reconciliation_drift (${columns.join(', ')}) FORMAT JSONCompactEachRow`,
    rows: drift.map(({ provider, cause, ratio, varianceUsd, billedUsd }) =>
      Buffer.from(
        JSON.stringify([provider, cause, ratio, varianceUsd, billedUsd, days.from, days.to]),
      ),
    ),
    token: `reconciliation_drift/${randomUUID()}`,
  });
  if (inserted.kind !== 'done') throw new Error(inserted.message);
  return drift;
};

export interface DriftWatchOptions {
  readonly clickhouse: ClickhouseAddress;
  readonly everyMs: number;
  /** What was measured last, whenever it was asked for. */
  onDrift(drift: readonly Pick<Drift, 'provider' | 'cause' | 'ratio'>[]): void;
  /** Told once for each new reason. */
  onError(message: string): void;
}

const answerTimeoutMs = 10_000;
/** Providers times causes; more than a registry of metrics should hold. */
const mostSeries = 500;

/** Asks now and then what was measured. While ClickHouse is away the last answer stands. */
export const startDriftWatch = (options: DriftWatchOptions): { close(): Promise<void> } => {
  const client = clickhouseClient({ ...options.clickhouse, timeoutMs: answerTimeoutMs });
  const closing = new AbortController();
  const { signal } = closing;
  let lastError = '';
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        const answer = await client.query({
          query: `SELECT provider, cause, ratio FROM tollgate.reconciliation_drift FINAL ORDER BY provider, cause LIMIT ${mostSeries}`,
          format: 'JSONEachRow',
          abort_signal: signal,
        });
        options.onDrift(await answer.json<Pick<Drift, 'provider' | 'cause' | 'ratio'>>());
        lastError = '';
      } catch (error) {
        const message = error instanceof Error ? error.message.slice(0, 500) : String(error);
        if (!signal.aborted && message !== lastError) options.onError(message);
        lastError = message;
      }
      await sleep(options.everyMs, undefined, { signal, ref: false }).catch(() => {});
    }
  };
  const running = run();
  return {
    async close() {
      closing.abort();
      await running;
      await client.close();
    },
  };
};
