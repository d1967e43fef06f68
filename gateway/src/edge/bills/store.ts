/** Bills in ClickHouse: all of a report or nothing, once. */
import type { Client } from '@tollgate/clickhouse/edge/client.ts';
import { insertOnce } from '@tollgate/clickhouse/edge/insert-once.ts';
import type { Report } from '../../bills/report.ts';

export interface StoredReport {
  readonly report: Report;
  readonly provider: string;
  readonly source: string;
  readonly files: readonly string[];
}

/** Lines of one insert. */
const linesPerInsert = 5_000;

const lineColumns = [
  'day',
  'account',
  'model',
  'line_item',
  'unit',
  'is_final',
  'quantity',
  'amount_usd',
] as const;
const linesQuery = `INSERT INTO tollgate.provider_bills (provider, source, report, ${lineColumns.join(', ')}) FORMAT JSONCompactEachRow`;
const reportQuery =
  'INSERT INTO tollgate.bill_reports (report, provider, source, files, lines, amount_usd, first_day, last_day) FORMAT JSONCompactEachRow';

const insert = async (
  client: Client,
  query: string,
  token: string,
  values: readonly unknown[],
): Promise<void> => {
  const rows = values.map((row) => Buffer.from(JSON.stringify(row)));
  const inserted = await insertOnce(client, { query, rows, token });
  if (inserted.kind !== 'done') throw new Error(inserted.message);
};

const isThere = async (client: Client, report: string): Promise<boolean> => {
  const answer = await client.query({
    query: 'SELECT count() FROM tollgate.bill_reports WHERE report = {report:String}',
    query_params: { report },
    format: 'TabSeparated',
  });
  return (await answer.text()).trim() !== '0';
};

/**
 * Puts a report in. Cut off anywhere, it counts for nothing, and the same again completes it.
 * @throws Error with ClickHouse's words
 */
export const storeReport = async (
  client: Client,
  { report, provider, source, files }: StoredReport,
): Promise<'stored' | 'there'> => {
  const { id, lines, amountUsd, firstDay, lastDay } = report;
  if (await isThere(client, id)) return 'there';
  for (let from = 0; from < lines.length; from += linesPerInsert)
    await insert(
      client,
      linesQuery,
      `provider_bills/${id}/${from}`,
      lines
        .slice(from, from + linesPerInsert)
        .map((line) => [provider, source, id, ...lineColumns.map((column) => line[column])]),
    );
  await insert(client, reportQuery, `bill_reports/${id}`, [
    [id, provider, source, files, lines.length, amountUsd, firstDay, lastDay],
  ]);
  return 'stored';
};
