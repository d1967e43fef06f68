/**
 * The durable spool: append-only segment files, one writer.
 *
 * Entries of one event-loop turn are one write (`group-commit.ts`). An intent is answered when that write returned, so
 * it survives kill -9; fdatasync follows within `syncMs` for power loss. Full or old segments are sealed and handed
 * over (`rotation.ts`); intents without a close move along with the writer (`open-calls.ts`). Every write counts
 * against `maxSpoolBytes`; room for the rows of calls in flight is kept apart (`reserve.ts`).
 */
import { entryLine, type EntryKind } from './entry.ts';
import { startGroupCommit, type Lent } from './group-commit.ts';
import { headLine, type Head } from './identity.ts';
import { openCalls } from './open-calls.ts';
import type { Reserve } from './reserve.ts';
import { startRotation, type Sealed, type SegmentLimits } from './rotation.ts';

export interface SpoolLimits extends SegmentLimits {
  readonly syncMs: number;
  readonly maxSpoolBytes: number;
  /** Of these, what rows of refused calls may take; past it refusals are counted and not recorded. */
  readonly maxRefusalsBytes: number;
}

/** Running totals; only ever read outside. `intents = closedIntents + open` and `closes = shipped + spooled + dead` always hold. */
export interface SpoolTotals {
  intents: number;
  closedIntents: number;
  closes: number;
  recovered: number;
  /** Rows that were not recorded: of refused calls without room, of any call at the end of a process whose disk refuses. */
  dropped: number;
  /** Bytes written and not yet shipped. */
  bytes: number;
  /** Of these, rows of refused calls. */
  refusalBytes: number;
  /** Rows written and not yet shipped or set aside. */
  spooledRows: number;
}

/** Why no new call is accepted: the spool is as large as it may be, its disk refuses, or the room for rows is used up. */
export const fullReasons = ['max_spool', 'disk', 'reserve'] as const;
export type FullReason = (typeof fullReasons)[number];

export interface Spool {
  /** Makes an intent durable. False: the spool is full or its disk refuses, and the provider must not be called. */
  intend(callId: string, json: string): Promise<boolean>;
  /** A further attempt, durable like an intent. */
  further(callId: string, json: string): Promise<boolean>;
  /** The attempt's request went onto its connection; written with the next commit. */
  sent(callId: string): void;
  /** Progress of a stream; written with the next commit. */
  progress(callId: string, json: string): void;
  /** Progress that is durable like an intent. */
  durableProgress(callId: string, json: string): Promise<boolean>;
  /**
   * The finished row of a call. Kept and retried when the disk refuses, if the call had an intent; the row of a refused
   * call is dropped and counted when there is no room for it.
   * @param written told once whether the row is in the file, where it survives kill -9; false: held in memory, or dropped
   * @param dropped told that the row is recorded nowhere
   */
  close(
    callId: string,
    row: (seq: number) => string,
    written?: (durable: boolean) => void,
    dropped?: () => void,
  ): void;
  /** The row of a call that was closed and whose own row is damaged; asked for in the table before it goes there. */
  replace(callId: string, row: (seq: number) => string): void;
  /** Why no new call is accepted; null: they are. */
  full(): FullReason | null;
  /** A line about no call, carried by whoever wrote it; written with the next commit. */
  note(line: string): void;
  /** Rows the disk refuses, for somebody who has another place for them; null: none. */
  lend(atMost: number): Lent | null;
  /** Seals what is there, if anything. */
  seal(): void;
  /** When the oldest row in the segment being written was written, epoch milliseconds; null: it has none. */
  firstRowAtMs(): number | null;
  /** Takes no more, and writes what waits if the disk lets it. */
  end(): void;
  /** Seals everything, hands it over, and stops. Rows that nobody took are counted and said as an error. */
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
  /** Who writes. */
  readonly identity: Omit<Head, 'firstSeq'>;
  readonly totals: SpoolTotals;
  readonly reserve: Reserve;
  /** Lets go of something on the disk before the reserve has to; false: there is nothing more. */
  shed(): boolean;
  /** Lines about no call that every segment holds. */
  carried(): string;
  /** Called in the order of the segments' numbers. */
  onSealed(segment: Sealed): void;
  onCommit(seconds: number): void;
  onError(message: string): void;
}

/** What the row of one call in flight, and its intent in the next segment, may take of the reserve. */
const reservedBytesPerCall = 2048;
const renewMs = 250;

/** No calls, no bytes, nothing yet. */
export const noTotals = (): SpoolTotals => ({
  intents: 0,
  closedIntents: 0,
  closes: 0,
  recovered: 0,
  dropped: 0,
  bytes: 0,
  refusalBytes: 0,
  spooledRows: 0,
});

