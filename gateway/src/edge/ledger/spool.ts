/**
 * The durable spool: append-only segment files, one writer.
 *
 * Entries of one event-loop turn are one write (`group-commit.ts`). An intent is answered when that write returned, so
 * it survives kill -9; fdatasync follows within `syncMs` for power loss. Full or old segments are sealed and handed
 * over (`rotation.ts`); intents without a close move along with the writer (`open-calls.ts`). Every write counts
 * against `maxSpoolBytes`; room for the rows of calls in flight is kept apart (`reserve.ts`).
 */
import { entryLine, type EntryKind } from './entry.ts';
import { startGroupCommit, type GroupCommit, type Lent } from './group-commit.ts';
import { headLine, type Head } from './identity.ts';
import { openCalls } from './open-calls.ts';
import type { Reserve } from './reserve.ts';
import { startRotation, type Rotation, type Sealed, type SegmentLimits } from './rotation.ts';
import type { SpoolTotals } from './totals.ts';

export interface SpoolLimits extends SegmentLimits {
  readonly syncMs: number;
  readonly maxSpoolBytes: number;
  /** Of these, what rows of refused calls may take; past it refusals are counted and not recorded. */
  readonly maxRefusalsBytes: number;
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

const line = (kind: EntryKind, callId: string, json: string): string =>
  entryLine({ kind, callId, seq: 0, json });

/** Opens a new segment in `dir` and accepts entries. Throws when the directory cannot be written at all. */
export const startSpool = (options: SpoolOptions): Spool => new RunningSpool(options);

class RunningSpool implements Spool {
  readonly totals: SpoolTotals;
  readonly #options: SpoolOptions;
  readonly #open = openCalls();
  readonly #rotation: Rotation;
  readonly #commit: GroupCommit;
  readonly #timer: NodeJS.Timeout;
  /** Of the next row. */
  #seq: number;
  #stopped = false;
  /** When the reserve was last tried for, on the monotonic clock. */
  #renewedMs = 0;

