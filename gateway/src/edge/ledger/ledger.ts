/** The ledger as the rest of the gateway sees it: intents in, settlements in, rows out to ClickHouse. */
import { randomInt } from 'node:crypto';
import type { PriceTable } from '../../decide/price.ts';
import type { Tally } from '../../decide/tally.ts';
import type { ByteText } from '../../model/byte-text.ts';
import type { Settlement } from '../../model/settlement.ts';
import { asideIn, type Aside } from './aside.ts';
import type { Sink } from './clickhouse.ts';
import { awaitDirectory, newIncarnation, segmentFiles } from './files.ts';
import { startRelief, type Relief } from './held.ts';
import { spoolId, type Head } from './identity.ts';
import { inherit, type Inherited } from './inherit.ts';
import { crashSettlement } from './intent.ts';
import { keptSegments, type Kept, type Shipment } from './kept.ts';
import { markLine, startLives, type Lives } from './lives.ts';
import { callsWithoutRow } from './lost-rows.ts';
import type { RowObserver } from './observer.ts';
import { startReconciler, type Reconciler } from './reconcile.ts';
import { startReserve, withRoom, type Reserve } from './reserve.ts';
import type { Sealed } from './rotation.ts';
import { startRows, type Rows } from './rows.ts';
import { startShipper, type Shipper } from './shipper.ts';
import type { SpoolLimits } from './spool-options.ts';
import { startSpool, type Spool } from './spool.ts';
import { totalsFrom, type SpoolTotals } from './totals.ts';

/** How often shipped segments that were kept long enough are looked for. */
const sweepMs = 1_000;

export interface LedgerLimits extends SpoolLimits {
  /** Kept free on the disk for the rows of calls in flight. */
  readonly reserveBytes: number;
  /** How long a shipped segment stays. */
  readonly keepShippedMs: number;
  /** How often the table is compared with what was shipped. */
  readonly reconcileMs: number;
}

export interface Ledger {
  readonly spool: Spool;
  readonly shipper: Shipper;
  readonly aside: Pick<Aside, 'lying'>;
  readonly kept: Pick<Kept, 'bytes'>;
  readonly reconciler: Pick<Reconciler, 'difference' | 'checkedAtMs' | 'check'>;
  /**
   * The close of a call: its row, in the spool with the next commit.
   * @param written told once whether the row is in the file, where it survives kill -9
   */
  settle(settlement: Settlement, written?: (durable: boolean) => void): void;
  /** Calls accounted for at start that an earlier life had left open. */
  readonly recovered: number;
  /** When the oldest row that is not in ClickHouse was written, epoch milliseconds; null: all are there. */
  oldestRowAtMs(): number | null;
  /** Seals, ships within the time given, and lets the directory go. What is not shipped is shipped at the next start. */
  stop(withinMs: number): Promise<{ readonly allShipped: boolean }>;
}

export interface LedgerOptions {
  readonly dir: string;
  /** How long to wait for another gateway that has the directory, and who is told that we wait. */
  readonly lockWaitMs: number;
  onLockWait(message: string): void;
  /** This replica's name; the incarnation is added. */
  readonly replica: string;
  readonly limits: LedgerLimits;
  /** So many spools share the disk. Left out: this one has it for itself. */
  readonly spools?: number;
  readonly prices: PriceTable;
  readonly sink: Sink;
  readonly observer: RowObserver;
  onCommit(seconds: number): void;
  onShipped(seconds: number): void;
  /** A settled call has no row and will have none. */
  onDropped(settlement: Settlement): void;
  onError(message: string): void;
}

export type LedgerStart =
  | { readonly kind: 'started'; readonly ledger: Ledger }
  | { readonly kind: 'failed'; readonly message: string };

/**
 * Takes the directory, accounts for what an earlier life left, and starts spooling and shipping.
 * Intents without a close become rows `crashed` in a segment of their own; doing it twice changes nothing, because
 * that segment then holds their closes, and a call that has a row in the table gets no second one.
 */
export const startLedger = async (options: LedgerOptions): Promise<LedgerStart> => {
  const { dir, sink } = options;
  const lock = await awaitDirectory(dir, options.lockWaitMs, options.onLockWait);
  if (lock.kind === 'failed') {
    await sink.close();
    return lock;
  }
  try {
    return { kind: 'started', ledger: await start(options, () => lock.release()) };
  } catch (error) {
    await sink.close();
    await options.observer.onStop();
    lock.release();
    return {
      kind: 'failed',
      message: `the ledger directory ${dir} cannot be used: ${String(error)}`,
    };
  }
};

const start = async (options: LedgerOptions, release: () => void): Promise<Ledger> => {
  const { dir, limits, spools, prices, onError } = options;
  await options.observer.onStart();
  const aside = asideIn(dir, onError);
  const kept = keptSegments(
    limits.keepShippedMs,
    (replica, toSeq) => options.observer.mayForget(replica, toSeq),
    onError,
  );
  const lives = startLives(Date.now());
  const spool = spoolId(dir);
  const files = segmentFiles(dir);
  const incarnation = newIncarnation(Date.now(), randomInt(0x1_0000), files);
  const identity = { spool, replica: `${options.replica}.${incarnation}` };
  const rows = startRows(dir, identity.replica);
  const reserve = startReserve(dir, limits.reserveBytes, spools);
  const inherited = await inherit({
    dir,
    files,
    incarnation,
    identity,
    lives,
    aside,
    prices,
    rows,
    observer: options.observer,
    makeRoom: () => reserve.release(),
    onError,
  });
  rows.seal();
  return new RunningLedger(options, {
    identity,
    incarnation,
    aside,
    kept,
    lives,
    rows,
    inherited,
    reserve,
    release,
  });
};

