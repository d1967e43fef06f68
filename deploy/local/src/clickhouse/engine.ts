/**
 * The chDB engine. One process owns a data directory; each request gets a connection of its own (0.4 ms), so that `USE`, `SET`, query
 * parameters and temporary tables of one request never reach another. Calls run on libuv's threads and cannot block the event loop,
 * except for `set`, which takes well under a millisecond. (chdb's streaming call is not used: it blocks while scalar subqueries run.)
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import { Session } from 'chdb';
import { accessArguments } from './access.ts';
import { fromEngine } from './errors.ts';

export interface Read {
  readonly bytes: Uint8Array;
  readonly readRows: number;
  readonly readBytes: number;
  readonly elapsedMs: number;
}
export interface Written {
  readonly writtenRows: number;
  readonly writtenBytes: number;
  readonly elapsedMs: number;
}
export interface Connection {
  /** Runs `SET` or `USE`. @throws Refusal */
  readonly set: (statement: string) => Promise<void>;
  /** Runs anything; rows come back as bytes of `format`. @throws Refusal */
  readonly read: (sql: string, format: string) => Promise<Read>;
  /** Runs an insert; counts include what materialized views wrote, as a server's summary does. @throws Refusal */
  readonly write: (sql: string) => Promise<Written>;
  readonly close: () => void;
}
export interface Engine {
  readonly version: string;
  readonly timezone: string;
  readonly displayName: string;
  readonly open: () => Promise<Connection>;
  /** Cancels the query that runs under this `log_comment`, or every query. Asks; does not wait. */
  readonly cancel: (logComment: string | null) => Promise<void>;
  readonly close: () => void;
}

interface Addon {
  InsertRawAsyncConnection(
    connection: unknown,
    sql: string,
    data: Uint8Array,
    countLines: boolean,
  ): Promise<{ elapsed: number; rowsWritten: number; bytesWritten: number }>;
}
const hasLoader = (value: unknown): value is { loadNative(): Addon } =>
  typeof value === 'object' && value !== null && 'loadNative' in value;

/** The one native call chdb's public API offers for text formats only, though it takes any insert: it alone reports rows written. */
const loadAddon = (): Addon => {
  const require = createRequire(import.meta.url);
  const loader: unknown = require(
    path.join(path.dirname(require.resolve('chdb')), 'dist/loader.js'),
  );
  if (!hasLoader(loader)) throw new Error('this version of chdb has no dist/loader.js');
  return loader.loadNative();
};

const guard = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    throw fromEngine(error);
  }
};

const connect = (directory: string, addon: Addon): Connection => {
  const session = new Session(directory);
  return {
    set: (statement) =>
      guard(async () => {
        session.query(statement);
      }),
    read: (sql, format) =>
      guard(async () => {
        const result = await session.queryAsync(sql, { format });
        return {
          bytes: result.bytes(),
          readRows: result.rowsRead,
          readBytes: result.bytesRead,
          elapsedMs: result.elapsed * 1000,
        };
      }),
    write: (sql) =>
      guard(async () => {
        const nothing = Buffer.from('\n');
        const done = await addon.InsertRawAsyncConnection(session.connection, sql, nothing, false);
        return {
          writtenRows: done.rowsWritten,
          writtenBytes: done.bytesWritten,
          elapsedMs: done.elapsed * 1000,
        };
      }),
    close: () => session.close(),
  };
};

/**
 * Opens the engine on a directory.
 * @throws Error when another process holds it or it cannot be written (the engine names the reason on stderr).
 */
export const openEngine = (directory: string): Engine => {
  const addon = loadAddon();
  // Kept open: the engine shuts down when its last connection closes.
  const base = new Session(directory, { connectionArgs: accessArguments(directory) });
  const facts = base.query('SELECT version(), timezone(), displayName()', 'TSV').trim().split('\t');
  const [version = '', timezone = '', displayName = ''] = facts;
  return {
    version,
    timezone,
    displayName,
    open: async () => connect(directory, addon),
    async cancel(logComment) {
      const where = logComment === null ? '1' : `Settings['log_comment'] = '${logComment}'`;
      await base.queryAsync(`KILL QUERY WHERE ${where} AND query NOT LIKE 'KILL%' ASYNC`);
    },
    close: () => base.close(),
  };
};
