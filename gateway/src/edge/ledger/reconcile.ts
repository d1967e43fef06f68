/**
 * The spool's own record of what it shipped (`lives.ts`) against what the table holds: every row from the first one of
 * each remembered life, counted, once at the start and again now and then; in between, what was shipped since. Two
 * parties are compared here, not one with itself: rows that were lost after ClickHouse had taken them, refused,
 * damaged or deleted on disk show as missing, rows that went in twice as double. What is still on its way is neither: not
 * what was not shipped yet, and not what is being sent again. Nor is a row that was spared: recovery wrote it for a call
 * whose own row had gone to the table without the disk (`held.ts`), and which therefore got no second one.
 */
import {
  bothDifferences,
  differenceOf,
  minus,
  noDifference,
  noRows,
  type Difference,
  type Tally,
} from '../../decide/tally.ts';
import type { Sink } from './clickhouse.ts';
import { lifeBeganMs } from './files.ts';
import type { Kept, Shipment } from './kept.ts';
import type { Life, Lives } from './lives.ts';
import type { Sealed } from './rotation.ts';

export interface Reconciler {
  /** Rows up to here were shipped just now, but for some that were spared. */
  shipped(shipment: Shipment, spared: Tally): void;
  /** Rows of this life went to the table without the disk; none of their calls began earlier than this, epoch milliseconds. */
  sentDirectly(replica: string, sinceMs: number): void;
  difference(): Difference;
  /** When the table last answered, epoch milliseconds; null: never. */
  checkedAtMs(): number | null;
  /** Compares now. For the timer, and for who cannot wait for it. */
  check(): Promise<void>;
  stop(): Promise<void>;
}

export interface ReconcilerOptions {
  readonly sink: Pick<Sink, 'tally'>;
  readonly lives: Lives;
  readonly kept: Pick<Kept, 'seen' | 'toRetry'>;
  readonly everyMs: number;
  /** Has a segment's missing rows sent again; resolves when they were. */
  again(segment: Sealed): Promise<void>;
  /** The table did not answer. */
  onFailure(): void;
  onError(message: string): void;
}

/** Everything from the first row on is counted again this often. */
const fullEveryMs = 6 * 3_600_000;

/** What is known of the rows of one life. */
interface Account {
  /** Rows up to here are settled: seen in the table, or known to be missing. */
  checkedTo: number;
  /** Of these, rows that were spared. */
  checkedSpared: Tally;
  /** No call of the rows above began earlier. */
  sinceMs: number;
  /** Segments that are being sent again. */
  resending: number;
  /** Of the settled rows. */
  known: Difference;
  /** Of the rows above, when they were last counted. */
  open: Difference;
}

/**
 * Of a life nothing of which was counted yet, or whose rows are to be counted from the first one again. Rows that went to the
 * table without the disk stand in no segment that could say when their calls began: not before the life itself.
 */
const uncounted = ({ replica, sinceMs }: Life) => ({
  checkedTo: 0,
  checkedSpared: noRows,
  sinceMs: Math.min(sinceMs, lifeBeganMs(replica) ?? Infinity),
  known: noDifference,
  open: noDifference,
});

/** Starts comparing every `everyMs`. */
export const startReconciler = (options: ReconcilerOptions): Reconciler =>
  new RunningReconciler(options);

