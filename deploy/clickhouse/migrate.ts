/**
 * Brings a ClickHouse, embedded or real, to the tables of this checkout: `node deploy/clickhouse/migrate.ts`.
 * Files are applied once, in the order of their numbers, and never changed afterwards; what was applied stands in
 * `tollgate.migrations` with the file's SHA-256. ClickHouse has no transactions over DDL, so every statement is recorded when it is
 * done, and a file that was cut off is gone on with behind its last recorded statement. Done and not recorded, a statement is run
 * once more: it must bear that (`IF NOT EXISTS`), but need not bear the statements that follow it.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

export interface MigrateOptions {
  /** `http://127.0.0.1:8123` */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** Folders of `0001_name.sql` files, in the order they are applied. A file is recorded as `<folder's parent>/<file>`. */
  readonly folders: readonly string[];
  readonly log: (line: string) => void;
  /** How long to wait for the server to answer. */
  readonly waitMs?: number;
}

export interface Migrated {
  readonly applied: readonly string[];
  readonly alreadyThere: readonly string[];
}

interface Migration {
  readonly name: string;
  readonly sha256: string;
  readonly statements: readonly string[];
}

// Strings, quoted names, comments, the end of a statement, or any other character.
const piece =
  /'(?:[^'\\]|\\[^]|'')*'|`(?:[^`\\]|\\[^])*`|"(?:[^"\\]|\\[^])*"|--[^\n]*|\/\*[^]*?\*\/|;|[^]/g;

/** The statements of a file, without their `;`. Semicolons in strings, quoted names and comments do not count. */
export const splitStatements = (sql: string): readonly string[] => {
  const statements = [''];
  for (const [text] of sql.matchAll(piece)) {
    if (text === ';') statements.push('');
    else if (!text.startsWith('--') && !text.startsWith('/*')) {
      statements.push(`${statements.pop() ?? ''}${text}`);
    }
  }
  return statements.map((statement) => statement.trim()).filter((statement) => statement !== '');
};

const fileName = /^(\d{4})_[a-z0-9_]+\.sql$/;

/** @throws Error for a file whose name has no number, and for a number used twice. */
const readFolder = (folder: string): readonly Migration[] => {
  const room = path.basename(path.dirname(path.resolve(folder)));
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort();
  const numbers = files.map((file) => fileName.exec(file)?.[1]);
  const odd = files.find((_file, i) => numbers[i] === undefined || numbers.indexOf(numbers[i]) < i);
  if (odd !== undefined) {
    throw new Error(
      `${folder}/${odd}: a migration is named 0001_words.sql, with a number of its own`,
    );
  }
  return files.map((file) => {
    const text = readFileSync(path.join(folder, file), 'utf8');
    const sha256 = createHash('sha256').update(text).digest('hex');
    return { name: `${room}/${file}`, sha256, statements: splitStatements(text) };
  });
};

type Ask = (sql: string, params?: Readonly<Record<string, string>>) => Promise<string>;

const connect =
  ({ url, user, password }: MigrateOptions): Ask =>
  async (sql, params = {}) => {
    const target = new URL(url);
    for (const [name, value] of Object.entries(params)) target.searchParams.set(name, value);
    const headers = { 'x-clickhouse-user': user, 'x-clickhouse-key': password };
    const response = await fetch(target, { method: 'POST', body: sql, headers });
    const text = await response.text();
    if (response.ok) return text;
    throw new Error(text.trim());
  };

const waitForServer = async ({ url, log, waitMs = 60_000 }: MigrateOptions): Promise<void> => {
  const deadlineMs = performance.now() + waitMs;
  for (let tries = 0; ; tries += 1) {
    let why: string;
    try {
      const response = await fetch(new URL('/ping', url));
      if (response.ok) return;
      why = `HTTP ${response.status}`;
    } catch (error) {
      why =
        error instanceof Error && error.cause instanceof Error
          ? error.cause.message
          : String(error);
    }
    if (performance.now() > deadlineMs) {
      throw new Error(`no ClickHouse answers at ${new URL(url).origin} after ${waitMs} ms: ${why}`);
    }
    if (tries === 10) log(`waiting for ClickHouse at ${new URL(url).origin}: ${why}`);
    await sleep(100);
  }
};

