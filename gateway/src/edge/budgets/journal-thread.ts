/**
 * The thread that keeps what was used of budgets (see `journal.ts`), in SQLite: each write is on the disk itself before it is answered, and
 * the calls go on meanwhile.
 */
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { KeptUse } from '../../decide/budgets/budgets.ts';
import type { Answer, Applied, Write } from './journal-messages.ts';

/** Amounts are larger than SQLite's integers: each is so many of these, and a rest. */
const whole = 1_000_000_000_000n;

/** Lives that wrote nothing for so long have no rows left in the spool. */
const livesKeptMs = 90 * 86_400_000;

const schema = `
  CREATE TABLE IF NOT EXISTS uses (
    identity TEXT NOT NULL, account TEXT NOT NULL, part INTEGER NOT NULL,
    whole INTEGER NOT NULL, rest INTEGER NOT NULL, at_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL,
    PRIMARY KEY (identity, account, part)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS uses_until ON uses (until_ms);
  CREATE TABLE IF NOT EXISTS applied (
    replica TEXT NOT NULL PRIMARY KEY, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

const open = (path: string): DatabaseSync => {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
  database.exec(schema);
  return database;
};

const bigintOf = (value: unknown): bigint => (typeof value === 'bigint' ? value : 0n);

const load = (database: DatabaseSync): Answer => {
  const uses = database.prepare(
    'SELECT identity, account, part, whole, rest, at_ms, until_ms FROM uses',
  );
  uses.setReadBigInts(true);
  return {
    kind: 'loaded',
    uses: uses.all().map((row): KeptUse => ({
      identity: String(row['identity']),
      account: String(row['account']),
      part: Number(row['part']),
      used: bigintOf(row['whole']) * whole + bigintOf(row['rest']),
      atMs: Number(row['at_ms']),
      untilMs: Number(row['until_ms']),
    })),
    applied: database
      .prepare('SELECT replica, seq FROM applied')
      .all()
      .map((row): Applied => ({ replica: String(row['replica']), seq: Number(row['seq']) })),
  };
};

const writer = (database: DatabaseSync) => {
  const use = database.prepare(`
    INSERT INTO uses VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
      whole = whole + excluded.whole + (rest + excluded.rest) / ${whole}, rest = (rest + excluded.rest) % ${whole},
      at_ms = max(at_ms, excluded.at_ms), until_ms = max(until_ms, excluded.until_ms)`);
  const life = database.prepare(`
    INSERT INTO applied VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq), at_ms = excluded.at_ms`);
  const over = database.prepare('DELETE FROM uses WHERE until_ms < ?');
  const old = database.prepare('DELETE FROM applied WHERE at_ms < ?');
  return ({ uses, applied, nowMs }: Write): void => {
    database.exec('BEGIN IMMEDIATE');
    try {
      for (const { identity, account, part, used, atMs, untilMs } of uses)
        use.run(
          identity,
          account,
          part,
          used / whole,
          used % whole,
          Math.ceil(atMs),
          Math.ceil(untilMs),
        );
      for (const { replica, seq } of applied) life.run(replica, seq, nowMs);
      over.run(nowMs);
      old.run(nowMs - livesKeptMs);
      database.exec('COMMIT');
    } catch (error) {
      database.exec('ROLLBACK');
      throw error;
    }
  };
};

const answering = (act: () => Answer): Answer => {
  try {
    return act();
  } catch (error) {
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
};

const first = answering(() => {
  const database = open(String(workerData));
  const write = writer(database);
  parentPort?.on('message', (message: Write | 'close') => {
    if (message === 'close') {
      database.close();
      parentPort?.close();
      return;
    }
    parentPort?.postMessage(
      answering(() => {
        write(message);
        return { kind: 'written' };
      }),
    );
  });
  return load(database);
});
parentPort?.postMessage(first);
