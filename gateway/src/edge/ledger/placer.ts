/**
 * Gets rows into ClickHouse, each once. Rows of which nobody knows whether they went in are asked for first, by call
 * id, and only those that are not there are sent: a deduplication token alone is forgotten with time, with a power
 * loss of the server, and by a merge of tables. What the server refuses is halved down to the row, each part under a
 * token of its own that is the same however often it is tried, and a refused row is set aside.
 */
import type { Row, Sink } from './clickhouse.ts';
import type { Halves } from './halves.ts';

/** Where rows are, once all of them are somewhere. */
export interface Placed {
  readonly shipped: number;
  readonly dead: number;
}

/** Rows that go in together, and what they are called. */
export interface Lot {
  readonly rows: readonly Row[];
  /** Names these rows to the server, for ever. */
  readonly token: string;
  readonly halves: Halves;
  /** Some of them may be there already. */
  readonly doubtful: boolean;
  /** Sets a refused row aside; throws when it cannot. */
  bury(row: Row, part: string, reason: string): void;
}

export interface PlacerOptions {
  readonly sink: Sink;
  readonly signal: AbortSignal;
  /** How often to ask for rows that the server took and does not show, before they are sent under another token. */
  readonly maxLooks?: number | undefined;
  /** Waits before the next try; false: told to stop. */
  pause(tries: number): Promise<boolean>;
  onResent(rows: number): void;
  /** The server did not take rows or did not answer a question about them. */
  onFailure(): void;
  onError(message: string): void;
}

/** Questions after an insert that the server took and does not show; a replica that lags behind catches up meanwhile. */
const manyLooks = 8;
/** Further tokens for rows that the server takes and then does not have. */
const maxFreshTokens = 2;

/** Puts a lot in, however often it takes; null: told to stop before it was done. Throws what `bury` throws. */
export const placer = (options: PlacerOptions) => {
  const { sink, signal, pause, onResent, onFailure, onError, maxLooks = manyLooks } = options;
  const bothHalves = async (
    lot: Lot,
    rows: readonly Row[],
    part: string,
  ): Promise<Placed | null> => {
    const middle = Math.ceil(rows.length / 2);
    const a = await put(lot, rows.slice(0, middle), `${part}a`);
    const b = a === null ? null : await put(lot, rows.slice(middle), `${part}b`);
    return a === null || b === null
      ? null
      : { shipped: a.shipped + b.shipped, dead: a.dead + b.dead };
  };

  const put = async (lot: Lot, rows: readonly Row[], part: string): Promise<Placed | null> => {
    if (lot.halves.isSplit(part)) return bothHalves(lot, rows, part);
    const token = [lot.token, ...part.split('')].join('/');
    let { doubtful } = lot;
    let failures = 0;
    /** Since the server last took rows: how often it was asked for them. */
    let looks = 0;
    let fresh = 0;
    let taken = false;

    /** Says it once, and waits; false: told to stop. */
    const failed = (message: string): Promise<boolean> => {
      onFailure();
      if (failures === 0 && !signal.aborted)
        onError(`ClickHouse did not take ${rows.length} rows, trying again: ${message}`);
      failures += 1;
      return pause(failures - 1);
    };

    let sends = 0;
    while (!signal.aborted) {
      let missing = rows;
      if (doubtful) {
        const found = await sink.find(rows, signal);
        if (found.kind === 'unavailable') {
          if (!(await failed(found.message))) return null;
          continue;
        }
        missing = rows.filter(({ callId }) => !found.callIds.has(callId));
        if (missing.length === 0) return { shipped: rows.length, dead: 0 };
        if (taken && looks < maxLooks) {
          looks += 1;
          if (!(await pause(looks))) return null;
          continue;
        }
        if (taken && fresh === maxFreshTokens) {
          for (const row of missing)
            lot.bury(row, `${part}.${row.callId}`, 'it was taken and is not in the table');
          return { shipped: rows.length - missing.length, dead: missing.length };
        }
        if (taken) fresh += 1;
      }
      if (sends > 0) onResent(missing.length);
      sends += 1;
      const name = fresh === 0 ? token : `${token}/again-${fresh}`;
      const result = await sink.insert(
        missing.map(({ json }) => json),
        name,
        signal,
      );
      switch (result.kind) {
        case 'inserted':
          if (!doubtful) return { shipped: rows.length, dead: 0 };
          [taken, looks] = [true, 0];
          break;
        case 'refused': {
          const [only] = rows;
          if (rows.length === 1 && only !== undefined) {
            lot.bury(only, part, result.message);
            return { shipped: 0, dead: 1 };
          }
          lot.halves.split(part);
          return bothHalves({ ...lot, doubtful }, rows, part);
        }
        case 'unavailable':
          doubtful = true;
          if (!(await failed(result.message))) return null;
      }
    }
    return null;
  };
  return (lot: Lot): Promise<Placed | null> => put(lot, lot.rows, '');
};