const readApplied = async (ask: Ask): Promise<ReadonlyMap<string, string>> => {
  const rows = await ask(
    'SELECT name, any(sha256) FROM tollgate.migrations GROUP BY name FORMAT TSV',
  );
  const pairs = rows
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
  return new Map(pairs.map(([name = '', sha256 = '']) => [name, sha256]));
};

const record = async (ask: Ask, name: string, sha256: string): Promise<void> => {
  await ask('INSERT INTO tollgate.migrations (name, sha256) SELECT {name:String}, {hash:String}', {
    param_name: name,
    param_hash: sha256,
  });
};

/**
 * Applies what is missing. Running it again changes nothing.
 * @throws Error when the server does not answer in time, a statement fails, or an applied file was changed since.
 */
export const migrate = async (options: MigrateOptions): Promise<Migrated> => {
  const migrations = options.folders.flatMap(readFolder);
  const ask = connect(options);
  await waitForServer(options);
  await ask('CREATE DATABASE IF NOT EXISTS tollgate');
  await ask(`CREATE TABLE IF NOT EXISTS tollgate.migrations (
    name String, sha256 String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
  ) ENGINE = MergeTree ORDER BY name`);
  // A power cut must not forget a statement and keep a later one. Tables of earlier versions have no such settings.
  await ask(
    'ALTER TABLE tollgate.migrations MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1',
  );
  const before = await readApplied(ask);
  const changed = migrations.filter(({ name, sha256 }) => (before.get(name) ?? sha256) !== sha256);
  if (changed.length > 0) {
    const names = changed.map(({ name }) => name).join(', ');
    throw new Error(
      `changed since applied: ${names}. Migrations are append-only: restore the file and write a new one`,
    );
  }
  const missing = migrations.filter(({ name }) => !before.has(name));
  for (const { name, sha256, statements } of missing) {
    for (const [i, statement] of statements.entries()) {
      const step = `${name}, statement ${i + 1}`;
      if (before.get(step) === sha256) continue;
      try {
        await ask(statement);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(`${step}: ${reason}`, { cause: error });
      }
      if (i < statements.length - 1) await record(ask, step, sha256);
    }
    await record(ask, name, sha256);
    options.log(`applied ${name}`);
  }
  const done = ({ name }: Migration) => name;
  const there = migrations.filter(({ name }) => before.has(name));
  return { applied: missing.map(done), alreadyThere: there.map(done) };
};

const root = path.resolve(import.meta.dirname, '../..');

/** The folders of this checkout, in order. */
export const migrationFolders: readonly string[] = ['gateway', 'trace-router'].map((room) =>
  path.join(root, room, 'migrations'),
);

const usage = `usage: node deploy/clickhouse/migrate.ts [--url URL] [--user NAME] [--wait-ms N] [--json] [FOLDER ...]
Creates or updates the tables of Tollgate. The password is read from TOLLGATE_CLICKHOUSE_PASSWORD;
--url and --user default to TOLLGATE_CLICKHOUSE_URL and TOLLGATE_CLICKHOUSE_USER.
Without FOLDERs: ${migrationFolders.map((folder) => path.relative(root, folder)).join(' ')}`;

const main = async (): Promise<void> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      url: { type: 'string' },
      user: { type: 'string' },
      'wait-ms': { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) {
    process.stdout.write(`${usage}\n`);
    return;
  }
  const { env } = process;
  const waitMs = Number(values['wait-ms'] ?? 60_000);
  if (!Number.isFinite(waitMs)) throw new Error('--wait-ms needs a number of milliseconds');
  const done = await migrate({
    url: values.url ?? env['TOLLGATE_CLICKHOUSE_URL'] ?? 'http://127.0.0.1:8123',
    user: values.user ?? env['TOLLGATE_CLICKHOUSE_USER'] ?? 'tollgate',
    password: env['TOLLGATE_CLICKHOUSE_PASSWORD'] ?? '',
    folders: positionals.length > 0 ? positionals : migrationFolders,
    log: (line) => process.stderr.write(`migrate: ${line}\n`),
    waitMs,
  });
  process.stdout.write(
    values.json === true
      ? `${JSON.stringify(done)}\n`
      : `${done.applied.length} applied, ${done.alreadyThere.length} already there\n`,
  );
};

if (import.meta.main) {
  await main().catch((error: unknown) => {
    process.stderr.write(`migrate: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
