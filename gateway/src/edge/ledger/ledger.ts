/** The ledger as the rest of the gateway sees it: intents in, settlements in, rows out to ClickHouse. */
import { randomInt } from 'node:crypto';
import { dirname } from 'node:path';
import type { PriceTable } from '../../decide/price.ts';
import type { Settlement } from '../../model/settlement.ts';
import { asideIn, type Aside } from './aside.ts';
import type { Sink } from './clickhouse.ts';
import { entryLine } from './entry.ts';
import {
  awaitDirectory,
  newIncarnation,
  segmentFile,
  segmentFiles,
  strangeFiles,
  syncDirectory,
  type SegmentFile,
} from './files.ts';
import { startRelief } from './held.ts';
import { headLine, spoolId, type Head } from './identity.ts';
import { crashSettlement } from './intent.ts';
import { keptSegments, type Kept, type Shipment } from './kept.ts';
import { markLine, startLives } from './lives.ts';
import { callsWithoutRow } from './lost-rows.ts';
import { startReconciler, type Reconciler } from './reconcile.ts';
import { readLeftover, type Leftover } from './recover.ts';
import { startReserve } from './reserve.ts';
import type { Sealed } from './rotation.ts';
import { ledgerRow } from '../../projections/row.ts';
import { createSegment } from './segment.ts';
import { startShipper, type Shipper } from './shipper.ts';
import { noTotals } from './totals.ts';
import { startSpool, type Spool, type SpoolLimits } from './spool.ts';

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
  readonly prices: PriceTable;
  readonly sink: Sink;
  onCommit(seconds: number): void;
  onShipped(seconds: number): void;
  /** A settled call has no row and will have none. */
  onDropped(settlement: Settlement): void;
  onError(message: string): void;
}

export type LedgerStart =
  | { readonly kind: 'started'; readonly ledger: Ledger }
  | { readonly kind: 'failed'; readonly message: string };

/** A closed segment of crashed rows, on disk before anything of it is shipped. Null when no call was left open. */
const writeRecovered = async (options: {
  readonly file: SegmentFile;
  readonly identity: Omit<Head, 'firstSeq'>;
  readonly lines: readonly string[];
  readonly onError: (message: string) => void;
}): Promise<Sealed | null> => {
  const { file, identity, lines, onError } = options;
  if (lines.length === 0) return null;
  const segment = createSegment(file, headLine({ ...identity, firstSeq: 1 }), onError);
  const failure = segment.append(lines.join(''));
  if (failure !== null) {
    segment.discard();
    throw new Error(failure);
  }
  await segment.finish();
  syncDirectory(dirname(file.path));
  return {
    ...file,
    bytes: segment.bytes(),
    closes: lines.length,
    refusalBytes: 0,
    firstRowAtMs: Date.now(),
    // Their real rows may have come to the table after all.
    doubtful: true,
    damaged: false,
  };
};

/** Says what was found wrong, and moves what cannot be read out of the way. */
const sayDamage = (
  dir: string,
  leftover: Leftover,
  aside: Aside,
  onError: (message: string) => void,
): void => {
  const { torn, mended, damaged, unreadable } = leftover;
  if (torn > 0) onError(`${torn} lines in ${dir} were cut short by the end of their process`);
  if (mended > 0) onError(`${mended} lines in ${dir} had a flipped bit and were mended`);
  if (damaged > 0) onError(`${damaged} lines in ${dir} are damaged and were left out`);
  for (const { file, why } of unreadable) aside.quarantine(file.path, why);
  for (const name of strangeFiles(dir))
    onError(`${dir}/${name} is named like no segment of ours and was left where it is`);
};

/**
 * Takes the directory, accounts for what an earlier life left, and starts spooling and shipping.
 * Intents without a close become rows `crashed` in a segment of their own; doing it twice changes nothing, because
 * that segment then holds their closes, and a call that has a row in the table gets no second one.
 */
export const startLedger = async (options: LedgerOptions): Promise<LedgerStart> => {
  const { dir, sink } = options;
  const lock = await awaitDirectory(dir, options.lockWaitMs, options.onLockWait);
  if (lock.kind === 'failed') return lock;
  try {
    return { kind: 'started', ledger: await start(options, () => lock.release()) };
  } catch (error) {
    await sink.close();
    lock.release();
    return {
      kind: 'failed',
      message: `the ledger directory ${dir} cannot be used: ${String(error)}`,
    };
  }
};

