/** A ClickHouse that is a file: one line of JSON for each insert, read again for each question. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { Sink } from '../../../../gateway/src/edge/ledger/clickhouse.ts';

export interface Inserted {
  readonly token: string;
  readonly rows: readonly string[];
}

/** Every insert so far, also those of killed processes. */
export const insertsIn = (path: string): readonly Inserted[] =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .slice(0, -1)
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written below
        .map((line) => JSON.parse(line) as Inserted)
    : [];

const idOf = (row: string): string => row.split('"')[3] ?? '';

/** Takes everything; a token counts once, as in ClickHouse. */
export const fileSink = (path: string): Sink => ({
  insert(rows, token) {
    appendFileSync(path, `${JSON.stringify({ token, rows: rows.map(String) })}\n`);
    return Promise.resolve({ kind: 'inserted' });
  },
  find(rows) {
    const there = new Set(insertsIn(path).flatMap((insert) => insert.rows.map(idOf)));
    const ids = rows.map(({ callId }) => callId).filter((id) => there.has(id));
    return Promise.resolve({ kind: 'found', callIds: new Set(ids) });
  },
  tally: () => Promise.resolve({ kind: 'unavailable', message: 'not asked here' }),
  close: () => Promise.resolve(),
});