/** What a ledger is made of, beside its options. */
interface Parts {
  readonly identity: Omit<Head, 'firstSeq'>;
  readonly incarnation: string;
  readonly aside: Aside;
  readonly kept: Kept;
  readonly lives: Lives;
  readonly rows: Rows;
  readonly inherited: Inherited;
  readonly reserve: Reserve;
  /** Lets the directory go. */
  release(): void;
}

class RunningLedger implements Ledger {
  readonly spool: Spool;
  readonly shipper: Shipper;
  readonly aside: Aside;
  readonly kept: Kept;
  readonly reconciler: Reconciler;
  readonly recovered: number;
  readonly #options: LedgerOptions;
  readonly #parts: Parts;
  readonly #relief: Relief;
  readonly #sweep: NodeJS.Timeout;

  constructor(options: LedgerOptions, parts: Parts) {
    const { kept, inherited } = parts;
    const totals = totalsFrom(inherited);
    this.#options = options;
    this.#parts = parts;
    this.aside = parts.aside;
    this.kept = kept;
    this.recovered = inherited.recovered;
    this.shipper = this.#startShipper(totals);
    this.reconciler = startReconciler({
      sink: options.sink,
      lives: parts.lives,
      kept,
      everyMs: options.limits.reconcileMs,
      again: (segment) => this.shipper.again(segment),
      onFailure: () => (this.shipper.totals.failures += 1),
      onError: options.onError,
    });
    this.spool = this.#startSpool(totals);
    this.#relief = startRelief(this.spool, this.shipper);
    this.#sweep = setInterval(() => kept.tick(), sweepMs);
    this.#sweep.unref();
    for (const shipment of inherited.shipped) kept.keep(shipment);
    for (const segment of inherited.toShip) this.shipper.add(segment);
    void this.reconciler.check();
  }

  settle(settlement: Settlement, written?: (durable: boolean) => void): void {
    this.spool.close(
      settlement.call.id,
      (out, seq) => this.#put(out, settlement, seq),
      written,
      () => this.#options.onDropped(settlement),
    );
  }

  oldestRowAtMs(): number | null {
    return this.shipper.oldestRowAtMs() ?? this.spool.firstRowAtMs();
  }

  async stop(withinMs: number): Promise<{ readonly allShipped: boolean }> {
    const endsMs = performance.now() + withinMs;
    clearInterval(this.#sweep);
    this.spool.end();
    await this.#relief.drain(withinMs);
    await this.#relief.stop();
    await this.spool.stop();
    const allShipped = await this.shipper.drain(Math.max(0, endsMs - performance.now()));
    await this.reconciler.stop();
    await this.shipper.stop();
    await this.#options.observer.onStop();
    this.#parts.release();
    return { allShipped };
  }

  #put(out: ByteText, settlement: Settlement, seq: number): void {
    const { rows, identity } = this.#parts;
    rows.put(out, settlement, seq);
    this.#options.observer.onNumbered(settlement, identity.replica, seq);
  }

  #startShipper(totals: SpoolTotals): Shipper {
    const { sink, onShipped, onError } = this.#options;
    const { identity, aside, kept, inherited } = this.#parts;
    const shipper = startShipper({
      sink,
      spoolId: identity.spool,
      aside,
      kept,
      spool: totals,
      onRowsLost: (segment, rows) => this.#replaceLost(segment, rows),
      onShipment: (shipment, spared) => this.#hasShipped(shipment, spared),
      onSentDirectly: (sinceMs) => this.reconciler.sentDirectly(identity.replica, sinceMs),
      onShipped,
      onError,
    });
    shipper.totals.damaged += inherited.damaged;
    shipper.totals.mended += inherited.mended;
    return shipper;
  }

  #startSpool(totals: SpoolTotals): Spool {
    const { dir, limits, observer, onCommit, onError } = this.#options;
    const { identity, incarnation, kept, lives, inherited, reserve } = this.#parts;
    const begin = () =>
      startSpool({
        dir,
        incarnation,
        limits,
        firstSegment: 1,
        firstSeq: inherited.recovered + 1,
        identity,
        totals,
        reserve,
        shed: () => kept.shed(),
        carried: () => lives.carried(),
        onSeal: () => this.#parts.rows.seal(),
        onSealed: (segment) => this.shipper.add(segment),
        onCommit,
        onAllWritten: () => observer.onAllWritten(),
        onError,
      });
    return withRoom(begin, () => reserve.release());
  }

  /** A call whose own row cannot be read any more counts as crashed. */
  async #replaceLost(segment: Sealed, rows: number): Promise<void> {
    for (const [callId, call] of await callsWithoutRow(segment, rows))
      this.spool.replace(callId, (out, seq) =>
        this.#put(out, crashSettlement(call, this.#options.prices), seq),
      );
  }

  #hasShipped(shipment: Shipment, spared: Tally): void {
    if (shipment.replica === '') return;
    this.reconciler.shipped(shipment, spared);
    const life = this.#parts.lives.of(shipment.replica);
    if (life !== null) this.spool.note(markLine(life));
  }
}
