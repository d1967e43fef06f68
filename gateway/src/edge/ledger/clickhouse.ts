import { createClient, ClickHouseError, type ClickHouseClient } from '@clickhouse/client';
import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { callColumns } from '../../contract/ledger.ts';
import { findQuery, idsPerQuery, tallyQuery } from './clickhouse-queries.ts';
import type { Tally } from './tally.ts';

export interface ClickhouseAddress {
  readonly url: string;
  readonly user: string;
  readonly password: string;
}

export type Inserted =
  | { readonly kind: 'inserted' }
  /** The server read the rows and refused them: trying again changes nothing. */
  | { readonly kind: 'refused'; readonly message: string }
  /** No answer, or none that says anything about the rows. */
  | { readonly kind: 'unavailable'; readonly message: string };

/** A ledger row on its way: a JSON array in UTF-8, in the order of `callColumns`. */
export interface Row {
  readonly callId: string;
  /** Its number in its life of a gateway. */
  readonly seq: number;
  readonly json: Buffer;
}

export type Found =
  /** By call id, the rows that the call has (`rowName`). */
  | { readonly kind: 'found'; readonly rowsOf: ReadonlyMap<string, readonly string[]> }
  | { readonly kind: 'unavailable'; readonly message: string };

/** A row, whichever call it is of: the life of a gateway that wrote it, and its number there. */
export const rowName = (replica: string, seq: number | string): string => `${replica}/${seq}`;

/** Rows of one life of a gateway: `seq` above `above`, up to `upTo`. */
export interface Stretch {
  readonly replica: string;
  readonly above: number;
  readonly upTo: number;
  /** None of these calls began earlier; epoch milliseconds. */
  readonly sinceMs: number;
}

export type Tallied =
  | ({ readonly kind: 'tallied' } & Tally)
  | { readonly kind: 'unavailable'; readonly message: string };

/** The table `tollgate.calls`, as the ledger uses it. */
export interface Sink {
  /**
   * Puts rows (`Row.json`) in, once per token.
   * @param signal gives up; whether the rows went in is then not known
   */
  insert(rows: readonly Buffer[], token: string, signal?: AbortSignal): Promise<Inserted>;
  /** Which rows these calls have. */
  find(rows: readonly Row[], signal?: AbortSignal): Promise<Found>;
  /** How many rows a stretch has, and the sum of their `seq`. */
  tally(stretch: Stretch, signal?: AbortSignal): Promise<Tallied>;
  close(): Promise<void>;
}

/**
 * ClickHouse errors that speak of the rows themselves. Not those that speak of the statement or the table (a syntax
 * error, an unknown column, another number of columns): a server that was migrated wrongly must not bury every row.
 * https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
 */
// oxfmt-ignore
const rowErrors: ReadonlyMap<string, string> = new Map([
  ['6', 'CANNOT_PARSE_TEXT'], ['26', 'CANNOT_PARSE_QUOTED_STRING'], ['27', 'CANNOT_PARSE_INPUT_ASSERTION_FAILED'],
  ['33', 'CANNOT_READ_ALL_DATA'], ['38', 'CANNOT_PARSE_DATE'], ['41', 'CANNOT_PARSE_DATETIME'], ['53', 'TYPE_MISMATCH'],
  ['69', 'ARGUMENT_OUT_OF_BOUND'], ['70', 'CANNOT_CONVERT_TYPE'], ['72', 'CANNOT_PARSE_NUMBER'], ['117', 'INCORRECT_DATA'],
  ['130', 'CANNOT_READ_ARRAY_FROM_TEXT'], ['190', 'SIZES_OF_ARRAYS_DONT_MATCH'], ['376', 'CANNOT_PARSE_UUID'],
  ['407', 'DECIMAL_OVERFLOW'], ['469', 'VIOLATED_CONSTRAINT'], ['691', 'UNKNOWN_ELEMENT_OF_ENUM'],
]);

