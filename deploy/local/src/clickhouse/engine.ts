/**
 * The chDB engine. One process owns a data directory; each request gets a connection of its own (0.4 ms), so that `USE`, `SET`, query
 * parameters and temporary tables of one request never reach another. Calls run on libuv's threads and cannot block the event loop,
 * except for `set`, `cancel` and `tidy`, which take about a millisecond, and which must work while every thread is taken.
 * (chdb's streaming call is not used: it blocks while scalar subqueries run.)
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import { Session } from 'chdb';
import { accessArguments } from './access.ts';
import { fromEngine } from './errors.ts';
import { literal } from './literal.ts';

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
/** Which queries to cancel: those whose `log_comment` begins with a tag, all that only read, or all. */
export type Cancel =
  | { readonly kind: 'tagged'; readonly tag: string }
  | { readonly kind: 'reads' }
  | { readonly kind: 'all' };

export interface Engine {
  readonly version: string;
  readonly timezone: string;
  readonly displayName: string;
  readonly open: () => Promise<Connection>;
  /** Asks; does not wait. A query that has not begun to run is not found: ask again until its call has ended. */
  readonly cancel: (what: Cancel) => Promise<void>;
}

/** The engine in this process. */
export interface OpenEngine extends Engine {
  /** Gives freed memory back to the system. Returns how many queries run. */
  readonly tidy: () => number;
  readonly close: () => void;
}

export interface EngineLimits {
  /** Memory of all queries together. */
  readonly memoryBytes: number;
  /** Disk for sorting and joining what does not fit into memory, of all queries together. */
  readonly temporaryBytes: number;
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

const condition = (what: Cancel): string => {
  switch (what.kind) {
    case 'tagged':
      return `startsWith(Settings['log_comment'], ${literal(what.tag)})`;
    case 'reads':
      return "query_kind = 'Select'";
    case 'all':
      return '1';
  }
};

/**
 * Opens the engine on a directory.
 * @throws Error when another process has it or it cannot be used (the engine names the reason on stderr).
 */
export const openEngine = (directory: string, limits: EngineLimits): OpenEngine => {
  const addon = loadAddon();
  // Kept open: the engine shuts down when its last connection closes.
  const base = new Session(directory, {
    connectionArgs: [
      ...accessArguments(directory),
      `--max_server_memory_usage=${limits.memoryBytes}`,
      `--max_temporary_data_on_disk_size=${limits.temporaryBytes}`,
    ],
  });
  const facts = base.query('SELECT version(), timezone(), displayName()', 'TSV').trim().split('\t');
  const [version = '', timezone = '', displayName = ''] = facts;
  return {
    version,
    timezone,
    displayName,
    open: async () => connect(directory, addon),
    async cancel(what) {
      base.query(`KILL QUERY WHERE ${condition(what)} AND query NOT LIKE 'KILL%' ASYNC`);
    },
    tidy() {
      base.query('SYSTEM JEMALLOC PURGE');
      const running =
        "SELECT count() FROM system.processes WHERE query NOT LIKE '%system.processes%'";
      return Number(base.query(running, 'TSV').trim());
    },
    close: () => base.close(),
  };
};
