/** The kinds of statements, each in its way: rows into a file, rows into memory, data from a file into a table. */
import { readFile } from 'node:fs/promises';
import type { Connection } from './engine.ts';
import type { Result } from './disk.ts';
import { Refusal } from './errors.ts';
import { countRows } from './formats.ts';
import { literal } from './literal.ts';
import type { Statement } from './statement.ts';

/** What `X-ClickHouse-Summary` says; counts that are not known are 0, as on a server that has not finished. */
export interface Summary {
  readonly readRows: number;
  readonly readBytes: number;
  readonly writtenRows: number;
  readonly writtenBytes: number;
  readonly resultRows: number;
  readonly resultBytes: number;
  readonly elapsedMs: number;
}

export interface Reply {
  readonly format: string;
  readonly summary: Summary;
  /** In memory, or in a file that the receiver releases. */
  readonly rows:
    | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
    | ({ readonly kind: 'file' } & Pick<Result, 'file' | 'release'>);
}

const none: Summary = {
  readRows: 0,
  readBytes: 0,
  writtenRows: 0,
  writtenBytes: 0,
  resultRows: 0,
  resultBytes: 0,
  elapsedMs: 0,
};

/** A statement with all it needs to run. */
export interface Ready {
  readonly connection: Connection;
  readonly statement: Statement;
  readonly format: string;
  /** A file for the rows of a SELECT. */
  readonly result: () => Result;
  /** The data of an insert, as the client sent them. */
  readonly data: SpilledData | null;
}
export interface SpilledData {
  readonly file: string;
  readonly sizeBytes: number;
}

/** Results up to this size are sent from memory: one read, and the rows can be counted. */
const smallBytes = 256 * 1024;

type Rows = { readonly kind: 'select' | 'show' };

const select = async (ready: Ready, { body, tail }: Statement & Rows): Promise<Reply> => {
  const { connection, format } = ready;
  const result = ready.result();
  const { file, release } = result;
  const into = `INTO OUTFILE ${literal(file)} TRUNCATE COMPRESSION 'none'`;
  const sql = `${body} ${into} FORMAT ${format} ${tail}`;
  try {
    const { readRows, readBytes, elapsedMs } = await connection.read(sql, 'Null');
    const resultBytes = await result.whole();
    const summary = { ...none, readRows, readBytes, resultBytes, elapsedMs };
    if (resultBytes > smallBytes) return { format, summary, rows: { kind: 'file', file, release } };
    const bytes = await readFile(file);
    await release();
    const resultRows = countRows(format, bytes) ?? 0;
    return { format, summary: { ...summary, resultRows }, rows: { kind: 'bytes', bytes } };
  } catch (error) {
    await release();
    throw result.refused() ?? error;
  }
};

const show = async ({ connection, format }: Ready, sql: string): Promise<Reply> => {
  const done = await connection.read(sql, format);
  const { bytes, readRows, readBytes, elapsedMs } = done;
  const resultRows = countRows(format, bytes) ?? 0;
  const summary = {
    ...none,
    readRows,
    readBytes,
    resultRows,
    resultBytes: bytes.length,
    elapsedMs,
  };
  return { format, summary, rows: { kind: 'bytes', bytes } };
};

const written = async ({ connection, format }: Ready, sql: string): Promise<Reply> => {
  const { writtenRows, writtenBytes, elapsedMs } = await connection.write(sql);
  const summary = {
    ...none,
    readRows: writtenRows,
    readBytes: writtenBytes,
    writtenRows,
    writtenBytes,
    resultRows: writtenRows,
    resultBytes: writtenBytes,
    elapsedMs,
  };
  return { format, summary, rows: { kind: 'bytes', bytes: new Uint8Array() } };
};

/** The engine reads the file as if a client had sent it: defaults, column lists, all input formats. */
const insertData = async (
  ready: Ready,
  statement: Statement & { kind: 'insert-data' | 'insert-input' },
): Promise<Reply> => {
  const { data } = ready;
  if (data === null || data.sizeBytes === 0) {
    return { format: ready.format, summary: none, rows: noRows };
  }
  const { file } = data;
  try {
    if (statement.kind === 'insert-input') {
      const call = `file(${literal(file)}, ${literal(statement.format)}, `;
      return await written(ready, `${statement.before} ${call}${statement.inside}`);
    }
    const { head, settings, format } = statement;
    const from = `FROM INFILE ${literal(file)} COMPRESSION 'none'`;
    return await written(ready, `${head} ${from} ${settings} FORMAT ${format}`);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(error.code, error.symbol, error.message.replaceAll(file, 'the request body'));
  }
};
const noRows = { kind: 'bytes', bytes: new Uint8Array() } as const;

/** Runs a prepared statement. @throws Refusal */
export const execute = async (ready: Ready): Promise<Reply> => {
  const { statement } = ready;
  switch (statement.kind) {
    case 'select':
      return select(ready, { ...statement, kind: 'select' });
    case 'show':
      return show(ready, `${statement.body} ${statement.tail}`);
    case 'insert-data':
    case 'insert-input':
      return insertData(ready, statement);
    case 'insert-select':
      return written(ready, statement.text);
    case 'other':
      return show(ready, statement.text);
  }
};
