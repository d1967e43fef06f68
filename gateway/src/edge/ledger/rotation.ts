/**
 * The segment being written, and its succession. A segment is sealed by count, size or age, and then never written
 * again: its open intents are carried into the next one first, so that a shipped file can go.
 */
import { ByteText } from '../../model/byte-text.ts';
import { segmentFile, syncDirectory, syncDirectorySoon, type SegmentFile } from './files.ts';
import type { Committed } from './group-commit.ts';
import type { OpenCalls } from './open-calls.ts';
import { createSegment, type Segment } from './segment.ts';

export interface SegmentLimits {
  readonly segmentCloses: number;
  readonly segmentSizeBytes: number;
  readonly segmentAgeMs: number;
  /** What lines survive before their writers are told: the death of the process, or a power cut too. */
  readonly durability: 'process' | 'power';
}

/** A segment that will not be written again. */
export interface Sealed extends SegmentFile {
  readonly bytes: number;
  readonly closes: number;
  /** Bytes of rows of refused calls. */
  readonly refusalBytes: number;
  /** When its first row was written, epoch milliseconds. */
  readonly firstRowAtMs: number;
  /** Some of its rows may be in ClickHouse already: found at start, or told by one who did not hear the answer. */
  readonly doubtful: boolean;
  /** Lines of it failed their checksum. */
  readonly damaged: boolean;
}

export interface Rotation {
  /** All or nothing; null: written, else why not. */
  write(data: Buffer): string | null;
  /** Tells when all that was written until now is on the disk itself, or that this cannot be said. */
  whenSynced(told: (ok: boolean) => void): void;
  /** Counts rows just written, and seals when they are enough. */
  wrote(committed: Committed): void;
  /** Seals what is there, if anything, unless the disk has just refused to. */
  seal(): void;
  /** Some rows of this segment may have gone to ClickHouse by another way. */
  doubt(): void;
  /**
   * Puts what was written on the disk itself, and seals a segment that is old enough. Tells how soon there may be more to do,
   * milliseconds; null: not before something is written.
   */
  tick(): number | null;
  /** When the first row of the segment being written was written, epoch milliseconds; null: it has none. */
  firstRowAtMs(): number | null;
  /** Seals, hands over, and ends. */
  stop(): Promise<void>;
}

export interface RotationOptions {
  readonly dir: string;
  readonly incarnation: string;
  readonly firstSegment: number;
  readonly limits: SegmentLimits;
  readonly open: OpenCalls;
  /** Puts down what the next segment begins with, before the open calls. */
  putHead(out: ByteText): void;
  /** The head holds more than who wrote it: this must survive the process. */
  hasNotes(): boolean;
  /** Lines not yet written: they belong to this segment's story, and sealing now could ship an intent away from its close. */
  waiting(): number;
  /** Lets go of something on the disk, so that open calls can be carried over; false: there is nothing more. */
  makeRoom(): boolean;
  /** Bytes that came to the disk. */
  onBytes(bytes: number): void;
  /** A segment has ended, with all rows that were numbered until now. */
  onSeal(): void;
  /** Called in the order of the segments' numbers. */
  onSealed(segment: Sealed): void;
  onError(message: string): void;
}

const retryMs = 250;

/**
 * An insert costs ClickHouse as much as some hundreds of rows, however few it has. So while segments hold fewer than this,
 * they are sealed less often: a call after a quiet time is in the table after one age, in a steady trickle after some.
 */
const fewCloses = 500;
const agesBetweenFew = 5;

/** The rows of the segment being written. */
interface Rows {
  closes: number;
  closeBytes: number;
  /** Of refused calls. */
  refusalBytes: number;
  /** When the write with the first of them began, on the monotonic clock. */
  firstCloseMs: number;
  /** The same moment, epoch milliseconds; null: there are none. */
  firstRowAtMs: number | null;
  doubtful: boolean;
}

const noRows = (): Rows => ({
  closes: 0,
  closeBytes: 0,
  refusalBytes: 0,
  firstCloseMs: 0,
  firstRowAtMs: null,
  doubtful: false,
});

/** Creates the first segment. Throws when the directory cannot be written. */
export const startRotation = (options: RotationOptions): Rotation => new RunningRotation(options);

class RunningRotation implements Rotation {
  readonly #options: RotationOptions;
  #segment: Segment;
  #rows = noRows();
  /** When the segment before this one was sealed, on the monotonic clock. */
  #sealedMs = -Infinity;
  /** After a refusal of the disk no segment is sealed before this, on the monotonic clock. */
  #sealAgainMs = 0;
  #handedOver = Promise.resolve();

