/** The thread that SQLite runs in (see `sqlite.ts`): its writes wait for the disk, and calls go on meanwhile. */
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import type { Answer, Question } from './sqlite.ts';

const database = new DatabaseSync(String(workerData));
database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000;');

const isInput = (value: unknown): value is SQLInputValue =>
  value === null ||
  ['string', 'number', 'bigint'].includes(typeof value) ||
  value instanceof Uint8Array;

const answer = ({ id, sql, parameters }: Question): Answer => {
  try {
    const statement = database.prepare(sql);
    const values = parameters.filter(isInput);
    if (values.length !== parameters.length) throw new Error('a parameter is no value of SQLite');
    if (statement.columns().length > 0) return { id, rows: statement.all(...values), changes: 0 };
    const { changes } = statement.run(...values);
    return { id, rows: [], changes: Number(changes) };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
};

parentPort?.on('message', (message: Question | 'close') => {
  if (message !== 'close') return parentPort?.postMessage(answer(message));
  database.close();
  parentPort?.close();
});
