/**
 * One statement before the engine and before the gate: what the engine does with the client's own bytes when nothing holds it, and
 * what comes of them through the gate, for a reader and for a writer.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { startCounters } from '../../deploy/local/src/clickhouse/counters.ts';
import { openDisk } from '../../deploy/local/src/clickhouse/disk.ts';
import { openEngine } from '../../deploy/local/src/clickhouse/engine.ts';
import { readLimits } from '../../deploy/local/src/clickhouse/limits.ts';
import { startNormaliser } from '../../deploy/local/src/clickhouse/normalise.ts';
import { mayCall } from '../../deploy/local/src/clickhouse/reader-functions.ts';
import { parseRequest } from '../../deploy/local/src/clickhouse/request.ts';
import { run } from '../../deploy/local/src/clickhouse/run.ts';
import { startSessions } from '../../deploy/local/src/clickhouse/sessions.ts';
import { startSlots } from '../../deploy/local/src/clickhouse/slots.ts';
import { takesData } from '../../deploy/local/src/clickhouse/statement.ts';
import type { User } from '../../deploy/local/src/clickhouse/users.ts';
import type { Files, Written } from './statements.ts';

/** What stands in the file that no statement may read. */
export const canary = 'canary-b7d2';

export interface Findings {
  /** The client's bytes, run as they are by an engine that nothing holds, read or wrote a canary. */
  readonly dangerous: boolean;
  readonly answered: Readonly<Record<User['role'], boolean>>;
  /** What the gate must never do, in words. */
  readonly faults: readonly string[];
}

interface Happened {
  readonly ok: boolean;
  readonly text: string;
  readonly reached: boolean;
}

/** What became of a statement. `stained`: whether the table holds a canary now; it is emptied then. */
const happened = async (
  files: Files,
  stained: () => Promise<boolean>,
  work: () => Promise<Uint8Array>,
): Promise<Happened> => {
  let text = '';
  let ok = false;
  try {
    text = Buffer.from(await work()).toString('latin1');
    ok = true;
  } catch (error) {
    text = error instanceof Error ? error.message : String(error);
  }
  const wrote = existsSync(files.write);
  rmSync(files.write, { force: true });
  // An insert says nothing; what it read stands in the table, where a later statement would find it.
  const inserted = await stained();
  return { ok, text, reached: wrote || inserted || text.includes(canary) };
};

const functionNames = /^ *Function (\S+)/gm;

/** What an answer says, whatever the order: the parts of a UNION come as they are ready. */
const meant = (sql: string, text: string): string =>
  /union/i.test(sql)
    ? Buffer.from(Buffer.from(text, 'latin1').toSorted()).toString('latin1')
    : text;

export interface Stand {
  /** Whether each text is one statement to the engine; asked for many at once. */
  readonly parses: (statements: readonly string[]) => Promise<readonly boolean[]>;
  readonly trial: (written: Written, files: Files) => Promise<Findings>;
  readonly close: () => void;
}

