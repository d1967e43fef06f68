/** One request: understood, allowed, prepared, run. */
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { takeRole } from './access.ts';
import type { EngineRole } from './access.ts';
import type { Body } from './body.ts';
import type { Connection, Engine } from './engine.ts';
import { refusal } from './errors.ts';
import { execute, literal } from './execute.ts';
import type { Ready, Reply } from './execute.ts';
import { knownFormat } from './formats.ts';
import type { Limits } from './limits.ts';
import type { Normaliser, Token } from './normalise.ts';
import { notForAnybody, notForReaders, readerDatabases, refuseCostly } from './reader.ts';
import { inRevision } from './revise.ts';
import type { Query } from './request.ts';
import type { Sessions } from './sessions.ts';
import { readerSettings, refuseSetting } from './settings.ts';
import { settingsIn, understand } from './statement.ts';
import type { Statement } from './statement.ts';
import type { User } from './users.ts';

export interface Runner {
  readonly engine: Engine;
  readonly normalise: Normaliser;
  readonly sessions: Sessions;
  readonly limits: Limits;
  /** Where bodies and results are kept while they are needed; its path holds no glob character. */
  readonly scratchDir: string;
}

interface Job {
  readonly query: Query;
  readonly user: User;
  readonly body: Body;
  /** Aborted when the client hangs up: a query that only reads is then cancelled. */
  readonly signal: AbortSignal;
}

const identifier = (name: string) => `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;

const assignments = (values: ReadonlyMap<string, string>, prefix = '') =>
  [...values].map(([name, value]) => `${prefix}${name} = ${literal(value)}`);

/** One insert is one block (up to 1,048,449 rows): a deduplication token protects a block, not an insert. */
const insertDefaults: ReadonlyMap<string, string> = new Map([
  ['input_format_parallel_parsing', '0'],
  ['max_insert_threads', '1'],
  ['max_threads', '1'],
  ['max_block_size', '1048449'],
]);

const reads = ({ kind }: Statement) => kind === 'select' || kind === 'show';
const brings = ({ kind }: Statement) => kind === 'insert-data' || kind === 'insert-input';

const roleOf = ({ role }: User, { kind }: Statement): EngineRole =>
  role === 'reader' ? 'reading' : kind === 'insert-input' ? 'loading' : 'writing';

/** Prepares the connection: database, our defaults, the request's settings and parameters, and last the lock. */
const prepare = async (
  connection: Connection,
  on: Runner,
  job: Job,
  statement: Statement,
): Promise<string> => {
  const { query, user } = job;
  await connection.set(takeRole(roleOf(user, statement)));
  if (query.database !== '') await connection.set(`USE ${identifier(query.database)}`);
  const settings = new Map([
    // Rows are acknowledged when they are in the table, not when they are in a queue.
    ['async_insert', '0'],
    ['max_memory_usage', String(on.limits.queryMemoryBytes)],
    ['max_result_bytes', String(on.limits.resultBytes)],
    ['log_comment', randomUUID()],
    ...(brings(statement) ? insertDefaults : []),
    ...(user.role === 'reader' ? readerSettings(query.settings, on.limits) : query.settings),
    // With a token the request's own wishes must not split the block: half a retry would be taken for new rows.
    ...(query.settings.has('insert_deduplication_token') && brings(statement)
      ? insertDefaults
      : []),
  ]);
  const asked = settings.get('readonly');
  settings.delete('readonly');
  const sets = [...assignments(settings), ...assignments(query.params, 'param_')];
  await connection.set(`SET ${sets.join(', ')}`);
  const lock = user.role === 'reader' ? '1' : query.readonly ? '2' : asked;
  // In a session the lock would outlive the request; there the statement's kind alone decides.
  if (lock !== undefined && query.session === null)
    await connection.set(`SET readonly = ${literal(lock)}`);
  return settings.get('log_comment') ?? '';
};

/** @throws Refusal for what this user may not run, or nobody may. */
const check = (tokens: readonly Token[], statement: Statement, { user, query }: Job): void => {
  for (const name of [...query.settings.keys(), ...settingsIn(tokens)]) refuseSetting(name);
  const never = notForAnybody(tokens, statement);
  if (never !== null) throw refusal('READONLY', never);
  if (user.role === 'reader') {
    const fault = notForReaders(tokens, statement);
    if (fault !== null) throw refusal('READONLY', `${user.name}: ${fault} in readonly mode.`);
    if (!readerDatabases.has(query.database)) {
      throw refusal('ACCESS_DENIED', `${user.name}: no access to database ${query.database}`);
    }
  }
  if (query.readonly && !reads(statement)) {
    throw refusal('READONLY', `${user.name}: Cannot execute query in readonly mode.`);
  }
};

const formatOf = (statement: Statement, query: Query): string => {
  if ('format' in statement && statement.format !== null) return knownFormat(statement.format);
  return knownFormat(query.format ?? 'TabSeparated');
};

/**
 * Runs one request.
 * @throws Refusal for everything the client did wrong and everything the engine refused.
 */
export const run = async (on: Runner, job: Job): Promise<Reply> => {
  const { query, body, user, signal } = job;
  // The SQL of the URL comes first, then the body; an insert's data begin in either.
  const prefix = query.sql === '' ? Buffer.alloc(0) : Buffer.from(`${query.sql}\n`);
  const { head, complete } = body;
  if (user.role === 'reader') refuseCostly(`${query.sql}${head.toString('latin1')}`);
  const { tokens, dataStart: start } = await on.normalise({ prefix, head, complete });
  const statement = understand(tokens);
  check(tokens, statement, job);
  const ready = (connection: Connection): Ready => ({
    connection,
    statement,
    format: formatOf(statement, query),
    scratch: (kind) => path.join(on.scratchDir, `${randomUUID()}.${kind}`),
  });
  const dataStart = start ?? prefix.length;
  const spill = async (file: string) =>
    body.spill(file, prefix.subarray(dataStart), Math.max(0, dataStart - prefix.length));
  const session = user.role === 'reader' ? null : query.session;
  const connection =
    session === null
      ? await on.engine.open()
      : await on.sessions.take(user.name, session, () => on.engine.open());
  let cancel: (() => void) | null = null;
  try {
    const comment = await prepare(
      connection,
      on,
      { ...job, query: { ...query, session } },
      statement,
    );
    if (reads(statement)) cancel = () => void on.engine.cancel(comment).catch(() => {});
    if (cancel !== null) signal.addEventListener('abort', cancel, { once: true });
    const reply = await execute(ready(connection), spill);
    return await inRevision(reply, query.nativeRevision);
  } finally {
    if (cancel !== null) signal.removeEventListener('abort', cancel);
    if (session === null) connection.close();
    else on.sessions.give(user.name, session);
  }
};