  constructor(options: RotationOptions) {
    this.#options = options;
    this.#segment = this.#create(options.firstSegment);
    syncDirectory(options.dir);
    options.onBytes(this.#segment.bytes());
  }

  firstRowAtMs(): number | null {
    return this.#rows.firstRowAtMs;
  }

  doubt(): void {
    this.#rows.doubtful = true;
  }

  write(data: Buffer): string | null {
    const before = this.#segment.bytes();
    const failure = this.#segment.append(data);
    this.#options.onBytes(this.#segment.bytes() - before);
    return failure;
  }

  whenSynced(told: (ok: boolean) => void): void {
    this.#segment.whenSynced(told);
  }

  wrote(committed: Committed): void {
    const { limits } = this.#options;
    const rows = this.#rows;
    if (committed.closes > 0 && rows.closes === 0) {
      rows.firstCloseMs = committed.startedMs;
      rows.firstRowAtMs = Date.now();
    }
    rows.closes += committed.closes;
    rows.closeBytes += committed.closeBytes;
    rows.refusalBytes += committed.refusalBytes;
    if (rows.closes >= limits.segmentCloses || rows.closeBytes >= limits.segmentSizeBytes)
      this.seal();
  }

  tick(): number | null {
    this.#segment.sync();
    if (this.#leftMs() <= 0) this.seal();
    if (this.#segment.isDirty()) return 0;
    return this.#rows.closes === 0 ? null : Math.max(0, this.#leftMs());
  }

  seal(): void {
    const { limits, waiting, onBytes, onSeal, onSealed } = this.#options;
    const [segment, rows] = [this.#segment, this.#rows];
    if (waiting() > 0 || performance.now() < this.#sealAgainMs) return;
    if (rows.closes === 0 && segment.bytes() < limits.segmentSizeBytes) return;
    const next = this.#successor();
    if (next === null) {
      this.#sealAgainMs = performance.now() + retryMs;
      return;
    }
    const sealed: Sealed = {
      ...segment.file,
      bytes: segment.bytes(),
      closes: rows.closes,
      refusalBytes: rows.refusalBytes,
      firstRowAtMs: rows.firstRowAtMs ?? Date.now(),
      doubtful: rows.doubtful,
      damaged: false,
    };
    const finished = segment.finish();
    this.#syncDirectory();
    [this.#segment, this.#rows] = [next, noRows()];
    this.#sealedMs = performance.now();
    onSeal();
    onBytes(next.bytes());
    // In order, however long the disk takes over each: an intent must not outlive its close.
    this.#handedOver = Promise.all([this.#handedOver, finished]).then(() => onSealed(sealed));
  }

  async stop(): Promise<void> {
    const { open, hasNotes } = this.#options;
    this.#sealAgainMs = 0;
    this.seal();
    await this.#handedOver;
    // A call still open is accounted for at the next start, from what was carried.
    if (this.#rows.closes === 0 && open.size() === 0 && !hasNotes()) this.#segment.discard();
    else await this.#segment.finish();
  }

  /** What is promised to survive a power cut needs the name of its file, too. */
  #syncDirectory(): void {
    const { dir, limits, onError } = this.#options;
    if (limits.durability === 'process') return syncDirectorySoon(dir, onError);
    try {
      syncDirectory(dir);
    } catch (error) {
      onError(`${dir} may not survive a power loss: ${String(error)}`);
    }
  }

  /** Until this segment is old enough to be sealed; without rows it never is. */
  #leftMs(): number {
    const { segmentAgeMs } = this.#options.limits;
    const { closes, firstCloseMs } = this.#rows;
    if (closes === 0) return Infinity;
    const oldEnoughMs = firstCloseMs + segmentAgeMs;
    const dueMs =
      closes >= fewCloses
        ? oldEnoughMs
        : Math.max(oldEnoughMs, this.#sealedMs + agesBetweenFew * segmentAgeMs);
    return dueMs - performance.now();
  }

  /** With the open calls in it, in one write: without its intents it may not stand alone. */
  #create(number: number): Segment {
    const { dir, incarnation, open, putHead, onError } = this.#options;
    const begin = new ByteText();
    putHead(begin);
    open.carry(begin);
    return createSegment(segmentFile(dir, incarnation, number), begin.view(0), onError);
  }

  /** The segment after this one; null: the disk has no room for it now, and this one goes on. */
  #successor(): Segment | null {
    for (;;)
      try {
        return this.#create(this.#segment.file.number + 1);
      } catch (error) {
        if (this.#options.makeRoom()) continue;
        this.#options.onError(`cannot open the next segment: ${String(error)}`);
        return null;
      }
  }
}