/** Opens a new segment in `dir` and accepts entries. Throws when the directory cannot be written at all. */
export const startSpool = (options: SpoolOptions): Spool => {
  const { limits, totals, reserve, identity } = options;
  const open = openCalls();
  let seq = options.firstSeq;
  let stopped = false;
  const makeRoom = (): boolean => options.shed() || reserve.release();
  const rotation = startRotation({
    ...options,
    open,
    makeRoom,
    head: () => headLine({ ...identity, firstSeq: seq }) + options.carried(),
    hasNotes: () => options.carried() !== '',
    waiting: () => commit.waiting(),
    onBytes(bytes) {
      totals.bytes += bytes;
    },
  });
  const commit = startGroupCommit({
    makeRoom,
    write: (text) => rotation.write(text),
    onWritten: (committed) => rotation.wrote(committed),
    onCommit: options.onCommit,
    onError: options.onError,
  });
  let renewedMs = 0;
  const timer = setInterval(() => {
    rotation.tick();
    if (reserve.intact() || performance.now() < renewedMs + renewMs) return;
    renewedMs = performance.now();
    // Shipped segments that are kept for safety's sake stand back for new calls.
    if (commit.waiting() === 0 && !reserve.renew()) options.shed();
  }, limits.syncMs);
  timer.unref();

  const line = (kind: EntryKind, callId: string, json: string): string =>
    entryLine({ kind, callId, seq: 0, json });
  /** The line of a finished row, which takes the next number and is counted. */
  const numbered = (callId: string, row: (seq: number) => string): string => {
    const text = entryLine({ kind: 'c', callId, seq, json: row(seq) });
    seq += 1;
    totals.closes += 1;
    totals.spooledRows += 1;
    return text;
  };
  const full = (): FullReason | null => {
    if (totals.bytes >= limits.maxSpoolBytes) return 'max_spool';
    if (commit.refusing()) return 'disk';
    if (reserve.bytes === 0) return null;
    return reserve.intact() && open.size() * reservedBytesPerCall <= reserve.bytes
      ? null
      : 'reserve';
  };
  const hasRoomForRefusal = (): boolean =>
    totals.refusalBytes < limits.maxRefusalsBytes && full() === null;

  const end = (): void => {
    if (stopped) return;
    stopped = true;
    clearInterval(timer);
    commit.stop();
  };

  return {
    totals,
    full,
    openCalls: () => open.size(),
    firstRowAtMs: () => rotation.firstRowAtMs(),
    seal: () => rotation.seal(),
    async intend(callId, json) {
      const text = line('i', callId, json);
      const refused = full() !== null;
      // Known before it is written: a segment sealed right after the write must carry it.
      open.intend(callId, text);
      totals.intents += 1;
      if (!refused && (await commit.durable(text))) return true;
      open.takeBack(callId);
      totals.intents -= 1;
      return false;
    },
    async further(callId, json) {
      const text = line('a', callId, json);
      open.further(callId, text);
      if (totals.bytes < limits.maxSpoolBytes && (await commit.durable(text))) return true;
      open.takeBack(callId);
      return false;
    },
    sent(callId) {
      const text = line('s', callId, '{}');
      if (open.further(callId, text)) commit.offer(text);
    },
    progress(callId, json) {
      const text = line('p', callId, json);
      if (open.progress(callId, text)) commit.offer(text);
    },
    async durableProgress(callId, json) {
      const text = line('p', callId, json);
      return open.progress(callId, text) && commit.durable(text);
    },
    close(callId, row, written, dropped) {
      // After the end a call still open is the next start's to account for.
      if (stopped && open.has(callId)) return written?.(false);
      const reachedProvider = open.close(callId);
      if (reachedProvider) totals.closedIntents += 1;
      else if (stopped || !hasRoomForRefusal()) {
        totals.dropped += 1;
        dropped?.();
        return written?.(false);
      }
      const line = numbered(callId, row);
      const kind = reachedProvider ? 'row' : 'refusal';
      commit.keep({ line, kind, written: written ?? null, dropped: dropped ?? null });
      if (!reachedProvider) totals.refusalBytes += line.length;
    },
    replace(callId, row) {
      if (stopped) return;
      commit.keep({ line: numbered(callId, row), kind: 'row', written: null, dropped: null });
      rotation.doubt();
      totals.recovered += 1;
    },
    note: (text) => commit.offer(text),
    lend(atMost) {
      const lent = commit.lend(atMost);
      if (lent === null) return null;
      // Whoever takes them may not hear that they arrived, and then they come back to the disk.
      rotation.doubt();
      return {
        ...lent,
        done() {
          totals.spooledRows -= lent.lines.length;
          totals.refusalBytes -= lent.refusalChars;
          lent.done();
        },
      };
    },
    end,
    async stop() {
      end();
      const lost = commit.abandon();
      if (lost > 0) {
        options.onError(`the disk did not take the last ${lost} ledger rows`);
        totals.dropped += lost;
        totals.closes -= lost;
        totals.spooledRows -= lost;
      }
      await rotation.stop();
    },
  };
};
