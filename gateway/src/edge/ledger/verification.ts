/** The ledger in ClickHouse, read whole and held against itself. */
import type { Client } from '@tollgate/clickhouse/edge/client.ts';
import { lastingColumns } from '../../contract/ledger.ts';
import { readLink, type Link } from '../../decide/chain.ts';
import { LifeVerifier, type Finding } from '../../decide/verify.ts';
import { wrongRollups, type WrongRollup } from './rollups.ts';
import { asked, during, lastingOf, lastingSelection, streamed, windows } from './stored-rows.ts';

const maxUInt32 = 2 ** 32 - 1;
/** Rows from before this many months may have been thrown away with their partition (25 months, less one that is under way). */
const keptMonths = 24;

/** A row whose sums are not those of its parts. */
export interface WrongSum {
  readonly kind: 'wrong_sum';
  readonly callId: string;
}
/** The row of a call that says of itself what only a correction may: another month to book it in, or a run of corrections. */
export interface Misbooked {
  readonly kind: 'misbooked';
  readonly callId: string;
}
/** A part of the table without one of its projections. */
export interface MissingProjection {
  readonly kind: 'projection';
  readonly projection: string;
  readonly part: string;
}

/** A month that was closed and does not come to what was signed any more: rows came late, or went. */
export interface ChangedMonth {
  readonly kind: 'closed_month';
  /** `2026-10`. */
  readonly month: string;
  readonly closedRows: number;
  readonly closedUsd: string;
  readonly rows: number;
  readonly costUsd: string;
}

export type LedgerFinding =
  | Finding
  | WrongSum
  | Misbooked
  | MissingProjection
  | ChangedMonth
  | WrongRollup;

export interface Verification {
  readonly findings: readonly LedgerFinding[];
  readonly lives: number;
  readonly rows: number;
  readonly unlinked: number;
}

export interface VerifyOptions {
  readonly client: Client;
  /** Lives of gateways whose last row is from before this day are passed over, `2026-11-30`; null: none. */
  readonly from: string | null;
  onProgress(verified: number, of: number): void;
}

interface Life {
  readonly replica: string;
  readonly first: number;
  readonly rows: number;
  /** When its first call began, epoch seconds. */
  readonly since: number;
  /** Its first row is so old that earlier ones may have gone. */
  readonly isOld: boolean;
}

const livesSince = (client: Client, from: string | null): Promise<readonly Life[]> =>
  asked<Life>(
    client,
    `SELECT replica, min(seq) AS first, count() AS rows, toUnixTimestamp(min(started_at)) AS since,
       min(started_at) < now() - INTERVAL ${keptMonths} MONTH AS isOld
     FROM tollgate.calls GROUP BY replica
     HAVING max(started_at) >= toDateTime(${from === null ? "'1970-01-01'" : '{from:String}'}, 'UTC') ORDER BY min(started_at)`,
    from === null ? {} : { from: `${from} 00:00:00` },
  );

const allLinks = async (client: Client): Promise<ReadonlyMap<string, Link[]>> => {
  const rows = await asked<{ chain: string }>(
    client,
    `SELECT DISTINCT chain FROM tollgate.calls WHERE chain != ''
     UNION DISTINCT SELECT head AS chain FROM tollgate.correction_runs WHERE state = 'done'`,
  );
  return Map.groupBy(
    rows.flatMap(({ chain }) => readLink(chain) ?? []),
    ({ replica }) => replica,
  );
};

const seqAt = lastingColumns.indexOf('seq');
const replicaAt = lastingColumns.indexOf('replica');

/** Hands every row of these lives, the first of which began at `since`, to the verifier of its life. The table is sorted by time and not by number, so it is read by time. */
const readRows = async (
  client: Client,
  {
    verifiers,
    since,
  }: { readonly verifiers: ReadonlyMap<string, LifeVerifier>; readonly since: number },
  onRows: (rows: number) => void,
): Promise<void> => {
  const query = `SELECT ${lastingSelection} FROM tollgate.calls WHERE ${during}`;
  for (const window of await windows(client, during, { from: since, until: maxUInt32 }))
    for await (const rows of streamed(client, query, { ...window })) {
      let ours = 0;
      for (const values of rows) {
        const verifier = verifiers.get(String(values[replicaAt]));
        if (verifier === undefined) continue;
        verifier.row(Number(values[seqAt]), lastingOf(values));
        ours += 1;
      }
      onRows(ours);
    }
};

/** Rows that were written and not sent, because their call has another one. That one must be there: else this is a row that somebody took away. */
const sparedRows = (
  client: Client,
): Promise<
  readonly { readonly replica: string; readonly seq: number; readonly sha256: string }[]
> =>
  asked(
    client,
    `SELECT replica, seq, sha256 FROM tollgate.spared_rows FINAL
     WHERE call_id IN (
       SELECT call_id FROM tollgate.calls WHERE entry = 'call' AND call_id IN (SELECT call_id FROM tollgate.spared_rows)
     )`,
  );

