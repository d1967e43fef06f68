/** A real embedded ClickHouse for tests: a process of its own, a free port, the tables of this checkout. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { migrate, migrationFolders } from '../../deploy/clickhouse/migrate.ts';

const local = path.resolve(import.meta.dirname, '../../deploy/local/src');
const [entry, leash] = [path.join(local, 'clickhouse/main.ts'), path.join(local, 'leash.ts')];

export interface FakeClickhouseOptions {
  /** Kept after `stop()`. Without it: a temporary directory, removed by `stop()`. */
  readonly dataDir?: string;
  /** A fixed port, to come back at the same address; default any free one. */
  readonly port?: number;
  /** False: an empty server. Default true. */
  readonly migrated?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

export interface FakeClickhouse {
  readonly url: string;
  /** May write. */
  readonly user: string;
  readonly password: string;
  /** May read. */
  readonly reader: { readonly user: string; readonly password: string };
  readonly port: number;
  readonly dataDir: string;
  readonly pid: number;
  /** SIGTERM; resolves with the exit code when the process is gone. */
  stop(): Promise<number | null>;
  /** SIGKILL: no clean end. The data directory stays; start again with `{ dataDir, port }`. */
  kill9(): Promise<void>;
  /** SIGSTOP: connections are accepted, nothing is answered. */
  pause(): void;
  resume(): void;
}

const isReady = (value: unknown): value is { port: number; pid: number } =>
  typeof value === 'object' &&
  value !== null &&
  'port' in value &&
  'pid' in value &&
  typeof value.port === 'number' &&
  typeof value.pid === 'number';

/** Starts the server on what lies in its directory. @throws Error with the server's own words when it does not start. */
const launch = async (options: FakeClickhouseOptions, dataDir: string): Promise<FakeClickhouse> => {
  const [user, password] = ['tollgate', 'test-writer'];
  const reader = { user: 'reader', password: 'test-reader' };
  // On a leash: when the tests are killed, the server goes too.
  const child = spawn(process.execPath, ['--import', leash, entry], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      ...process.env,
      TOLLGATE_HOST: '127.0.0.1',
      TOLLGATE_CLICKHOUSE_PORT: String(options.port ?? 0),
      TOLLGATE_DATA_DIR: dataDir,
      TOLLGATE_CLICKHOUSE_USER: user,
      TOLLGATE_CLICKHOUSE_PASSWORD: password,
      TOLLGATE_READER_PASSWORD: reader.password,
      ...options.env,
    },
  });
  const gone = once(child, 'exit').then(() => child.exitCode);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4096);
  });
  const clean = () => {
    if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
  };
  const lines = createInterface({ input: child.stdout });
  const first = new Promise<string | null>((resolve) => {
    lines.once('line', resolve);
    lines.once('close', () => resolve(null));
  });
  const line = await first;
  const ready: unknown = line === null ? null : JSON.parse(line);
  if (!isReady(ready)) {
    await gone;
    clean();
    throw new Error(`the embedded ClickHouse did not start: ${said.trim()}`);
  }
  const url = `http://127.0.0.1:${ready.port}`;
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return gone;
  };
  return {
    url,
    user,
    password,
    reader,
    port: ready.port,
    dataDir,
    pid: ready.pid,
    async stop() {
      child.kill('SIGCONT');
      const code = await end('SIGTERM');
      clean();
      return code;
    },
    async kill9() {
      await end('SIGKILL');
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
  };
};

const bringTables = ({ url, user, password }: FakeClickhouse) =>
  migrate({ url, user, password, folders: migrationFolders, log: () => {} });

/** Of everything that tables are made of. */
const tablesHash = (): string => {
  const hash = createHash('sha256');
  const files = migrationFolders.flatMap((folder) =>
    readdirSync(folder)
      .toSorted()
      .map((name) => path.join(folder, name)),
  );
  const makers = ['deploy/clickhouse/migrate.ts', 'deploy/local/package.json'];
  for (const file of [...files, ...makers]) hash.update(`${file}\n`).update(readFileSync(file));
  return hash.digest('hex').slice(0, 16);
};

const made = path.resolve('.toolchain/migrated');
const tables = 'clickhouse';

/** A directory with all tables, made once for each version of them: migrations take as long as most of the tests that need them. */
const migratedDirectory = async (): Promise<string> => {
  const directory = path.join(made, tablesHash());
  if (existsSync(directory)) return directory;
  const draft = mkdtempSync(path.join(os.tmpdir(), 'tollgate-tables-'));
  const server = await launch({ dataDir: draft }, draft);
  await bringTables(server);
  await server.stop();
  rmSync(path.join(draft, tables, 'tollgate-access.xml'), { force: true });
  mkdirSync(made, { recursive: true });
  const copy = `${directory}.${process.pid}`;
  cpSync(path.join(draft, tables), copy, { recursive: true, verbatimSymlinks: true });
  // Another process may have been first; both made the same.
  try {
    renameSync(copy, directory);
  } catch {
    rmSync(copy, { recursive: true });
  }
  rmSync(draft, { recursive: true, force: true });
  return directory;
};

/** @throws Error with the server's own words when it does not start. */
export const startClickhouse = async (
  options: FakeClickhouseOptions = {},
): Promise<FakeClickhouse> => {
  const dataDir = options.dataDir ?? mkdtempSync(path.join(os.tmpdir(), 'tollgate-clickhouse-'));
  const isWanted = options.migrated !== false;
  // What is copied is not on the disk itself, as what ClickHouse writes is: nothing for a directory that may see its power cut.
  const isCopied = isWanted && options.dataDir === undefined;
  if (isCopied)
    cpSync(await migratedDirectory(), path.join(dataDir, tables), {
      recursive: true,
      verbatimSymlinks: true,
    });
  const server = await launch(options, dataDir);
  if (isWanted && !isCopied) await bringTables(server);
  return server;
};
