/** A ClickHouse that is a file: one line of JSON for each insert, read again for each question. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { rowName, type Sink } from '../../../../gateway/src/edge/ledger/clickhouse.ts';

export interface Inserted {
  readonly token: string;
  readonly rows: readonly string[];
}

const parsed = (line: string): Inserted[] => {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written below
    return [JSON.parse(line) as Inserted];
  } catch {
    // Its writer was killed in the middle: it was never inserted.
    return [];
  }
};

/** Every insert so far, also those of killed processes. */
export const insertsIn = (path: string): readonly Inserted[] =>
  existsSync(path) ? readFileSync(path, 'utf8').split('\n').flatMap(parsed) : [];

/** Appends one insert. On a line of its own, whatever a killed writer left before it. */
export const appendInsert = (path: string, rows: readonly Buffer[], token: string): void =>
  appendFileSync(path, `\n${JSON.stringify({ token, rows: rows.map(String) })}\n`);

/** The call of a row, and what the row is called. */
const namesIn = (row: string): [string, string[]] => {
  const values: unknown = JSON.parse(row);
  const [, id, replica, seq] = Array.isArray(values) ? values.map(String) : [];
  return [id ?? '', [rowName(replica ?? '', seq ?? '')]];
};

/** Takes everything; a token counts once, as in ClickHouse. */
export const fileSink = (path: string): Sink => ({
  insert(rows, token) {
    appendInsert(path, [...rows], token);
    return Promise.resolve({ kind: 'done' });
  },
  find(rows) {
    const asked = new Set(rows.map(({ callId }) => callId));
    const there = insertsIn(path).flatMap((insert) => insert.rows.map(namesIn));
    const rowsOf = new Map(there.filter(([id]) => asked.has(id)));
    return Promise.resolve({ kind: 'found', rowsOf });
  },
  spare: () => Promise.resolve({ kind: 'done' }),
  tally: () => Promise.resolve({ kind: 'unavailable', message: 'not asked here' }),
  close: () => Promise.resolve(),
});
