/** How commands read rows of `tollgate.calls`: as the gateway wrote them, so that the same JSON comes out, and not too many at once. */
import { columnList } from '@tollgate/clickhouse/column-list.ts';
import type { Client } from '@tollgate/clickhouse/edge/client.ts';
import { lastingColumns, lastingCorrectionColumns } from '../../contract/ledger.ts';

const asWritten = {
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

/** The same for many rows: a few at a time as they arrive, the values of each in the order of the query. Throws what the client does. */
export async function* streamed<T>(
  client: Client,
  query: string,
  query_params: Readonly<Record<string, unknown>>,
): AsyncGenerator<readonly (readonly T[])[]> {
  const answer = await client.query({
    query,
    query_params,
    format: 'JSONCompactEachRow',
    clickhouse_settings: asWritten,
  });
  for await (const rows of answer.stream<readonly T[]>()) yield rows.map((row) => row.json());
}

/** Rows of one question, about. */
const rowsPerQuery = 250_000;
const hourSeconds = 3600;

/** A stretch of time, epoch seconds; its end is not part of it. */
interface Window {
  readonly from: number;
  readonly until: number;
}

/** Of rows whose call began in a stretch of time: condition in SQL, its parameters `from` and `until` as a `Window` has them. */
export const during = `started_at >= toDateTime({from:UInt32}, 'UTC') AND started_at < toDateTime({until:UInt32}, 'UTC')`;

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

/**
 * The time in which there are rows of which `where` holds, ascending, in pieces of not too many; none crosses the hour.
 * @param where condition in SQL, such as `during`
 */
export const windows = async (
  client: Client,
  where: string,
  query_params: Readonly<Record<string, unknown>>,
): Promise<readonly Window[]> =>
  piecesOf(
    await asked<HourOfRows>(
      client,
      `SELECT toUnixTimestamp(toStartOfHour(started_at)) AS hour, count() AS rows FROM tollgate.calls
       WHERE ${where} GROUP BY hour ORDER BY hour`,
      query_params,
    ),
  );

/** What to select, for `lastingOf`. */
export const lastingSelection = columnList(lastingCorrectionColumns);
const entryAt = lastingCorrectionColumns.indexOf('entry');

/** What of a row was hashed when it was written: a correction has columns that the row of a call leaves to the table. */
export const lastingOf = (values: readonly unknown[]): string =>
  JSON.stringify(values[entryAt] === 'call' ? values.slice(0, lastingColumns.length) : values);
