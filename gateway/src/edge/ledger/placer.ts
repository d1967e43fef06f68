/**
 * Gets rows into ClickHouse, each once. Rows of which nobody knows whether they went in are asked for first, by call
 * id, and only those that are not there are sent: a deduplication token alone is forgotten with time, with a power
 * loss of the server, and by a merge of tables. What the server refuses is halved down to the row, each part under a
 * token of its own that is the same however often it is tried, and a refused row is set aside.
 */
import type { Inserted } from '@tollgate/clickhouse/edge/insert-once.ts';
import { rowName, type Row, type Sink } from './clickhouse.ts';
import type { Halves } from './halves.ts';
import { noRows, plus, type Tally } from '../../decide/tally.ts';

/** Where rows are, once all of them are somewhere. */
export interface Placed {
  readonly shipped: number;
  readonly dead: number;
  /** Rows that were not sent, and count as shipped: their call had a row of another name in the table. */
  readonly spared: Tally;
}

/** Rows that go in together, and what they are called. */
export interface Lot {
  readonly rows: readonly Row[];
  /** The life of a gateway that wrote them. */
  readonly replica: string;
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
  /** Waits before the next try, unless told to stop. */
  pause(tries: number): Promise<unknown>;
  onResent(rows: number): void;
  /** The server did not take rows or did not answer a question about them. */
  onFailure(): void;
  onError(message: string): void;
}

/** Questions after an insert that the server took and does not show; a replica that lags behind catches up meanwhile. */
const manyLooks = 8;
/** Further tokens for rows that the server takes and then does not have. */
const maxFreshTokens = 2;

type Failed = Extract<Inserted, { readonly kind: 'try_again' | 'cannot' }>;

/** What is known of the rows of one part while they are being put in. */
interface Known {
  doubtful: boolean;
  failures: number;
  /** It was said that they cannot go in as ClickHouse is set up. */
  stuck: boolean;
  sends: number;
  /** The server has taken them, under some token. */
  taken: boolean;
  /** How often it was asked for them since. */
  looks: number;
  /** Further tokens they were sent under. */
  fresh: number;
  /** See `Placed`. */
  spared: Tally;
}

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
      : {
          shipped: a.shipped + b.shipped,
          dead: a.dead + b.dead,
          spared: plus(a.spared, b.spared),
        };
  };

  /** Says it once, and once more when it turns out that waiting alone does not help; and waits. */
  const failed = async (known: Known, rows: number, { kind, message }: Failed): Promise<void> => {
    onFailure();
    const stuck = kind === 'cannot' && !known.stuck;
    if ((known.failures === 0 || stuck) && !signal.aborted)
      onError(
        kind === 'cannot'
          ? `ClickHouse cannot take ${rows} rows as it is set up, trying again until it can: ${message}`
          : `ClickHouse did not take ${rows} rows, trying again: ${message}`,
      );
    known.stuck ||= stuck;
    known.failures += 1;
    await pause(known.failures - 1);
  };

  /** The rows that are to be sent now; null: none, look again. */
  const wanted = async (
    known: Known,
    rows: readonly Row[],
    replica: string,
  ): Promise<readonly Row[] | null> => {
    if (!known.doubtful) return rows;
    const found = await sink.find(rows, signal);
    if (found.kind === 'unavailable') {
      await failed(known, rows.length, { kind: 'try_again', message: found.message });
      return null;
    }
    const missing = rows.filter(({ callId }) => !found.rowsOf.has(callId));
    known.spared = rows
      .filter(
        ({ callId, seq }) => found.rowsOf.get(callId)?.includes(rowName(replica, seq)) === false,
      )
      .reduce((sum, { seq }) => plus(sum, { rows: 1, seqSum: BigInt(seq) }), noRows);
    if (missing.length === 0 || !known.taken) return missing;
    if (known.looks < maxLooks) {
      known.looks += 1;
      await pause(known.looks);
      return null;
    }
    known.fresh += 1;
    return missing;
  };

  /** A refused part: one row is set aside, more go in by halves. */
  const refused = (
    lot: Lot,
    rows: readonly Row[],
    part: string,
    message: string,
  ): Promise<Placed | null> => {
    const [only] = rows;
    if (rows.length === 1 && only !== undefined) {
      lot.bury(only, part, message);
      return Promise.resolve({ shipped: 0, dead: 1, spared: noRows });
    }
    lot.halves.split(part);
    return bothHalves(lot, rows, part);
  };

  const put = async (lot: Lot, rows: readonly Row[], part: string): Promise<Placed | null> => {
    if (lot.halves.isSplit(part)) return bothHalves(lot, rows, part);
    const { doubtful } = lot;
    const known: Known = {
      doubtful,
      failures: 0,
      stuck: false,
      sends: 0,
      taken: false,
      looks: 0,
      fresh: 0,
      spared: noRows,
    };
    const token = [lot.token, ...part.split('')].join('/');
    while (!signal.aborted) {
      const missing = await wanted(known, rows, lot.replica);
      const { spared } = known;
      if (missing === null) continue;
      if (missing.length === 0) return { shipped: rows.length, dead: 0, spared };
      if (known.fresh > maxFreshTokens) {
        const reason = 'it was taken and is not in the table';
        for (const row of missing) lot.bury(row, `${part}.${row.callId}`, reason);
        return { shipped: rows.length - missing.length, dead: missing.length, spared };
      }
      if (known.sends > 0) onResent(missing.length);
      known.sends += 1;
      const result = await sink.insert(
        missing.map(({ json }) => json),
        known.fresh === 0 ? token : `${token}/again-${known.fresh}`,
        signal,
      );
      switch (result.kind) {
        case 'done':
          if (!known.doubtful) return { shipped: rows.length, dead: 0, spared };
          [known.taken, known.looks] = [true, 0];
          break;
        case 'rows_refused':
          return refused({ ...lot, doubtful: known.doubtful }, rows, part, result.message);
        case 'try_again':
        case 'cannot':
          known.doubtful = true;
          await failed(known, rows.length, result);
      }
    }
    return null;
  };
  return (lot: Lot): Promise<Placed | null> => put(lot, lot.rows, '');
};
