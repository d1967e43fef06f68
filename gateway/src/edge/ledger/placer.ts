/**
 * Gets the rows of one segment into ClickHouse. What the server refuses is halved down to the row, each part under a
 * token of its own that is the same however often it is tried, and a refused row is set aside in `dead/`.
 */
import { writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Sink } from './clickhouse.ts';

const newline = Buffer.from('\n');

/** Where the rows of a segment are, once all of them are somewhere. */
export interface Placed {
  readonly shipped: number;
  readonly dead: number;
}

export interface PlacerOptions {
  readonly sink: Sink;
  readonly replica: string;
  readonly signal: AbortSignal;
  /** Waits before the next try; false: told to stop. */
  pause(tries: number): Promise<boolean>;
  onResent(rows: number): void;
  onError(message: string): void;
}

/**
 * Puts the rows of the segment at `path` in, however often it takes; null: told to stop before it was done.
 * Throws when a refused row cannot be set aside.
 */
export const placer = ({ sink, replica, signal, pause, onResent, onError }: PlacerOptions) => {
  const bury = (path: string, halves: string, row: Buffer, message: string): Placed => {
    const name = `${basename(path, '.seg')}${halves === '' ? '' : `.${halves}`}.json`;
    writeFileSync(join(dirname(path), 'dead', name), Buffer.concat([row, newline]), {
      mode: 0o600,
    });
    onError(`ClickHouse refused a ledger row, set aside as dead/${name}: ${message}`);
    return { shipped: 0, dead: 1 };
  };

  /** @param halves which part of the segment these rows are: `ab` is the second half of the first half */
  const put = async (
    path: string,
    rows: readonly Buffer[],
    halves: string,
  ): Promise<Placed | null> => {
    const token = [replica, basename(path, '.seg'), ...halves.split('')].join('/');
    for (let tries = 0; !signal.aborted; tries += 1) {
      if (tries > 0) onResent(rows.length);
      const result = await sink.insert(rows, token, signal);
      switch (result.kind) {
        case 'inserted':
          return { shipped: rows.length, dead: 0 };
        case 'refused': {
          const [only] = rows;
          if (rows.length === 1 && only !== undefined)
            return bury(path, halves, only, result.message);
          const half = Math.ceil(rows.length / 2);
          const a = await put(path, rows.slice(0, half), `${halves}a`);
          const b = a === null ? null : await put(path, rows.slice(half), `${halves}b`);
          return a === null || b === null
            ? null
            : { shipped: a.shipped + b.shipped, dead: a.dead + b.dead };
        }
        case 'unavailable':
          if (tries === 0 && !signal.aborted)
            onError(`ClickHouse did not take ${rows.length} rows, trying again: ${result.message}`);
          if (!(await pause(tries))) return null;
      }
    }
    return null;
  };
  return (path: string, rows: readonly Buffer[]): Promise<Placed | null> => put(path, rows, '');
};