class RunningReconciler implements Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #accounts = new Map<string, Account>();
  readonly #stopping = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #checkedAtMs: number | null = null;
  /** When everything is to be counted from the first row again, on the monotonic clock. */
  #fullAtMs = performance.now() + fullEveryMs;
  #running: Promise<void> | null = null;
  /** The table did not answer the last time, and that was said. */
  #isSilent = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.check(), options.everyMs);
    this.#timer.unref();
  }

  shipped(shipment: Shipment, spared: Tally): void {
    const account = this.#accountOf(this.#options.lives.shipped(shipment, spared));
    account.sinceMs = Math.min(account.sinceMs, shipment.sinceMs);
  }

  sentDirectly(replica: string, sinceMs: number): void {
    // Of one that was not counted yet everything is asked for anyway.
    const account = this.#accounts.get(replica);
    if (account !== undefined) account.sinceMs = Math.min(account.sinceMs, sinceMs);
  }

  difference(): Difference {
    return [...this.#accounts.values()].reduce(
      (all, { known, open }) => bothDifferences(all, bothDifferences(known, open)),
      noDifference,
    );
  }

  checkedAtMs(): number | null {
    return this.#checkedAtMs;
  }

  check(): Promise<void> {
    return (this.#running ??= this.#checkAll().finally(() => {
      this.#running = null;
    }));
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopping.abort();
    await this.#running;
  }

  #accountOf(life: Life): Account {
    const there = this.#accounts.get(life.replica);
    if (there !== undefined) return there;
    const account: Account = { ...uncounted(life), resending: 0 };
    this.#accounts.set(life.replica, account);
    return account;
  }

  async #checkAll(): Promise<void> {
    const { lives } = this.#options;
    if (performance.now() >= this.#fullAtMs) {
      this.#fullAtMs = performance.now() + fullEveryMs;
      for (const life of lives.all()) Object.assign(this.#accountOf(life), uncounted(life));
    }
    for (const { replica } of lives.all()) if (!(await this.#checkLife(replica))) return;
    this.#checkedAtMs = Date.now();
  }

  /** False: the table does not answer, and is not asked for others either. */
  async #checkLife(replica: string): Promise<boolean> {
    const { sink, lives } = this.#options;
    const life = lives.of(replica);
    if (life === null) return true;
    const account = this.#accountOf(life);
    if (life.shippedTo <= account.checkedTo) return true;
    const stretch = { above: account.checkedTo, upTo: life.shippedTo };
    const { sinceMs } = account;
    const spared = minus(life.spared, account.checkedSpared);
    // What is shipped while the table is asked lies above this stretch, and says itself when it began.
    account.sinceMs = Infinity;
    const answer = await sink.tally(
      { ...stretch, replica, sinceMs: Math.min(sinceMs, Date.now()) },
      this.#stopping.signal,
    );
    const isSettled =
      answer.kind === 'tallied' &&
      this.#settle(life, account, differenceOf(stretch, answer, spared));
    if (!isSettled) account.sinceMs = Math.min(account.sinceMs, sinceMs);
    if (answer.kind !== 'tallied') return this.#noAnswer(answer.message);
    this.#isSilent = false;
    return true;
  }

  /** Said once, until the table answers again. */
  #noAnswer(message: string): false {
    const { onFailure, onError } = this.#options;
    onFailure();
    if (!this.#isSilent && !this.#stopping.signal.aborted)
      onError(`cannot compare the ledger with the table: ${message}`);
    this.#isSilent = true;
    return false;
  }

  /** False: what was found is not the last word, and the same rows are to be counted once more. */
  #settle(life: Life, account: Account, found: Difference): boolean {
    const { replica, shippedTo } = life;
    if (found.missing > 0) this.#resend(replica, account, found.missing);
    if (found.missing > 0 && account.resending > 0) {
      account.open = { ...found, missing: 0 };
      return false;
    }
    if (found.missing + found.double > 0)
      this.#options.onError(
        `the table does not hold what was shipped by ${replica} up to row ${shippedTo}: ${found.missing} rows missing, ${found.double} double`,
      );
    this.#options.kept.seen(replica, shippedTo);
    account.known = bothDifferences(account.known, found);
    account.open = noDifference;
    [account.checkedTo, account.checkedSpared] = [shippedTo, life.spared];
    return true;
  }

  /** Sends again what is still here of the rows that the table does not have. */
  #resend(replica: string, account: Account, missing: number): void {
    const { kept, again, onError } = this.#options;
    const retry = kept.toRetry(replica, account.checkedTo);
    if (retry.length === 0) return;
    onError(
      `${missing} rows of ${replica} are missing from the table; sending what is still here again`,
    );
    account.resending += retry.length;
    for (const { segment } of retry) void again(segment).then(() => (account.resending -= 1));
  }
}
