/**
 * The spool's own record of what it shipped (`lives.ts`) against what the table holds: every row from the first one of
 * each remembered life, counted, once at the start and again now and then; in between, what was shipped since. Two
 * parties are compared here, not one with itself: rows that were lost after ClickHouse had taken them, refused,
 * damaged or deleted on disk show as missing, rows that went in twice as double. What is still on its way is neither: not
 * what was not shipped yet, and not what is being sent again. Nor is a row that was spared: recovery wrote it for a call
 * whose own row had gone to the table without the disk (`held.ts`), and which therefore got no second one.
 */
import type { Sink } from './clickhouse.ts';
import type { Kept, Shipment } from './kept.ts';
import type { Life, Lives } from './lives.ts';
import type { Sealed } from './rotation.ts';
import { minus, noRows, type Tally } from './tally.ts';

export interface Difference {
  /** Rows that were shipped and are not in the table. */
  readonly missing: number;
  /** Rows that are in the table more than once. */
  readonly double: number;
}

export interface Reconciler {
  /** Rows up to here were shipped just now, but for some that were spared. */
  shipped(shipment: Shipment, spared: Tally): void;
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

const none: Difference = { missing: 0, double: 0 };
const sum = (a: Difference, b: Difference): Difference => ({
  missing: a.missing + b.missing,
  double: a.double + b.double,
});

/** The sum of the whole numbers above `above` up to `upTo`. */
const seqSum = (above: number, upTo: number): bigint =>
  (BigInt(upTo) * (BigInt(upTo) + 1n) - BigInt(above) * (BigInt(above) + 1n)) / 2n;

/** How a count of rows numbered above `above` up to `upTo` differs from one row each, but for the ones that were spared. */
export const differenceOf = (
  { above, upTo }: { readonly above: number; readonly upTo: number },
  found: Tally,
  spared: Tally = noRows,
): Difference => {
  const expected = upTo - above - spared.rows;
  if (found.rows !== expected)
    return {
      missing: Math.max(0, expected - found.rows),
      double: Math.max(0, found.rows - expected),
    };
  // As many as there should be, and not the same ones: at least one is missing, and another one double.
  return found.seqSum === seqSum(above, upTo) - spared.seqSum ? none : { missing: 1, double: 1 };
};

/** Starts comparing every `everyMs`. */
export const startReconciler = (options: ReconcilerOptions): Reconciler => {
  const { sink, lives, kept, onError } = options;
  const accounts = new Map<string, Account>();
  const stopping = new AbortController();
  let checkedAtMs: number | null = null;
  let fullAtMs = performance.now() + fullEveryMs;
  let running: Promise<void> | null = null;
  let silent = false;

  const accountOf = ({ replica, sinceMs }: Life): Account => {
    const there = accounts.get(replica);
    if (there !== undefined) return there;
    const account: Account = {
      checkedTo: 0,
      checkedSpared: noRows,
      sinceMs,
      resending: 0,
      known: none,
      open: none,
    };
    accounts.set(replica, account);
    return account;
  };

  /** Sends again what is still here of the rows that the table does not have. */
  const resend = (replica: string, account: Account, missing: number): void => {
    const retry = kept.toRetry(replica, account.checkedTo);
    if (retry.length === 0) return;
    onError(
      `${missing} rows of ${replica} are missing from the table; sending what is still here again`,
    );
    account.resending += retry.length;
    for (const { segment } of retry)
      void options.again(segment).then(() => (account.resending -= 1));
  };

  /** False: what was found is not the last word, and the same rows are to be counted once more. */
  const settle = (life: Life, account: Account, found: Difference): boolean => {
    const { replica, shippedTo } = life;
    if (found.missing > 0) resend(replica, account, found.missing);
    if (found.missing > 0 && account.resending > 0) {
      account.open = { ...found, missing: 0 };
      return false;
    }
    if (found.missing + found.double > 0)
      onError(
        `the table does not hold what was shipped by ${replica} up to row ${shippedTo}: ${found.missing} rows missing, ${found.double} double`,
      );
    kept.seen(replica, shippedTo);
    account.known = sum(account.known, found);
    account.open = none;
    [account.checkedTo, account.checkedSpared] = [shippedTo, life.spared];
    return true;
  };

  const checkLife = async (replica: string): Promise<boolean> => {
    const life = lives.of(replica);
    if (life === null) return true;
    const account = accountOf(life);
    if (life.shippedTo <= account.checkedTo) return true;
    const stretch = { above: account.checkedTo, upTo: life.shippedTo };
    const { sinceMs } = account;
    const spared = minus(life.spared, account.checkedSpared);
    // What is shipped while the table is asked lies above this stretch, and says itself when it began.
    account.sinceMs = Infinity;
    const answer = await sink.tally(
      { ...stretch, replica, sinceMs: Math.min(sinceMs, Date.now()) },
      stopping.signal,
    );
    const isSettled =
      answer.kind === 'tallied' && settle(life, account, differenceOf(stretch, answer, spared));
    if (!isSettled) account.sinceMs = Math.min(account.sinceMs, sinceMs);
    if (answer.kind === 'tallied') {
      silent = false;
      return true;
    }
    options.onFailure();
    if (!silent && !stopping.signal.aborted)
      onError(`cannot compare the ledger with the table: ${answer.message}`);
    silent = true;
    return false;
  };

  const round = async (): Promise<void> => {
    if (performance.now() >= fullAtMs) {
      fullAtMs = performance.now() + fullEveryMs;
      for (const life of lives.all())
        Object.assign(accountOf(life), {
          checkedTo: 0,
          checkedSpared: noRows,
          sinceMs: life.sinceMs,
          known: none,
          open: none,
        });
    }
    for (const { replica } of lives.all()) if (!(await checkLife(replica))) return;
    checkedAtMs = Date.now();
  };
  const check = (): Promise<void> =>
    (running ??= round().finally(() => {
      running = null;
    }));

  const timer = setInterval(() => void check(), options.everyMs);
  timer.unref();
  return {
    check,
    checkedAtMs: () => checkedAtMs,
    shipped(shipment, spared) {
      const account = accountOf(lives.shipped(shipment, spared));
      account.sinceMs = Math.min(account.sinceMs, shipment.sinceMs);
    },
    difference: () =>
      [...accounts.values()].reduce((all, { known, open }) => sum(all, sum(known, open)), none),
    async stop() {
      clearInterval(timer);
      stopping.abort();
      await running;
    },
  };
};