  constructor(options: SpoolOptions) {
    const { identity, totals, reserve, limits, carried, onCommit, onError } = options;
    this.totals = totals;
    this.#options = options;
    this.#seq = options.firstSeq;
    const makeRoom = (): boolean => options.shed() || reserve.release();
    this.#rotation = startRotation({
      ...options,
      open: this.#open,
      makeRoom,
      head: () => headLine({ ...identity, firstSeq: this.#seq }) + carried(),
      hasNotes: () => carried() !== '',
      waiting: () => this.#commit.waiting(),
      onBytes(bytes) {
        totals.bytes += bytes;
      },
    });
    this.#commit = startGroupCommit({
      makeRoom,
      write: (text) => this.#rotation.write(text),
      onWritten: (committed) => this.#rotation.wrote(committed),
      onCommit,
      onError,
    });
    this.#timer = setInterval(() => this.#tick(), limits.syncMs);
    this.#timer.unref();
  }

  async intend(callId: string, json: string): Promise<boolean> {
    const text = line('i', callId, json);
    const refused = this.full() !== null;
    // Known before it is written: a segment sealed right after the write must carry it.
    this.#open.intend(callId, text);
    this.totals.intents += 1;
    if (!refused && (await this.#commit.durable(text))) return true;
    this.#open.takeBack(callId);
    this.totals.intents -= 1;
    return false;
  }

  async further(callId: string, json: string): Promise<boolean> {
    const text = line('a', callId, json);
    this.#open.further(callId, text);
    const { maxSpoolBytes } = this.#options.limits;
    if (this.totals.bytes < maxSpoolBytes && (await this.#commit.durable(text))) return true;
    this.#open.takeBack(callId);
    return false;
  }

  sent(callId: string): void {
    const text = line('s', callId, '{}');
    if (this.#open.further(callId, text)) this.#commit.offer(text);
  }

  progress(callId: string, json: string): void {
    const text = line('p', callId, json);
    if (this.#open.progress(callId, text)) this.#commit.offer(text);
  }

  async durableProgress(callId: string, json: string): Promise<boolean> {
    const text = line('p', callId, json);
    return this.#open.progress(callId, text) && this.#commit.durable(text);
  }

  close(
    callId: string,
    row: (seq: number) => string,
    written?: (durable: boolean) => void,
    dropped?: () => void,
  ): void {
    const { totals } = this;
    // After the end a call still open is the next start's to account for.
    if (this.#stopped && this.#open.has(callId)) return written?.(false);
    const reachedProvider = this.#open.close(callId);
    if (reachedProvider) totals.closedIntents += 1;
    else if (this.#stopped || !this.#hasRoomForRefusal()) {
      totals.dropped += 1;
      dropped?.();
      return written?.(false);
    }
    const line = this.#numbered(callId, row);
    const kind = reachedProvider ? 'row' : 'refusal';
    this.#commit.keep({ line, kind, written: written ?? null, dropped: dropped ?? null });
    if (!reachedProvider) totals.refusalBytes += line.length;
  }

  replace(callId: string, row: (seq: number) => string): void {
    if (this.#stopped) return;
    const line = this.#numbered(callId, row);
    this.#commit.keep({ line, kind: 'row', written: null, dropped: null });
    this.#rotation.doubt();
    this.totals.recovered += 1;
  }

  note(text: string): void {
    this.#commit.offer(text);
  }

  lend(atMost: number): Lent | null {
    const { totals } = this;
    const lent = this.#commit.lend(atMost);
    if (lent === null) return null;
    // Whoever takes them may not hear that they arrived, and then they come back to the disk.
    this.#rotation.doubt();
    return {
      ...lent,
      done() {
        totals.spooledRows -= lent.lines.length;
        totals.refusalBytes -= lent.refusalChars;
        lent.done();
      },
    };
  }

  seal(): void {
    this.#rotation.seal();
  }

  firstRowAtMs(): number | null {
    return this.#rotation.firstRowAtMs();
  }

  openCalls(): number {
    return this.#open.size();
  }

  full(): FullReason | null {
    const { limits, reserve } = this.#options;
    if (this.totals.bytes >= limits.maxSpoolBytes) return 'max_spool';
    if (this.#commit.refusing()) return 'disk';
    if (reserve.bytes === 0) return null;
    return reserve.intact() && this.#open.size() * reservedBytesPerCall <= reserve.bytes
      ? null
      : 'reserve';
  }

  end(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#commit.stop();
  }

  async stop(): Promise<void> {
    const { totals } = this;
    this.end();
    const lost = this.#commit.abandon();
    if (lost > 0) {
      this.#options.onError(`the disk did not take the last ${lost} ledger rows`);
      totals.dropped += lost;
      totals.closes -= lost;
      totals.spooledRows -= lost;
    }
    await this.#rotation.stop();
  }

  /** Puts what was written on the disk itself, and gets back the reserve when the disk has room again. */
  #tick(): void {
    const { reserve } = this.#options;
    this.#rotation.tick();
    if (reserve.intact() || performance.now() < this.#renewedMs + renewMs) return;
    this.#renewedMs = performance.now();
    // Shipped segments that are kept for safety's sake stand back for new calls.
    if (this.#commit.waiting() === 0 && !reserve.renew()) this.#options.shed();
  }

  /** The line of a finished row, which takes the next number and is counted. */
  #numbered(callId: string, row: (seq: number) => string): string {
    const text = entryLine({ kind: 'c', callId, seq: this.#seq, json: row(this.#seq) });
    this.#seq += 1;
    this.totals.closes += 1;
    this.totals.spooledRows += 1;
    return text;
  }

  #hasRoomForRefusal(): boolean {
    return this.totals.refusalBytes < this.#options.limits.maxRefusalsBytes && this.full() === null;
  }
}