/** Rows named at most. */
const mostNamed = 1000;

const wrongSums = async (client: Client): Promise<readonly WrongSum[]> => {
  const rows = await asked<{ callId: string }>(
    client,
    `SELECT toString(call_id) AS callId FROM tollgate.calls
     WHERE cost_usd != arraySum(attempts.cost_usd) OR arraySum(mapValues(unit_costs)) != arraySum(attempts.cost_other)
        OR arraySum(attempts.cost_usd) != arraySum(attempts.cost_input_uncached) + arraySum(attempts.cost_input_cache_read)
           + arraySum(attempts.cost_input_cache_write) + arraySum(attempts.cost_input_cache_write_long)
           + arraySum(attempts.cost_input_audio) + arraySum(attempts.cost_input_image) + arraySum(attempts.cost_output_text)
           + arraySum(attempts.cost_output_reasoning) + arraySum(attempts.cost_output_audio)
           + arraySum(attempts.cost_output_image) + arraySum(attempts.cost_other)
     LIMIT ${mostNamed}`,
  );
  return rows.map(({ callId }) => ({ kind: 'wrong_sum', callId }));
};

const misbooked = async (client: Client): Promise<readonly Misbooked[]> => {
  const rows = await asked<{ callId: string }>(
    client,
    `SELECT toString(call_id) AS callId FROM tollgate.calls
     WHERE entry = 'call' AND (billing_month != toStartOfMonth(started_at) OR correction_run != '' OR correction_reason != '')
     LIMIT ${mostNamed}`,
  );
  return rows.map(({ callId }) => ({ kind: 'misbooked', callId }));
};

const missingProjections = async (client: Client): Promise<readonly MissingProjection[]> => {
  const rows = await asked<{ projection: string; part: string }>(
    client,
    `SELECT p.name AS projection, t.name AS part
     FROM system.projections AS p CROSS JOIN (SELECT name FROM system.parts WHERE database = 'tollgate' AND table = 'calls' AND active AND rows > 0) AS t
     WHERE p.database = 'tollgate' AND p.table = 'calls'
       AND (p.name, t.name) NOT IN (SELECT name, parent_name FROM system.projection_parts WHERE database = 'tollgate' AND table = 'calls' AND active)
     LIMIT ${mostNamed}`,
  );
  return rows.map((row) => ({ kind: 'projection', ...row }));
};

/** Of closed months whose rows are all still kept. */
const changedMonths = async (client: Client): Promise<readonly ChangedMonth[]> => {
  const months = await asked<Omit<ChangedMonth, 'kind'>>(
    client,
    `SELECT formatDateTime(m.month, '%Y-%m') AS month, m.rows AS closedRows, m.cost_usd AS closedUsd, c.rows AS rows, c.cost AS costUsd
     FROM (SELECT * FROM tollgate.month_closes FINAL WHERE state = 'closed' AND month >= toStartOfMonth(now() - INTERVAL ${keptMonths} MONTH)) AS m
     LEFT JOIN (
       SELECT billing_month, count() AS rows, sum(cost_usd) AS cost, sum(discount_usd) AS discount FROM tollgate.calls GROUP BY billing_month
     ) AS c ON c.billing_month = m.month
     WHERE c.rows != m.rows OR c.cost != m.cost_usd OR c.discount != m.discount_usd ORDER BY month`,
  );
  return months.map((one) => ({ kind: 'closed_month', ...one }));
};

/** Reads the whole ledger. Throws what the client does. */
export const verifyLedger = async (options: VerifyOptions): Promise<Verification> => {
  const { client, from, onProgress } = options;
  const [lives, links] = [await livesSince(client, from), await allLinks(client)];
  const all = lives.reduce((sum, life) => sum + life.rows, 0);
  const verifiers = new Map(
    lives.map(({ replica, isOld, first }) => [
      replica,
      new LifeVerifier(replica, links.get(replica) ?? [], isOld ? first : 1),
    ]),
  );
  let rows = 0;
  // Lives come in the order in which they began; of none nothing is read.
  const since = lives[0]?.since ?? maxUInt32;
  await readRows(client, { verifiers, since }, (more) => {
    rows += more;
    onProgress(rows, all);
  });
  // A life of which no row is left: others still tell of it.
  for (const [replica, told] of links)
    if (from === null && !verifiers.has(replica))
      verifiers.set(replica, new LifeVerifier(replica, told));
  for (const { replica, seq, sha256 } of await sparedRows(client))
    verifiers.get(replica)?.spared(seq, sha256);
  const checks = [...verifiers.values()].map((verifier) => verifier.end());
  const findings: LedgerFinding[] = checks.flatMap((one) => one.findings);
  const unlinked = checks.reduce((sum, one) => sum + one.unlinked, 0);
  findings.push(
    ...(await wrongSums(client)),
    ...(await misbooked(client)),
    ...(await missingProjections(client)),
    ...(await changedMonths(client)),
    ...(await wrongRollups(client)),
  );
  return { findings, lives: lives.length, rows, unlinked };
};
