/** Closes a month of the ledger: verified, summed up from its rows, written out, signed. */
import { createHash, randomUUID, type KeyObject } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@tollgate/clickhouse/edge/client.ts';
import { lastingCorrectionColumns } from '../../../contract/ledger.ts';
import { closeText, firstDayOf, monthAfter, type MonthClose } from '../../../decide/month-close.ts';
import { MonthSummer } from '../../../decide/month-sums.ts';
import { signedText } from '../../../prices/signed.ts';
import { unfinishedRuns } from '../corrections/runs.ts';
import { exportFocusMonth } from '../focus.ts';
import { asked } from '../stored-rows.ts';
import { verifyLedger, type LedgerFinding } from '../verification.ts';
import {
  fileSum,
  focusFile,
  intoFolder,
  rowsFile,
  writeClose,
  writePacked,
  type FileSum,
} from './files.ts';
import { monthRows } from './month-rows.ts';
import { recordClose, storedCloses, type StoredClose } from './months.ts';

/** After its end: so long the last calls of a month take, and rows to arrive. */
const settleSeconds = 3600;

export interface CloseRequest {
  readonly client: Client;
  /** `2026-10`. */
  readonly month: string;
  readonly key: KeyObject;
  /** That is not there yet. */
  readonly folder: string;
  /** Closes although `ledger verify` finds something; it is then part of what is signed. */
  readonly accept: boolean;
  /** Closes the last closed month again, because rows of it came late. */
  readonly amend: boolean;
  /** A finding, in words. */
  describe(finding: LedgerFinding): string;
  onProgress(step: 'verified' | 'written', rows: number): void;
}

export type Closing =
  | { readonly kind: 'closed'; readonly close: MonthClose; readonly sha256: string }
  /** Nothing was changed. */
  | { readonly kind: 'refused'; readonly problem: string; readonly findings: readonly string[] };

const refused = (problem: string, findings: readonly string[] = []): Closing => ({
  kind: 'refused',
  problem,
  findings,
});

/** Why a month cannot be closed now, from what is closed already; null: it can. */
const obstacle = (
  { month, amend }: CloseRequest,
  closes: readonly StoredClose[],
  over: boolean,
): string | null => {
  const last = closes.findLast(({ state }) => state === 'closed');
  if (!over)
    return `${month} is not over for ${settleSeconds / 60} minutes yet, by the server's clock`;
  if (amend)
    return last?.month === month
      ? null
      : last === undefined
        ? 'no month is closed yet: there is nothing to amend'
        : `only the last closed month can be amended, which is ${last.month}`;
  if (last === undefined || month > last.month) return null;
  return month === last.month
    ? `${month} is closed already; --amend closes it again with the rows that it has now`
    : `${last.month} is closed, and with it the months before`;
};

const isOver = async (client: Client, month: string): Promise<boolean> => {
  const [row] = await asked<{ over: number }>(
    client,
    "SELECT toUnixTimestamp(now()) >= toUnixTimestamp(toDateTime({next:Date}, 'UTC')) + {settle:UInt32} AS over",
    { next: firstDayOf(monthAfter(month)), settle: settleSeconds },
  );
  return row?.over === 1;
};

/** Of each life with rows in the month: what the last row of it that speaks of its own life's segments says. */
const headsOf = async (client: Client, month: string): Promise<readonly string[]> => {
  const rows = await asked<{ head: string }>(
    client,
    `SELECT argMax(chain, toUInt64(splitByChar(' ', chain)[3])) AS head
     FROM (SELECT DISTINCT chain FROM tollgate.calls WHERE chain != ''
           UNION DISTINCT SELECT head AS chain FROM tollgate.correction_runs FINAL WHERE state = 'done' AND head != '')
     WHERE splitByChar(' ', chain)[1] IN (SELECT DISTINCT replica FROM tollgate.calls WHERE billing_month = {month:Date})
     GROUP BY splitByChar(' ', chain)[1] ORDER BY head`,
    { month: firstDayOf(month) },
  );
  return rows.map(({ head }) => head);
};

/** Lives that wrote in the last day of the month and nothing after it, and that no later life has taken over. */
const silentLives = async (client: Client, month: string): Promise<readonly string[]> => {
  const rows = await asked<{ replica: string }>(
    client,
    `SELECT replica FROM tollgate.calls WHERE entry = 'call' AND started_at >= toDateTime({next:Date}, 'UTC') - INTERVAL 1 DAY
       AND replica NOT IN (
         SELECT splitByChar(' ', c.chain)[1] AS told FROM tollgate.calls AS c
         WHERE c.started_at >= toDateTime({next:Date}, 'UTC') - INTERVAL 1 DAY AND c.chain != '' AND told != c.replica
       )
     GROUP BY replica HAVING max(started_at) < toDateTime({next:Date}, 'UTC') ORDER BY replica`,
    { next: firstDayOf(monthAfter(month)) },
  );
  return rows.map(({ replica }) => replica);
};

const billsOf = (client: Client, month: string): Promise<MonthClose['bills']> =>
  asked<MonthClose['bills'][number]>(
    client,
    `SELECT provider, verdict, count() AS lines, sum(ledger_usd) AS ledgerUsd, sum(billed_usd) AS billedUsd
     FROM tollgate.reconciliation WHERE day >= {first:Date} AND day < {next:Date}
       AND provider IN (SELECT provider FROM tollgate.bill_reports)
     GROUP BY provider, verdict ORDER BY provider, verdict`,
    { first: firstDayOf(month), next: firstDayOf(monthAfter(month)) },
  ).then((rows) => [...rows]);

