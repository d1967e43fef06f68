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

/** One at a time: thousands of views of a file at once are thousands of things for the collector to keep. */
const jsonOf = (rows: readonly Row[]): Iterable<Buffer> => ({
  *[Symbol.iterator]() {
    for (const { json } of rows) yield json;
  },
});

/** Rows whose call has a row of another name in the table. */
const sparedOf = (
  rows: readonly Row[],
  rowsOf: ReadonlyMap<string, readonly string[]>,
  replica: string,
): readonly Row[] =>
  rows.filter(({ callId, seq }) => rowsOf.get(callId)?.includes(rowName(replica, seq)) === false);

const tallyOf = (rows: readonly Row[]): Tally =>
  rows.reduce((sum, { seq }) => plus(sum, { rows: 1, seqSum: BigInt(seq) }), noRows);

const together = (a: Placed, b: Placed): Placed => ({
  shipped: a.shipped + b.shipped,
  dead: a.dead + b.dead,
  spared: plus(a.spared, b.spared),
});

/** Puts a lot in, however often it takes; null: told to stop before it was done. Throws what `bury` throws. */
export const placer =
  (options: PlacerOptions) =>
  (lot: Lot): Promise<Placed | null> =>
    new Part(options, lot, lot.rows).place();

/** Rows of a lot that go in together, and what is known of them meanwhile. */
class Part {
  readonly #options: PlacerOptions;
  readonly #lot: Lot;
  readonly #rows: readonly Row[];
  /** Which half of which half: `ab`; empty: all rows of the lot. */
  readonly #name: string;
  readonly #token: string;
  #doubtful: boolean;
  #failures = 0;
  /** It was said that they cannot go in as ClickHouse is set up. */
  #isStuck = false;
  #sends = 0;
  /** The server has taken them, under some token. */
  #taken = false;
  /** How often it was asked for them since. */
  #looks = 0;
  /** Further tokens they were sent under. */
  #fresh = 0;
  /** See `Placed`. */
  #spared: readonly Row[] = [];

  constructor(options: PlacerOptions, lot: Lot, rows: readonly Row[], name = '') {
    this.#options = options;
    this.#lot = lot;
    this.#rows = rows;
    this.#name = name;
    this.#token = [lot.token, ...name.split('')].join('/');
    this.#doubtful = lot.doubtful;
  }

  async place(): Promise<Placed | null> {
    if (this.#lot.halves.isSplit(this.#name)) return this.#placeHalves();
    while (!this.#options.signal.aborted) {
      const missing = await this.#missing();
      if (missing === null) continue;
      if (missing.length === 0 && !(await this.#toldSpared())) continue;
      if (missing.length === 0) return this.#allButDead(0);
      if (this.#fresh > maxFreshTokens) return this.#giveUp(missing);
      const result = await this.#send(missing);
      switch (result.kind) {
        case 'done':
          if (!this.#doubtful) return this.#allButDead(0);
          [this.#taken, this.#looks] = [true, 0];
          break;
        case 'rows_refused':
          return this.#refused(result.message);
        case 'try_again':
        case 'cannot':
          this.#doubtful = true;
          await this.#failed(result);
      }
    }
    return null;
  }

  /** The rows that are to be sent now; null: none, look again. */
  async #missing(): Promise<readonly Row[] | null> {
    const { sink, signal, pause, maxLooks = manyLooks } = this.#options;
    if (!this.#doubtful) return this.#rows;
    const found = await sink.find(this.#rows, signal);
    if (found.kind === 'unavailable') {
      await this.#failed({ kind: 'try_again', message: found.message });
      return null;
    }
    const missing = this.#rows.filter(({ callId }) => !found.rowsOf.has(callId));
    this.#spared = sparedOf(this.#rows, found.rowsOf, this.#lot.replica);
    if (missing.length === 0 || !this.#taken) return missing;
    if (this.#looks < maxLooks) {
      this.#looks += 1;
      await pause(this.#looks);
      return null;
    }
    this.#fresh += 1;
    return missing;
  }

  /** Says in the table which rows were spared. False: to be tried again. What the table does not take for good is said, and no row waits for it. */
  async #toldSpared(): Promise<boolean> {
    const { sink, signal, onError } = this.#options;
    if (this.#spared.length === 0) return true;
    const result = await sink.spare(this.#spared, this.#lot.replica, signal);
    switch (result.kind) {
      case 'done':
        return true;
      case 'try_again':
        await this.#failed(result);
        return false;
      case 'cannot':
      case 'rows_refused':
        onError(
          `${this.#spared.length} rows whose call has another one will look missing to \`ledger verify\`: ${result.message}`,
        );
        return true;
    }
  }

  #send(rows: readonly Row[]): Promise<Inserted> {
    const { sink, signal, onResent } = this.#options;
    if (this.#sends > 0) onResent(rows.length);
    this.#sends += 1;
    return sink.insert(
      jsonOf(rows),
      this.#fresh === 0 ? this.#token : `${this.#token}/again-${this.#fresh}`,
      signal,
    );
  }

  /** Says it once, and once more when it turns out that waiting alone does not help; and waits. */
  async #failed({ kind, message }: Failed): Promise<void> {
    const { signal, pause, onFailure, onError } = this.#options;
    const { length } = this.#rows;
    onFailure();
    const stuck = kind === 'cannot' && !this.#isStuck;
    if ((this.#failures === 0 || stuck) && !signal.aborted)
      onError(
        kind === 'cannot'
          ? `ClickHouse cannot take ${length} rows as it is set up, trying again until it can: ${message}`
          : `ClickHouse did not take ${length} rows, trying again: ${message}`,
      );
    this.#isStuck ||= stuck;
    this.#failures += 1;
    await pause(this.#failures - 1);
  }

  /** A refused part: one row is set aside, more go in by halves. */
  #refused(message: string): Promise<Placed | null> {
    const [only] = this.#rows;
    if (this.#rows.length === 1 && only !== undefined) {
      this.#lot.bury(only, this.#name, message);
      return Promise.resolve({ shipped: 0, dead: 1, spared: noRows });
    }
    this.#lot.halves.split(this.#name);
    return this.#placeHalves();
  }

  async #placeHalves(): Promise<Placed | null> {
    const middle = Math.ceil(this.#rows.length / 2);
    const a = await this.#half(this.#rows.slice(0, middle), 'a').place();
    const b = a === null ? null : await this.#half(this.#rows.slice(middle), 'b').place();
    return a === null || b === null ? null : together(a, b);
  }

  #half(rows: readonly Row[], letter: 'a' | 'b'): Part {
    const lot = { ...this.#lot, doubtful: this.#doubtful };
    return new Part(this.#options, lot, rows, `${this.#name}${letter}`);
  }

  /** The server takes these rows, whatever they are called, and does not have them. */
  #giveUp(rows: readonly Row[]): Placed {
    const reason = 'it was taken and is not in the table';
    for (const row of rows) this.#lot.bury(row, `${this.#name}.${row.callId}`, reason);
    return this.#allButDead(rows.length);
  }

  #allButDead(dead: number): Placed {
    return { shipped: this.#rows.length - dead, dead, spared: tallyOf(this.#spared) };
  }
}
