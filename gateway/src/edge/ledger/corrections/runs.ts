/** Runs of corrections in `tollgate.correction_runs`: what was planned, and is it written? */
import type { Client } from '@tollgate/clickhouse/edge/client.ts';
import { insertOnce } from '@tollgate/clickhouse/edge/insert-once.ts';
import { asked } from '../stored-rows.ts';

/** A run whose rows lie in `tollgate.correction_plans`. Names are those of the table. */
export interface Run {
  readonly run: string;
  /** Of which lines of `correction_plans` it is made. */
  readonly plan: string;
  readonly reason: string;
  readonly from_day: string;
  readonly to_day: string;
  readonly price_version: string;
  readonly rows: number;
  readonly batches: number;
  /** Dollars, as text; below 0 where calls become cheaper. */
  readonly cost_usd: string;
  readonly discount_usd: string;
  readonly before: string;
  readonly head: string;
  /** Epoch seconds with fractions, by the server's clock. */
  readonly planned_at: string;
}

const columns = [
  'run',
  'plan',
  'reason',
  'from_day',
  'to_day',
  'price_version',
  'rows',
  'batches',
  'cost_usd',
  'discount_usd',
  'before',
  'head',
  'planned_at',
] as const satisfies readonly (keyof Run)[];
const columnList = columns.join(', ');

/** Runs that are planned and not written whole, the first one first. */
export const unfinishedRuns = (client: Client): Promise<readonly Run[]> =>
  asked<Run>(
    client,
    `SELECT ${columnList} FROM tollgate.correction_runs FINAL WHERE state = 'planned' ORDER BY planned_at, plan`,
  );

/** What vouches for the rows of the last run; empty: there was none. */
export const lastHead = async (client: Client): Promise<string> => {
  const [last] = await asked<{ head: string }>(
    client,
    "SELECT head FROM tollgate.correction_runs FINAL WHERE state = 'done' ORDER BY planned_at DESC LIMIT 1",
  );
  return last?.head ?? '';
};

/** What the server's clock says, as `planned_at` has it. */
export const serverTime = async (client: Client): Promise<string> => {
  const [time] = await asked<{ at: string }>(client, 'SELECT now64(3) AS at');
  if (time === undefined) throw new Error('ClickHouse does not say what time it is');
  return time.at;
};

/** Writes down how far a run is. @throws Error with ClickHouse's words */
export const recordRun = async (
  client: Client,
  run: Run,
  state: 'planned' | 'done' | 'stale',
): Promise<void> => {
  const inserted = await insertOnce(client, {
    query: `INSERT INTO tollgate.correction_runs (${columnList}, state) FORMAT JSONCompactEachRow`,
    rows: [Buffer.from(JSON.stringify([...columns.map((column) => run[column]), state]))],
    token: `correction_runs/${run.run}/${run.plan}/${state}`,
    settings: { date_time_input_format: 'best_effort' },
  });
  if (inserted.kind !== 'done') throw new Error(inserted.message);
};