/** Rows and dollars of the month by the server's own sum: they must be those that were read. */
const serverSums = async (client: Client, month: string) => {
  const [row] = await asked<{ rows: number; costUsd: string }>(
    client,
    'SELECT count() AS rows, sum(cost_usd) AS costUsd FROM tollgate.calls FINAL WHERE billing_month = {month:Date}',
    { month: firstDayOf(month) },
  );
  return row ?? { rows: 0, costUsd: '0' };
};

/** The month's files but the signed one, and the sums of the rows in them. */
const writeMonth = async ({ client, month, onProgress }: CloseRequest, draft: string) => {
  const summer = new MonthSummer();
  let rows = 0;
  const lines = async function* () {
    for await (const { lasting, values } of monthRows(client, month)) {
      summer.row(lasting, values);
      onProgress('written', (rows += 1));
      yield `${lasting}\n`;
    }
  };
  await writePacked(join(draft, rowsFile), lines());
  const sums = summer.end();
  const to = createWriteStream(join(draft, focusFile), { flush: true });
  const focus = await exportFocusMonth(client, { month: firstDayOf(month), to });
  const server = await serverSums(client, month);
  if (server.rows !== rows || server.costUsd !== sums.costUsd || focus.focusUsd !== sums.costUsd)
    throw new Error(
      `rows of ${month} arrived while it was being closed (${rows} rows and $${sums.costUsd} read, ${server.rows} and $${server.costUsd} now, lines of $${focus.focusUsd}): run it again`,
    );
  const files: readonly FileSum[] = [
    await fileSum(draft, rowsFile),
    await fileSum(draft, focusFile),
  ];
  return { sums, files };
};

const closed = async (
  request: CloseRequest,
  closes: readonly StoredClose[],
  accepted: readonly string[],
): Promise<Closing> => {
  const { client, month, key, folder, amend } = request;
  const known = closes.filter(({ state }) => state === 'closed');
  const before = known.findLast((one) => one.month < month);
  const amends = amend ? known.find((one) => one.month === month)?.sha256 : undefined;
  const { close, text } = await intoFolder(folder, async (draft) => {
    const { sums, files } = await writeMonth(request, draft);
    const [time] = await asked<{ at: string }>(
      client,
      "SELECT formatDateTime(now('UTC'), '%Y-%m-%dT%H:%i:%SZ') AS at",
    );
    const close: MonthClose = {
      format: 1,
      month,
      closedAt: time?.at ?? '',
      before: before === undefined ? null : { month: before.month, sha256: before.sha256 },
      amends: amends ?? null,
      calls: sums.calls,
      corrections: sums.corrections,
      costUsd: sums.costUsd,
      discountUsd: sums.discountUsd,
      wasteUsd: sums.wasteUsd,
      priceVersions: [...sums.priceVersions],
      bills: await billsOf(client, month),
      heads: [...(await headsOf(client, month))],
      silent: [...(await silentLives(client, month))],
      accepted: [...accepted],
      files: [...files],
      columns: [...lastingCorrectionColumns],
      hours: [...sums.hours],
    };
    const text = signedText(closeText(close), key);
    if (text === null) throw new Error('what is to be signed is not written as it must be');
    await writeClose(draft, text);
    return { close, text };
  });
  const sha256 = createHash('sha256').update(text).digest('hex');
  await recordClose(
    client,
    {
      month,
      state: 'closed',
      rows: close.calls + close.corrections,
      costUsd: close.costUsd,
      discountUsd: close.discountUsd,
      sha256,
    },
    sha256,
  );
  return { kind: 'closed', close, sha256 };
};

/**
 * Closes a month. Cut off anywhere, the same again does it; until it is done, corrections of the month go to the next one.
 * @throws Error with ClickHouse's words, or the file system's; the month is then as open as before
 */
export const closeMonth = async (request: CloseRequest): Promise<Closing> => {
  const { client, month, accept, describe, onProgress } = request;
  const closes = await storedCloses(client);
  const problem = obstacle(request, closes, await isOver(client, month));
  if (problem !== null) return refused(problem);
  const was = closes.find((one) => one.month === month && one.state === 'closed');
  const nothing = { month, rows: 0, costUsd: '0', discountUsd: '0', sha256: '' };
  const back = was ?? { ...nothing, state: 'open' as const };
  await recordClose(client, { ...nothing, ...was, state: 'closing' }, randomUUID());
  let result: Closing | null = null;
  try {
    const runs = await unfinishedRuns(client);
    if (runs.length > 0) {
      const names = runs.map(({ run }) => run).join(', ');
      return refused(`corrections of run ${names} are not booked whole: finish them first`);
    }
    const { findings } = await verifyLedger({
      client,
      from: null,
      onProgress: (rows) => onProgress('verified', rows),
    });
    // What came late is why a month is closed again.
    const told = findings.filter((one) => one.kind !== 'closed_month').map(describe);
    if (told.length > 0 && !accept)
      return refused(
        'the ledger is not as it was written; --accept closes the month all the same, and signs what was found',
        told,
      );
    result = await closed(request, closes, told);
    return result;
  } finally {
    if (result === null) await recordClose(client, back, randomUUID());
  }
};
