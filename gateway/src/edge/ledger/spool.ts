/**
 * The durable spool: append-only segment files, one writer.
 *
 * Entries of one event-loop turn are one write (group commit). An intent is answered when that write returned, so it
 * survives kill -9; fdatasync follows within `syncMs` for power loss. A segment is sealed by count, size or age, and
 * then never written again: its open intents are carried into the next one first, so that a shipped file can go.
 */
import { closeSync, fdatasync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { entryLine, type EntryKind } from './entry.ts';
import { segmentFile, syncDirectory, type SegmentFile } from './files.ts';

export interface SpoolLimits {
  readonly segmentCloses: number;
  readonly segmentBytes: number;
  readonly segmentAgeMs: number;
  readonly syncMs: number;
  readonly maxSpoolBytes: number;
}

/** A segment that will not be written again. */
export interface Sealed extends SegmentFile {
  readonly bytes: number;
  readonly closes: number;
  readonly sealedAtMs: number;
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
  /** Writes and seals everything, hands it over, and stops. */
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
  onSealed(segment: Sealed): void;
  onCommit(seconds: number): void;
  onError(message: string): void;
}

interface Open {
  intent: string;
  further: string[];
  progress: string | null;
}

interface Pending {
  readonly line: string;
  readonly isClose: boolean;
  /** Told whether its line is on disk; null for lines nobody waits for. */
  readonly written: ((ok: boolean) => void) | null;
}

const retryMs = 250;
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
  const { dir, incarnation, limits, totals } = options;
  const open = new Map<string, Open>();
  let pending: Pending[] = [];
  let flushScheduled = false;
  let seq = options.firstSeq;
  let number = options.firstSegment;
  let file = segmentFile(dir, incarnation, number);
  let fd = openSync(file.path, 'ax', 0o600);
  let bytes = 0;
  let closes = 0;
  let closeBytes = 0;
  let firstCloseMs = 0;
  let dirty = false;
  let syncing = false;
  let stopped = false;
  let handedOver = Promise.resolve();
  syncDirectory(dir);

  const line = (kind: EntryKind, callId: string, json: string, lineSeq = 0): string =>
    entryLine({ kind, callId, seq: lineSeq, json });

  /** All or nothing: what a full disk let through of a write is cut off again. */
  const append = (text: string): string | null => {
    const data = Buffer.from(text);
    let done = 0;
    try {
      while (done < data.length)
        done += writeSync(fd, data, done, data.length - done, bytes + done);
    } catch (error) {
      try {
        if (done > 0) ftruncateSync(fd, bytes);
      } catch {
        // A torn line that stays fails its checksum when it is read.
      }
      return error instanceof Error ? error.message : String(error);
    }
    bytes += data.length;
    totals.bytes += data.length;
    dirty = true;
    return null;
  };

  const sync = (): void => {
    if (syncing || !dirty) return;
    syncing = true;
    dirty = false;
    fdatasync(fd, (error) => {
      syncing = false;
      // The segment may have been sealed and closed meanwhile; sealing syncs it itself.
      if (error !== null && error.code !== 'EBADF') options.onError(`fdatasync: ${error.message}`);
    });
  };

  const seal = (): void => {
    // An entry still waiting belongs to this segment's story: sealing now could ship an intent away from its close.
    if (pending.length > 0 || (closes === 0 && bytes < limits.segmentBytes)) return;
    const next = segmentFile(dir, incarnation, number + 1);
    const carried = [...open].flatMap(([callId, call]) => [
      line('i', callId, call.intent),
      ...call.further.map((json) => line('a', callId, json)),
      ...(call.progress === null ? [] : [line('p', callId, call.progress)]),
    ]);
    const [oldFd, oldFile, oldBytes, oldCloses] = [fd, file, bytes, closes];
    try {
      fd = openSync(next.path, 'ax', 0o600);
    } catch (error) {
      options.onError(`cannot open the next segment: ${String(error)}`);
      return;
    }
    bytes = 0;
    const failure = carried.length === 0 ? null : append(carried.join(''));
    if (failure !== null) {
      // Without its intents the new segment may not stand alone: go on with the old one.
      closeSync(fd);
      [fd, bytes] = [oldFd, oldBytes];
      number += 1;
      options.onError(`cannot carry open intents over: ${failure}`);
      return;
    }
    [file, closes, closeBytes] = [next, 0, 0];
    number += 1;
    handedOver = new Promise((resolve) => {
      fdatasync(oldFd, () => {
        closeSync(oldFd);
        options.onSealed({
          ...oldFile,
          bytes: oldBytes,
          closes: oldCloses,
          sealedAtMs: Date.now(),
        });
        resolve();
      });
    });
  };

  const flush = (): void => {
    flushScheduled = false;
    if (pending.length === 0) return;
    const batch = pending;
    pending = [];
    const startedMs = performance.now();
    const failure = append(batch.map((entry) => entry.line).join(''));
    if (failure !== null) {
      options.onError(failure);
      // Those who wait are told no; rows are kept and tried again.
      pending = [...batch.filter((entry) => entry.written === null), ...pending];
      for (const entry of batch) entry.written?.(false);
      if (!stopped) setTimeout(flush, retryMs).unref();
      return;
    }
    options.onCommit((performance.now() - startedMs) / 1000);
    for (const entry of batch) {
      entry.written?.(true);
      if (!entry.isClose) continue;
      if (closes === 0) firstCloseMs = startedMs;
      closes += 1;
      closeBytes += entry.line.length;
    }
    if (closes >= limits.segmentCloses || closeBytes >= limits.segmentBytes) seal();
  };

  const enqueue = (entry: Pending): void => {
    pending.push(entry);
    if (flushScheduled) return;
    flushScheduled = true;
    setImmediate(flush);
  };

  const durable = (text: string): Promise<boolean> => {
    if (stopped || totals.bytes >= limits.maxSpoolBytes) return Promise.resolve(false);
    return new Promise((written) => {
      enqueue({ line: text, isClose: false, written });
    });
  };

  const timer = setInterval(() => {
    sync();
    if (closes > 0 && performance.now() - firstCloseMs >= limits.segmentAgeMs) seal();
  }, limits.syncMs);
  timer.unref();

  return {
    totals,
    openCalls: () => open.size,
    seal,
    async intend(callId, json) {
      // Known before it is written: a segment sealed right after the write must carry it.
      open.set(callId, { intent: json, further: [], progress: null });
      totals.intents += 1;
      const ok = await durable(line('i', callId, json));
      if (ok) return true;
      open.delete(callId);
      totals.intents -= 1;
      return false;
    },
    async further(callId, json) {
      open.get(callId)?.further.push(json);
      return durable(line('a', callId, json));
    },
    progress(callId, json) {
      const call = open.get(callId);
      if (call === undefined) return;
      call.progress = json;
      enqueue({ line: line('p', callId, json), isClose: false, written: null });
    },
    close(callId, row) {
      const reachedProvider = open.delete(callId);
      if (reachedProvider) totals.closedIntents += 1;
      else if (pending.length >= maxHeldRows) {
        totals.dropped += 1;
        return;
      }
      const json = row(seq);
      enqueue({ line: line('c', callId, json, seq), isClose: true, written: null });
      seq += 1;
      totals.closes += 1;
      totals.spooledRows += 1;
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      clearInterval(timer);
      flush();
      seal();
      await handedOver;
      closeSync(fd);
    },
  };
};
