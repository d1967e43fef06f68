/** The rows of a planned run go to the ledger: batch by batch, each as often as it takes, and once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { columnList } from '@tollgate/clickhouse/column-list.ts';
import type { Client } from '@tollgate/clickhouse/edge/client.ts';
import { insertOnce } from '@tollgate/clickhouse/edge/insert-once.ts';
import { allCorrectionColumns } from '../../../contract/ledger.ts';
import { asked } from '../stored-rows.ts';
import { lastHead, recordRun, serverTime, type Run } from './runs.ts';

export type Written =
  /** All rows are in the ledger. */
  | { readonly kind: 'done' }
  /** It was worked out from corrections that are not the last ones any more; nothing of it was written. */
  | { readonly kind: 'stale' };

const insertQuery = `INSERT INTO tollgate.calls (${columnList(allCorrectionColumns)}) FORMAT JSONCompactEachRow`;
const settings = {
  input_format_skip_unknown_fields: 0,
  date_time_input_format: 'best_effort',
  optimize_on_insert: 0,
} as const;

/** A server that restarts is back within these. */
const waitsMs = [500, 1000, 2000, 4000, 8000, 16_000];
/** So long a server certainly remembers a token: a window of it holds so many inserts, not so much time. */
const tokenSeconds = 3600;

const insertBatch = async (
  client: Client,
  { run, plan }: Run,
  batch: number,
  above: number,
): Promise<void> => {
  const lines = await asked<{ line: string; seq: number }>(
    client,
    'SELECT line, seq FROM tollgate.correction_plans WHERE plan = {plan:String} AND batch = {batch:UInt32} ORDER BY seq',
    { plan, batch },
  );
  if (lines.length === 0)
    throw new Error(`batch ${batch} of run ${run} is not in tollgate.correction_plans any more`);
  if ((lines.at(-1)?.seq ?? 0) <= above) return;
  const rows = lines.map(({ line }) => Buffer.from(line));
  for (const [tries, waitMs] of [...waitsMs, 0].entries()) {
    const inserted = await insertOnce(client, {
      query: insertQuery,
      rows,
      token: `${run}/${batch}`,
      settings,
    });
    if (inserted.kind === 'done') return;
    if (inserted.kind !== 'try_again' || tries === waitsMs.length)
      throw new Error(`${inserted.message} (batch ${batch} of run ${run})`);
    await sleep(waitMs);
  }
};

/** Of a run whose tokens may be forgotten: up to which row it is in the ledger. Batches go in whole, one after the other. */
const writtenTo = async (client: Client, run: string): Promise<number> => {
  const [last] = await asked<{ seq: number }>(
    client,
    "SELECT max(seq) AS seq FROM tollgate.calls WHERE entry = 'correction' AND correction_run = {run:String}",
    { run },
  );
  return last?.seq ?? 0;
};

/** All of it is there, and nothing else. @throws Error */
const check = async (client: Client, { run, rows, cost_usd }: Run): Promise<void> => {
  const [found] = await asked<{ rows: number; isSame: number }>(
    client,
    `SELECT count() AS rows, sum(cost_usd) = toDecimal128({cost:String}, 12) AS isSame FROM tollgate.calls FINAL
     WHERE entry = 'correction' AND correction_run = {run:String}`,
    { run, cost: cost_usd },
  );
  if (found?.rows !== rows || found.isSame !== 1)
    throw new Error(
      `the ledger has ${found?.rows ?? 0} rows of run ${run} where ${rows} belong, or not their sum`,
    );
};

/**
 * Writes what is not written yet. Whoever calls it, and however often: the rows are there once.
 * @throws Error with ClickHouse's words; the run is then gone on with the next time
 */
export const writeRun = async (
  client: Client,
  run: Run,
  onBatch: (batch: number) => void,
): Promise<Written> => {
  if ((await lastHead(client)) !== run.before) {
    await recordRun(client, run, 'stale');
    return { kind: 'stale' };
  }
  const ageSeconds = Number(await serverTime(client)) - Number(run.planned_at);
  const above = ageSeconds > tokenSeconds ? await writtenTo(client, run.run) : 0;
  for (let batch = 1; batch <= run.batches; batch += 1) {
    await insertBatch(client, run, batch, above);
    onBatch(batch);
  }
  await check(client, run);
  await recordRun(client, run, 'done');
  return { kind: 'done' };
};
