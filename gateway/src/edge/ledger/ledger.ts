/** The ledger as the rest of the gateway sees it: intents in, settlements in, rows out to ClickHouse. */
import { randomInt } from 'node:crypto';
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { PriceTable } from '../../decide/price.ts';
import type { Settlement } from '../../model/settlement.ts';
import type { Sink } from './clickhouse.ts';
import { entryLine } from './entry.ts';
import {
  awaitDirectory,
  newIncarnation,
  segmentFile,
  segmentFiles,
  syncDirectory,
  type SegmentFile,
} from './files.ts';
import { crashSettlement } from './intent.ts';
import { readLeftover } from './recover.ts';
import { ledgerRow } from './row.ts';
import { createSegment } from './segment.ts';
import { startShipper, type Shipper } from './shipper.ts';
import type { Sealed } from './rotation.ts';
import { noTotals, startSpool, type Spool, type SpoolLimits } from './spool.ts';

export interface Ledger {
  readonly spool: Spool;
  readonly shipper: Shipper;
  /** The close of a call: its row, in the spool with the next commit. */
  settle(settlement: Settlement): void;
  /** Calls accounted for at start that an earlier life had left open. */
  readonly recovered: number;
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
  readonly limits: SpoolLimits;
  readonly prices: PriceTable;
  readonly sink: Sink;
  onCommit(seconds: number): void;
  onShipped(seconds: number): void;
  onError(message: string): void;
}

export type LedgerStart =
  | { readonly kind: 'started'; readonly ledger: Ledger }
  | { readonly kind: 'failed'; readonly message: string };

/** A closed segment of crashed rows, on disk before anything of it is shipped. Null when no call was left open. */
const writeRecovered = async (options: {
  readonly file: SegmentFile;
  readonly lines: readonly string[];
  readonly onError: (message: string) => void;
}): Promise<Sealed | null> => {
  const { file, lines, onError } = options;
  if (lines.length === 0) return null;
  const segment = createSegment(file, onError);
  const failure = segment.append(lines.join(''));
  if (failure !== null) {
    segment.discard();
    throw new Error(failure);
  }
  await segment.finish();
  syncDirectory(dirname(file.path));
  return { ...file, bytes: segment.bytes(), closes: lines.length, sealedAtMs: Date.now() };
};

/**
 * Takes the directory, accounts for what an earlier life left, and starts spooling and shipping.
 * Intents without a close become rows `crashed` in a segment of their own; doing it twice changes nothing, because
 * that segment then holds their closes.
 */
export const startLedger = async (options: LedgerOptions): Promise<LedgerStart> => {
  const { dir, limits, prices, sink } = options;
  const lock = await awaitDirectory(dir, options.lockWaitMs, options.onLockWait);
  if (lock.kind === 'failed') return lock;
  const totals = noTotals();
  const shipper = startShipper({
    sink,
    replica: options.replica,
    spool: totals,
    onShipped: options.onShipped,
    onError: options.onError,
  });
  try {
    const files = segmentFiles(dir);
    const incarnation = newIncarnation(Date.now(), randomInt(0x1_0000), files);
    const replica = `${options.replica}.${incarnation}`;
    const row = (settlement: Settlement, seq: number): string =>
      ledgerRow({ settlement, replica, seq });
    const leftover = await readLeftover(files);
    if (leftover.damaged > 0)
      options.onError(`${leftover.damaged} torn or damaged lines in ${dir} were left out`);
    let seq = 1;
    const lines = [...leftover.open].map(([callId, open]) => {
      const line = entryLine({
        kind: 'c',
        callId,
        seq,
        json: row(crashSettlement(open, prices), seq),
      });
      seq += 1;
      return line;
    });
    const recovered = await writeRecovered({
      file: segmentFile(dir, incarnation, 0),
      lines,
      onError: options.onError,
    });
    totals.recovered = lines.length;
    const segments = recovered === null ? leftover.segments : [...leftover.segments, recovered];
    for (const segment of segments) {
      totals.bytes += segment.bytes;
      totals.closes += segment.closes;
      totals.spooledRows += segment.closes;
    }
    const spool = startSpool({
      dir,
      incarnation,
      limits,
      firstSegment: 1,
      firstSeq: seq,
      totals,
      onSealed: (segment) => shipper.add(segment),
      onCommit: options.onCommit,
      onError: options.onError,
    });
    for (const segment of segments) {
      if (segment.bytes === 0) rmSync(segment.path);
      else shipper.add(segment);
    }
    return {
      kind: 'started',
      ledger: {
        spool,
        shipper,
        recovered: lines.length,
        settle: (settlement) => spool.close(settlement.call.id, (next) => row(settlement, next)),
        async stop(withinMs) {
          await spool.stop();
          const allShipped = await shipper.drain(withinMs);
          await shipper.stop();
          lock.release();
          return { allShipped };
        },
      },
    };
  } catch (error) {
    await shipper.stop();
    lock.release();
    return {
      kind: 'failed',
      message: `the ledger directory ${dir} cannot be used: ${String(error)}`,
    };
  }
};
