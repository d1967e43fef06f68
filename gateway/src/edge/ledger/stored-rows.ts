/** How commands read rows of `tollgate.calls`: as the gateway wrote them, so that the same JSON comes out, and not too many at once. */
import type { Client } from '@tollgate/clickhouse/edge/client.ts';
import { lastingColumns, lastingCorrectionColumns } from '../../contract/ledger.ts';

export const asWritten = {
  output_format_json_quote_decimals: 1,
  output_format_json_quote_64bit_integers: 0,
  date_time_output_format: 'unix_timestamp',
} as const;

/** The answer's rows, their columns by name. Throws what the client does. */
export const asked = async <T>(
  client: Client,
  query: string,
  query_params: Readonly<Record<string, unknown>> = {},
): Promise<readonly T[]> => {
  const answer = await client.query({
    query,
    query_params,
    format: 'JSONEachRow',
    clickhouse_settings: asWritten,
  });
  return answer.json<T>();
};

/** Rows of one question, about. */
const rowsPerQuery = 250_000;
const hourSeconds = 3600;

/** A stretch of time, epoch seconds; its end is not part of it. */
export interface Window {
  readonly from: number;
  readonly until: number;
}

interface HourOfRows {
  readonly hour: number;
  readonly rows: number;
}

const piecesOf = (hours: readonly HourOfRows[]): readonly Window[] =>
  hours.flatMap(({ hour, rows }) => {
    const pieces = Math.min(hourSeconds, Math.ceil(rows / rowsPerQuery));
    const edge = (i: number): number => hour + Math.floor((i * hourSeconds) / pieces);
    return Array.from({ length: pieces }, (_, i) => ({ from: edge(i), until: edge(i + 1) }));
  });

/** The time between in which there are rows, ascending, in pieces of not too many; none crosses the hour. */
export const windows = async (
  client: Client,
  { since, until }: { readonly since: number; readonly until: number },
): Promise<readonly Window[]> =>
  piecesOf(
    await asked<HourOfRows>(
      client,
      `SELECT toUnixTimestamp(toStartOfHour(started_at)) AS hour, count() AS rows FROM tollgate.calls
       WHERE started_at >= toDateTime({since:UInt32}, 'UTC') AND started_at < toDateTime({until:UInt32}, 'UTC') GROUP BY hour ORDER BY hour`,
      { since, until },
    ),
  );

/** The same of rows that are booked in a month; corrections among them may be of calls of earlier months. @param month `2026-10-01` */
export const windowsOfMonth = async (client: Client, month: string): Promise<readonly Window[]> =>
  piecesOf(
    await asked<HourOfRows>(
      client,
      `SELECT toUnixTimestamp(toStartOfHour(started_at)) AS hour, count() AS rows FROM tollgate.calls
       WHERE billing_month = {month:Date} GROUP BY hour ORDER BY hour`,
      { month },
    ),
  );

/** What to select, for `lastingOf`. */
export const lastingSelection = lastingCorrectionColumns
  .map((column) => `\`${column}\``)
  .join(', ');
const entryAt = lastingCorrectionColumns.indexOf('entry');

/** What of a row was hashed when it was written: a correction has columns that the row of a call leaves to the table. */
export const lastingOf = (values: readonly unknown[]): string =>
  JSON.stringify(values[entryAt] === 'call' ? values.slice(0, lastingColumns.length) : values);