/**
 * A token protects one block, not one insert: what could split a segment into several blocks is pinned.
 * `insert_deduplication_token` makes the same segment sent twice count once.
 */
const settings = (token: string) => ({
  insert_deduplication_token: token,
  async_insert: 0 as const,
  deduplicate_blocks_in_dependent_materialized_views: 1 as const,
  input_format_parallel_parsing: 0 as const,
  max_insert_block_size: '1048449',
  input_format_skip_unknown_fields: 0 as const,
  date_time_input_format: 'best_effort' as const,
});

const newline = Buffer.from('\n');

const columnList = callColumns.map((column) => `\`${column}\``).join(', ');
const insertQuery = `INSERT INTO tollgate.calls (${columnList}) FORMAT JSONCompactEachRow`;

/** Rows go out in pieces of this size, and between two of them calls in flight have their turn. */
const pieceBytes = 256 * 1024;

/** The rows as pieces of one body, each row with a newline behind it. */
function* piecesOf(rows: readonly Buffer[]): Generator<Buffer> {
  let piece: Buffer[] = [];
  let size = 0;
  for (const row of rows) {
    piece.push(row, newline);
    size += row.length + newline.length;
    if (size < pieceBytes) continue;
    yield Buffer.concat(piece, size);
    [piece, size] = [[], 0];
  }
  if (size > 0) yield Buffer.concat(piece, size);
}

const insertTimeoutMs = 60_000;

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message.slice(0, 500) : String(error);

/** A client for the ledger's inserts. Connects on first use. */
export const clickhouseSink = ({ url, user, password }: ClickhouseAddress): Sink => {
  const client: ClickHouseClient = createClient({
    url,
    username: user,
    password,
    request_timeout: insertTimeoutMs,
    max_open_connections: 2,
    // Packing a row costs more CPU than all else about shipping it; the network to a ledger is near.
    compression: { request: false, response: false },
    log: { level: 127 },
  });
  /** The rows of an answer, each as its fields. */
  const ask = async (query: string, signal?: AbortSignal): Promise<readonly string[][]> => {
    const answer = await client.query({
      query,
      format: 'TabSeparated',
      ...(signal === undefined ? {} : { abort_signal: signal }),
    });
    const lines = (await answer.text()).split('\n').filter((line) => line !== '');
    return lines.map((line) => line.split('\t'));
  };
  return {
    async insert(rows, token, signal) {
      try {
        // Not `insert`: it would parse and encode again what is JSON already.
        const { stream } = await client.exec({
          query: insertQuery,
          values: Readable.from(piecesOf(rows), { objectMode: false }),
          clickhouse_settings: settings(token),
          ...(signal === undefined ? {} : { abort_signal: signal }),
        });
        await finished(stream.resume());
        return { kind: 'inserted' };
      } catch (error) {
        const aboutRows = error instanceof ClickHouseError && rowErrors.has(error.code);
        return { kind: aboutRows ? 'refused' : 'unavailable', message: messageOf(error) };
      }
    },
    async find(rows, signal) {
      const rowsOf = new Map<string, string[]>();
      try {
        for (let from = 0; from < rows.length; from += idsPerQuery)
          for (const [id = '', replica = '', seq = ''] of await ask(
            findQuery(rows.slice(from, from + idsPerQuery)),
            signal,
          ))
            rowsOf.set(id, [...(rowsOf.get(id) ?? []), rowName(replica, seq)]);
        return { kind: 'found', rowsOf };
      } catch (error) {
        return { kind: 'unavailable', message: messageOf(error) };
      }
    },
    async tally(stretch, signal) {
      try {
        const [[rows = '', seqSum = ''] = []] = await ask(tallyQuery(stretch), signal);
        if (rows === '' || seqSum === '') throw new Error('the answer has no numbers');
        return { kind: 'tallied', rows: Number(rows), seqSum: BigInt(seqSum) };
      } catch (error) {
        return { kind: 'unavailable', message: messageOf(error) };
      }
    },
    close: () => client.close(),
  };
};
