/**
 * The durable spool: append-only segment files, one writer.
 *
 * Entries of one event-loop turn are one write (`group-commit.ts`). An intent is answered when that write returned, so
 * it survives kill -9; fdatasync follows within `syncMs` for power loss. Full or old segments are sealed and handed
 * over (`rotation.ts`); intents without a close move along with the writer (`open-calls.ts`).
 */
import { entryLine, type EntryKind } from './entry.ts';
import { startGroupCommit } from './group-commit.ts';
import { openCalls } from './open-calls.ts';
import { startRotation, type Sealed, type SegmentLimits } from './rotation.ts';

export interface SpoolLimits extends SegmentLimits {
  readonly syncMs: number;
  readonly maxSpoolBytes: number;
}

/** Running totals; only ever read outside. `intents = closedIntents + open` and `closes = shipped + spooled + dead` always hold. */
export interface SpoolTotals {
  intents: number;
  closedIntents: number;
  closes: number;
  recovered: number;
  /** Rows of refused calls that a full disk left no room for. */
  dropped: number;
  /** Bytes written and not yet shipped. */
  bytes: number;
  /** Rows written and not yet shipped or set aside. */
  spooledRows: number;
}

export interface Spool {
  /** Makes an intent durable. False: the spool is full or its disk refuses, and the provider must not be called. */
  intend(callId: string, json: string): Promise<boolean>;
  /** A further attempt, durable like an intent. */
  further(callId: string, json: string): Promise<boolean>;
  /** Progress of a stream; written with the next commit. */
  progress(callId: string, json: string): void;
  /** The finished row of a call. Never refused and never lost while the process lives: kept and retried when the disk refuses. */
  close(callId: string, row: (seq: number) => string): void;
  /** Seals what is there, if anything. */
  seal(): void;
  /** Writes and seals everything, hands it over, and stops. Rows that the disk does not take are said as an error. */
  stop(): Promise<void>;
  readonly totals: SpoolTotals;
  openCalls(): number;
}

export interface SpoolOptions {
  readonly dir: string;
  readonly incarnation: string;
  readonly limits: SpoolLimits;
  /** Numbers of the first segment and row; above those of recovery when it wrote some. */
  readonly firstSegment: number;
  readonly firstSeq: number;
  readonly totals: SpoolTotals;
  /** Called in the order of the segments' numbers. */
  onSealed(segment: Sealed): void;
  onCommit(seconds: number): void;
  onError(message: string): void;
}

/** Rows held in memory while the disk refuses; past it rows of calls that reached no provider are dropped and counted. */
const maxHeldRows = 100_000;

/** No calls, no bytes, nothing yet. */
export const noTotals = (): SpoolTotals => ({
  intents: 0,
  closedIntents: 0,
  closes: 0,
  recovered: 0,
  dropped: 0,
  bytes: 0,
  spooledRows: 0,
});

/** Opens a new segment in `dir` and accepts entries. Throws when the directory cannot be written at all. */
export const startSpool = (options: SpoolOptions): Spool => {
  const { limits, totals } = options;
  const open = openCalls();
  let seq = options.firstSeq;
  let stopped = false;
  const rotation = startRotation({
    ...options,
    open,
    waiting: () => commit.waiting(),
    onBytes(bytes) {
      totals.bytes += bytes;
    },
  });
  const commit = startGroupCommit({
    write: (text) => rotation.write(text),
    onWritten: (committed) => rotation.wrote(committed),
    onCommit: options.onCommit,
    onError: options.onError,
  });
  const timer = setInterval(() => rotation.tick(), limits.syncMs);
  timer.unref();

  const line = (kind: EntryKind, callId: string, json: string): string =>
    entryLine({ kind, callId, seq: 0, json });
  const durable = (text: string): Promise<boolean> =>
    totals.bytes >= limits.maxSpoolBytes ? Promise.resolve(false) : commit.durable(text);

  return {
    totals,
    openCalls: () => open.size(),
    seal: () => rotation.seal(),
    async intend(callId, json) {
      const text = line('i', callId, json);
      // Known before it is written: a segment sealed right after the write must carry it.
      open.intend(callId, text);
      totals.intents += 1;
      if (await durable(text)) return true;
      open.takeBack(callId);
      totals.intents -= 1;
      return false;
    },
    async further(callId, json) {
      const text = line('a', callId, json);
      open.further(callId, text);
      if (await durable(text)) return true;
      open.takeBack(callId);
      return false;
    },
    progress(callId, json) {
      const text = line('p', callId, json);
      if (open.progress(callId, text)) commit.offer(text);
    },
    close(callId, row) {
      // After the end a call still open is the next start's to account for.
      if (stopped) return;
      const reachedProvider = open.close(callId);
      if (reachedProvider) totals.closedIntents += 1;
      else if (commit.waiting() >= maxHeldRows) {
        totals.dropped += 1;
        return;
      }
      commit.keep(entryLine({ kind: 'c', callId, seq, json: row(seq) }));
      seq += 1;
      totals.closes += 1;
      totals.spooledRows += 1;
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      clearInterval(timer);
      commit.stop();
      if (commit.waiting() > 0)
        options.onError(`the disk did not take the last ${commit.waiting()} ledger rows`);
      await rotation.stop();
    },
  };
};
