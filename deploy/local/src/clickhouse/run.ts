/** One request: understood, allowed, prepared, run. */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { takeRole } from './access.ts';
import type { EngineRole } from './access.ts';
import type { Body } from './body.ts';
import type { Connection, Engine } from './engine.ts';
import { refusal } from './errors.ts';
import type { Disk } from './disk.ts';
import { execute } from './execute.ts';
import type { Reply, SpilledData } from './execute.ts';
import { knownFormat } from './formats.ts';
import type { Limits } from './limits.ts';
import { literal } from './literal.ts';
import type { Normaliser, Token } from './normalise.ts';
import { notForAnybody, notForReaders, readerDatabases, refuseCostly } from './reader.ts';
import { inRevision } from './revise.ts';
import type { Query } from './request.ts';
import type { Sessions } from './sessions.ts';
import { readerSettings, refuseSetting } from './settings.ts';
import type { Slots } from './slots.ts';
import { settingsIn, understand } from './statement.ts';
import type { Statement } from './statement.ts';
import type { User } from './users.ts';

export interface Runner {
  readonly engine: Engine;
  readonly normalise: Normaliser;
  readonly sessions: Sessions;
  readonly limits: Limits;
  readonly disk: Disk;
  readonly slots: Slots;
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

/** What a query may use at most: as much as the request says, but no more than one may. */
const memoryOf = ({ query, user }: Job, limits: Limits): number => {
  const most = user.role === 'reader' ? limits.queryMemoryBytes : limits.writerMemoryBytes;
  const asked = Number(query.settings.get('max_memory_usage') ?? 0);
  return asked > 0 && asked < most ? asked : most;
};

interface Prepared {
  readonly statement: Statement;
  /** Begins the query's `log_comment`, so that it can be found and cancelled. */
  readonly tag: string;
}

/** Prepares the connection: database, our defaults, the request's settings and parameters, and last the lock. */
const prepare = async (
  connection: Connection,
  on: Runner,
  job: Job,
  { statement, tag }: Prepared,
): Promise<void> => {
  const { query, user } = job;
  const { limits } = on;
  await connection.set(takeRole(roleOf(user, statement)));
  if (query.database !== '') await connection.set(`USE ${identifier(query.database)}`);
  const settings = new Map([
    // Rows are acknowledged when they are in the table, not when they are in a queue.
    ['async_insert', '0'],
    ['max_memory_usage', String(memoryOf(job, limits))],
    ['max_result_bytes', String(limits.resultBytes)],
    ...(brings(statement) ? insertDefaults : []),
    ...(user.role === 'reader' ? readerSettings(query.settings, limits) : query.settings),
    // With a token the request's own wishes must not split the block: half a retry would be taken for new rows.
    ...(query.settings.has('insert_deduplication_token') && brings(statement)
      ? insertDefaults
      : []),
  ]);
  settings.set('log_comment', `${tag} ${settings.get('log_comment') ?? ''}`.trimEnd());
  const asked = settings.get('readonly');
  settings.delete('readonly');
  const sets = [...assignments(settings), ...assignments(query.params, 'param_')];
  await connection.set(`SET ${sets.join(', ')}`);
  const lock = user.role === 'reader' ? '1' : query.readonly ? '2' : asked;
  // In a session the lock would outlive the request; there the statement's kind alone decides.
  if (lock !== undefined && query.session === null)
    await connection.set(`SET readonly = ${literal(lock)}`);
};

/** Cancels a query, and asks again until `stop`: one that has not begun to run, or is busy in one long step, is not found at once. */
const canceller = (engine: Engine, tag: string) => {
  let timer: NodeJS.Timeout | null = null;
  const ask = (pauseMs: number) => {
    void engine.cancel({ kind: 'tagged', tag }).catch(() => {});
    timer = setTimeout(() => ask(Math.min(pauseMs * 2, 2000)), pauseMs);
  };
  return {
    start: () => {
      if (timer === null) ask(50);
    },
    stop: () => {
      if (timer !== null) clearTimeout(timer);
    },
  };
};

/** @throws Refusal for what this user may not run, or nobody may. */
const check = (tokens: readonly Token[], statement: Statement, { user, query }: Job): void => {
  for (const name of [...query.settings.keys(), ...settingsIn(tokens)]) refuseSetting(name);
  const never = notForAnybody(tokens, statement, query.params);
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

/** What is known of a request before it has a slot. */
interface Whole {
  readonly statement: Statement;
  readonly data: SpilledData | null;
}

/** Reads the request to its end. @throws Refusal for what the client did wrong */
const receive = async (on: Runner, job: Job): Promise<Whole> => {
  const { query, body, user, signal } = job;
  // The SQL of the URL comes first, then the body; an insert's data begin in either.
  const prefix = query.sql === '' ? Buffer.alloc(0) : Buffer.from(`${query.sql}\n`);
  const { head, complete } = body;
  if (user.role === 'reader') refuseCostly(`${query.sql}${head.toString('latin1')}`);
  // The engine reads the statement: that is work of its own, and some texts make a lot of it.
  const leave = await on.slots.take({ role: user.role, memoryBytes: 0, signal });
  const { tokens, dataStart: start } = await on
    .normalise({ prefix, head, complete })
    .finally(leave);
  const statement = understand(tokens);
  check(tokens, statement, job);
  if (!brings(statement)) return { statement, data: null };
  const file = on.disk.body();
  const dataStart = start ?? prefix.length;
  try {
    const lead = prefix.subarray(dataStart);
    const sizeBytes = await body.spill(file, lead, Math.max(0, dataStart - prefix.length));
    return { statement, data: { file, sizeBytes } };
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  }
};

/** Runs a request that is here whole and has a slot. @throws Refusal */
const runWhole = async (on: Runner, job: Job, whole: Whole): Promise<Reply> => {
  const { query, user, signal } = job;
  const { statement } = whole;
  const session = user.role === 'reader' ? null : query.session;
  const connection =
    session === null
      ? await on.engine.open()
      : await on.sessions.take(user.name, session, () => on.engine.open());
  const tag = randomUUID();
  const cancel = canceller(on.engine, tag);
  const listens = reads(statement);
  try {
    await prepare(connection, on, { ...job, query: { ...query, session } }, { statement, tag });
    if (listens) signal.addEventListener('abort', cancel.start, { once: true });
    if (listens && signal.aborted) throw refusal('QUERY_WAS_CANCELLED', 'The client hung up');
    const reply = await execute({
      ...whole,
      connection,
      format: formatOf(statement, query),
      result: () => on.disk.result(user.name, cancel.start),
    });
    return await inRevision(reply, query.nativeRevision);
  } finally {
    cancel.stop();
    signal.removeEventListener('abort', cancel.start);
    if (session === null) connection.close();
    else on.sessions.give(user.name, session);
  }
};

/**
 * Runs one request.
 * @throws Refusal for everything the client did wrong and everything the engine refused.
 */
export const run = async (on: Runner, job: Job): Promise<Reply> => {
  const whole = await receive(on, job);
  try {
    const { user, signal } = job;
    const memoryBytes = memoryOf(job, on.limits);
    const leave = await on.slots.take({ role: user.role, memoryBytes, signal });
    try {
      return await runWhole(on, job, whole);
    } finally {
      leave();
    }
  } finally {
    if (whole.data !== null) await rm(whole.data.file, { force: true });
  }
};
