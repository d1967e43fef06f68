/** One insert that may be sent as often as it takes and counts once, and what an answer to it means. */
import { ClickHouseError, parseError, type ClickHouseClient } from '@clickhouse/client';
import { Readable } from 'node:stream';
import { faultOf } from '../error-codes.ts';

export type Inserted =
  /** The rows are in, whichever of its tries put them there. */
  | { readonly kind: 'done' }
  /** The server read the rows and will never take them together: halve them, and set a single one aside. */
  | { readonly kind: 'rows_refused'; readonly message: string }
  /** No answer, or one that says nothing about the rows. They may be in; the same insert may be sent again. */
  | { readonly kind: 'try_again'; readonly message: string }
  /** The same, but it will not succeed before somebody changes the server, its tables or our rights. */
  | { readonly kind: 'cannot'; readonly message: string };

export interface InsertOnce {
  /** `INSERT INTO ... FORMAT ...`, of a format with one row a line. */
  readonly query: string;
  /** In UTF-8, one or several lines in each; a newline is put behind what ends without one. */
  readonly rows: Iterable<Buffer>;
  /** Names these rows to the server, for ever: never used for others. */
  readonly token: string;
  /** How the format's values are read. */
  readonly settings?: Readonly<Record<string, string | 0 | 1>>;
  /** Gives up; whether the rows went in is then not known. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What a user's profile may say otherwise, and an insert relies on.
 * https://clickhouse.com/docs/guides/developer/deduplicating-inserts-on-retries
 */
const settingsOf = (token: string) => ({
  insert_deduplicate: 1 as const,
  insert_deduplication_token: token,
  deduplicate_blocks_in_dependent_materialized_views: 1 as const,
  // Done means that the rows are in the table, not in a buffer of the server.
  async_insert: 0 as const,
  // A token protects one block, not one insert: what could make several blocks of these rows is pinned.
  input_format_parallel_parsing: 0 as const,
  max_insert_block_size: '1048449',
  // No row is passed over in silence.
  input_format_allow_errors_num: '0',
  input_format_allow_errors_ratio: 0,
});

const newline = Buffer.from('\n');

/** Rows go out in pieces of this size, and between two of them other work has its turn. */
const pieceBytes = 256 * 1024;

function* piecesOf(rows: Iterable<Buffer>): Generator<Buffer> {
  let piece: Buffer[] = [];
  let size = 0;
  for (const row of rows) {
    piece.push(row);
    size += row.length;
    if (row.at(-1) !== newline[0]) {
      piece.push(newline);
      size += newline.length;
    }
    if (size < pieceBytes) continue;
    yield Buffer.concat(piece, size);
    [piece, size] = [[], 0];
  }
  if (size > 0) yield Buffer.concat(piece, size);
}

const maxMessageChars = 500;

const meaningOf = (error: unknown): Inserted => {
  const text = error instanceof Error ? error.message : String(error);
  const message = text.trim().slice(0, maxMessageChars);
  if (!(error instanceof ClickHouseError)) return { kind: 'try_again', message };
  const named = `${error.type ?? error.code}: ${message}`;
  switch (faultOf(Number(error.code), error.message)) {
    case 'rows':
      return { kind: 'rows_refused', message: named };
    case 'moment':
      return { kind: 'try_again', message: named };
    case 'setup':
      return { kind: 'cannot', message: named };
  }
};

const maxAnswerBytes = 16 * 1024;

/** What the server says after a status that looks well; an insert that went in is answered with nothing. */
const textOf = async (answer: Readable): Promise<string> => {
  const chunks: Buffer[] = [];
  let size = 0;
  // Read to the end: an unread answer would hold the connection.
  for await (const chunk of answer) {
    const bytes = Buffer.from(chunk);
    if (size < maxAnswerBytes) chunks.push(bytes);
    size += bytes.length;
  }
  return Buffer.concat(chunks).toString().trim();
};

/** Puts rows in once, however often it is called with the same token and the same rows. Never throws. */
export const insertOnce = async (
  client: ClickHouseClient,
  { query, rows, token, settings, signal }: InsertOnce,
): Promise<Inserted> => {
  try {
    // Not `insert`: it would parse and encode again what is text already.
    const { stream } = await client.exec({
      query,
      values: Readable.from(piecesOf(rows), { objectMode: false }),
      clickhouse_settings: { ...settings, ...settingsOf(token) },
      ...(signal === undefined ? {} : { abort_signal: signal }),
    });
    const said = await textOf(stream);
    return said === '' ? { kind: 'done' } : meaningOf(parseError(said));
  } catch (error) {
    return meaningOf(error);
  }
};