const start = async (options: LedgerOptions, release: () => void): Promise<Ledger> => {
  const { dir, limits, prices, sink, onError } = options;
  const aside = asideIn(dir, onError);
  const kept = keptSegments(limits.keepShippedMs, onError);
  const totals = noTotals();
  const lives = startLives(Date.now());
  const spoolName = spoolId(dir);
  const files = segmentFiles(dir);
  const incarnation = newIncarnation(Date.now(), randomInt(0x1_0000), files);
  const identity = { spool: spoolName, replica: `${options.replica}.${incarnation}` };
  const row = (settlement: Settlement, seq: number): string =>
    ledgerRow({ settlement, replica: identity.replica, seq });

  const leftover = await readLeftover(files);
  sayDamage(dir, leftover, aside, onError);
  for (const mark of leftover.marks) lives.read(mark);
  const lines = [...leftover.open].map(([callId, open], i) =>
    entryLine({ kind: 'c', callId, seq: i + 1, json: row(crashSettlement(open, prices), i + 1) }),
  );
  const recovered = await writeRecovered({
    file: segmentFile(dir, incarnation, 0),
    identity,
    lines,
    onError,
  });
  totals.recovered = lines.length;
  // What an earlier life saw arrive is only kept, and looked after by the reconciler.
  const isShipped = ({ segment, replica, toSeq }: Shipment): boolean =>
    !segment.damaged && (lives.of(replica)?.shippedTo ?? -1) >= toSeq;
  const unshipped = leftover.segments.filter((shipment) => !isShipped(shipment));
  const segments = [
    ...unshipped.map(({ segment }) => segment),
    ...(recovered === null ? [] : [recovered]),
  ];
  for (const segment of segments) {
    totals.bytes += segment.bytes;
    totals.closes += segment.closes;
    totals.spooledRows += segment.closes;
  }

  const shipper = startShipper({
    sink,
    spoolId: spoolName,
    aside,
    kept,
    spool: totals,
    async onRowsLost(segment, rows) {
      for (const [callId, call] of await callsWithoutRow(segment, rows))
        spool.replace(callId, (seq) => row(crashSettlement(call, prices), seq));
    },
    onShipment(shipment, spared) {
      if (shipment.replica === '') return;
      reconciler.shipped(shipment, spared);
      const life = lives.of(shipment.replica);
      if (life !== null) spool.note(markLine(life));
    },
    onShipped: options.onShipped,
    onError,
  });
  shipper.totals.damaged += leftover.damaged;
  shipper.totals.mended += leftover.mended;
  const reconciler = startReconciler({
    sink,
    lives,
    kept,
    everyMs: limits.reconcileMs,
    again: (segment) => shipper.again(segment),
    onFailure: () => (shipper.totals.failures += 1),
    onError,
  });
  const spool = startSpool({
    dir,
    incarnation,
    limits,
    firstSegment: 1,
    firstSeq: lines.length + 1,
    identity,
    totals,
    reserve: startReserve(dir, limits.reserveBytes),
    shed: () => kept.shed(),
    carried: () => lives.carried(),
    onSealed: (segment) => shipper.add(segment),
    onCommit: options.onCommit,
    onError,
  });
  const relief = startRelief(spool, shipper);
  const sweep = setInterval(() => kept.tick(), sweepMs);
  sweep.unref();
  for (const shipment of leftover.segments) if (isShipped(shipment)) kept.keep(shipment);
  for (const segment of segments) shipper.add(segment);
  void reconciler.check();

  const oldestRowAtMs = (): number | null => shipper.oldestRowAtMs() ?? spool.firstRowAtMs();
  return {
    spool,
    shipper,
    aside,
    kept,
    reconciler,
    recovered: lines.length,
    oldestRowAtMs,
    settle: (settlement, written) =>
      spool.close(
        settlement.call.id,
        (next) => row(settlement, next),
        written,
        () => options.onDropped(settlement),
      ),
    async stop(withinMs) {
      const endsMs = performance.now() + withinMs;
      clearInterval(sweep);
      spool.end();
      await relief.drain(withinMs);
      await relief.stop();
      await spool.stop();
      const allShipped = await shipper.drain(Math.max(0, endsMs - performance.now()));
      await reconciler.stop();
      await shipper.stop();
      release();
      return { allShipped };
    },
  };
};