/** Opens an engine on a directory and sets the gate up before it. */
export const openStand = async (directory: string, scratchDir: string): Promise<Stand> => {
  // A statement that nothing holds may take all the memory there is; what is asked here is what it reaches.
  const limits = readLimits({ TOLLGATE_CLICKHOUSE_MAX_MEMORY_BYTES: String(2 * 2 ** 30) });
  const engine = openEngine(directory, limits);
  const sessions = startSessions(1);
  const ask = startNormaliser(engine, takesData, limits.queryBytes);
  // Both users ask the same: the engine need not read it twice.
  let last: { readonly sql: string; readonly normal: ReturnType<typeof ask> } | null = null;
  const normalise: typeof ask = async (asked) => {
    const sql = asked.head.toString('latin1');
    if (last?.sql !== sql) last = { sql, normal: ask(asked) };
    return last.normal;
  };
  const counters = startCounters();
  const disk = openDisk(scratchDir, limits, counters);
  const slots = startSlots(limits, counters);
  const runner = { engine, normalise, sessions, limits, disk, slots };
  const setup = await engine.open();
  await setup.write('CREATE DATABASE IF NOT EXISTS tollgate');
  await setup.write('CREATE TABLE IF NOT EXISTS tollgate.t (a String) ENGINE = Memory');
  setup.close();

  const stained = async (): Promise<boolean> => {
    const connection = await engine.open();
    try {
      const looked = await connection.read(
        `SELECT count() FROM tollgate.t WHERE position(a, '${canary}') > 0`,
        'TSV',
      );
      if (Buffer.from(looked.bytes).toString('utf8').trim() === '0') return false;
      await connection.write('TRUNCATE TABLE tollgate.t');
      return true;
    } finally {
      connection.close();
    }
  };

  /** Runs SQL as it is, with every right. */
  const unheld = async (sql: string, files: Files): Promise<Uint8Array> => {
    const connection = await engine.open();
    try {
      await connection.set(`SET param_p = 'x', param_t = '${files.read}'`);
      return (await connection.read(sql, 'TSVRaw')).bytes;
    } finally {
      connection.close();
    }
  };

  const gated = async (sql: string, role: User['role'], files: Files): Promise<Uint8Array> => {
    const url = new URL('http://clickhouse.invalid/');
    url.searchParams.set('default_format', 'TSVRaw');
    url.searchParams.set('param_p', 'x');
    url.searchParams.set('param_t', files.read);
    const query = parseRequest({ method: 'POST', url, header: () => undefined }, 10);
    const head = Buffer.from(sql);
    const body = { head, complete: true, spill: async () => 0 };
    const user = { name: role, password: '', role };
    const reply = await run(runner, { query, user, body, signal: new AbortController().signal });
    if (reply.rows.kind === 'bytes') return reply.rows.bytes;
    const bytes = readFileSync(reply.rows.file);
    await reply.rows.release();
    return bytes;
  };

  return {
    async parses(statements) {
      const list = statements.map((sql) => `'${Buffer.from(sql).toString('hex')}'`).join(', ');
      const connection = await engine.open();
      try {
        await connection.set('SET max_query_size = 100000000');
        const { bytes } = await connection.read(
          `SELECT formatQuerySingleLineOrNull(unhex(arrayJoin([${list}]))) IS NOT NULL`,
          'TSV',
        );
        return Buffer.from(bytes)
          .toString('utf8')
          .trim()
          .split('\n')
          .map((line) => line === '1');
      } finally {
        connection.close();
      }
    },
    async trial({ sql, tame }, files) {
      const faults: string[] = [];
      const raw = await happened(files, stained, async () => unheld(sql, files));
      const answered = { reader: false, writer: false };
      for (const role of ['reader', 'writer'] as const) {
        const { ok, text, reached } = await happened(files, stained, async () =>
          gated(sql, role, files),
        );
        answered[role] = ok;
        if (reached) faults.push(`${role}: a canary was read or written`);
        if (ok && raw.reached)
          faults.push(`${role}: answered, though the engine reaches a file with it`);
        if (ok && tame && meant(sql, text) !== meant(sql, raw.text))
          faults.push(`${role}: ${text} is not ${raw.text}`);
      }
      if (answered.reader) {
        // The functions of the statement as the engine's parser has them, which is not how the gate reads them.
        const tree = Buffer.from(
          // An expression alone is a SELECT to the engine (`implicit_select`), but not behind EXPLAIN.
          await unheld(`EXPLAIN AST ${sql}`, files).catch(async () =>
            unheld(`EXPLAIN AST SELECT ${sql}`, files),
          ),
        ).toString('utf8');
        const calls = [...tree.matchAll(functionNames)].map(([, name = '']) => name);
        const others = calls.filter((name) => name !== 'lambda' && !mayCall(name));
        if (others.length > 0) faults.push(`reader: answered with ${others.join(', ')} in it`);
      }
      return { dangerous: raw.reached, answered, faults };
    },
    close: () => engine.close(),
  };
};
