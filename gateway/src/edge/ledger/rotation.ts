/**
 * The segment being written, and its succession. A segment is sealed by count, size or age, and then never written
 * again: its open intents are carried into the next one first, so that a shipped file can go.
 */
import { segmentFile, syncDirectory, syncDirectorySoon, type SegmentFile } from './files.ts';
import type { Committed } from './group-commit.ts';
import type { OpenCalls } from './open-calls.ts';
import { createSegment, type Segment } from './segment.ts';

export interface SegmentLimits {
  readonly segmentCloses: number;
  readonly segmentSizeBytes: number;
  readonly segmentAgeMs: number;
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
  write(text: string): string | null;
  /** Counts rows just written, and seals when they are enough. */
  wrote(committed: Committed): void;
  /** Seals what is there, if anything, unless the disk has just refused to. */
  seal(): void;
  /** Some rows of this segment may have gone to ClickHouse by another way. */
  doubt(): void;
  /** Puts what was written on the disk itself, and seals a segment that is old enough. */
  tick(): void;
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
  /** What the next segment begins with, before the open calls. */
  head(): string;
  /** The head holds more than who wrote it: this must survive the process. */
  hasNotes(): boolean;
  /** Lines not yet written: they belong to this segment's story, and sealing now could ship an intent away from its close. */
  waiting(): number;
  /** Lets go of something on the disk, so that open calls can be carried over; false: there is nothing more. */
  makeRoom(): boolean;
  /** Bytes that came to the disk. */
  onBytes(bytes: number): void;
  /** Called in the order of the segments' numbers. */
  onSealed(segment: Sealed): void;
  onError(message: string): void;
}

const retryMs = 250;

/** The rows of the segment being written. */
interface Rows {
  closes: number;
  closeChars: number;
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
  closeChars: 0,
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

  write(text: string): string | null {
    const before = this.#segment.bytes();
    const failure = this.#segment.append(text);
    this.#options.onBytes(this.#segment.bytes() - before);
    return failure;
  }

  wrote(committed: Committed): void {
    const { limits } = this.#options;
    const rows = this.#rows;
    if (committed.closes > 0 && rows.closes === 0) {
      rows.firstCloseMs = committed.startedMs;
      rows.firstRowAtMs = Date.now();
    }
    rows.closes += committed.closes;
    rows.closeChars += committed.closeChars;
    rows.refusalBytes += committed.refusalChars;
    if (rows.closes >= limits.segmentCloses || rows.closeChars >= limits.segmentSizeBytes)
      this.seal();
  }

  tick(): void {
    const { closes, firstCloseMs } = this.#rows;
    this.#segment.sync();
    if (closes > 0 && performance.now() - firstCloseMs >= this.#options.limits.segmentAgeMs)
      this.seal();
  }

  seal(): void {
    const { dir, limits, waiting, onBytes, onSealed, onError } = this.#options;
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
    syncDirectorySoon(dir, onError);
    [this.#segment, this.#rows] = [next, noRows()];
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

  /** With the open calls in it, in one write: without its intents it may not stand alone. */
  #create(number: number): Segment {
    const { dir, incarnation, open, head, onError } = this.#options;
    return createSegment(segmentFile(dir, incarnation, number), head() + open.carried(), onError);
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
