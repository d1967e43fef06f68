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

/** Creates the first segment. Throws when the directory cannot be written. */
export const startRotation = (options: RotationOptions): Rotation => {
  const { dir, incarnation, limits, open, onError } = options;
  /** With the open calls in it, in one write: without its intents it may not stand alone. */
  const create = (number: number): Segment => {
    const text = options.head() + open.carried();
    return createSegment(segmentFile(dir, incarnation, number), text, onError);
  };
  let segment = create(options.firstSegment);
  let closes = 0;
  let closeChars = 0;
  let refusalBytes = 0;
  let firstCloseMs = 0;
  let firstRowAtMs: number | null = null;
  let doubtful = false;
  let sealAgainMs = 0;
  let handedOver = Promise.resolve();
  syncDirectory(dir);
  options.onBytes(segment.bytes());

  /** The segment after this one; null: the disk has no room for it now, and this one goes on. */
  const successor = (): Segment | null => {
    for (;;)
      try {
        return create(segment.file.number + 1);
      } catch (error) {
        if (options.makeRoom()) continue;
        onError(`cannot open the next segment: ${String(error)}`);
        return null;
      }
  };

  const seal = (): void => {
    if (options.waiting() > 0 || performance.now() < sealAgainMs) return;
    if (closes === 0 && segment.bytes() < limits.segmentSizeBytes) return;
    const next = successor();
    if (next === null) {
      sealAgainMs = performance.now() + retryMs;
      return;
    }
    const sealed: Sealed = {
      ...segment.file,
      bytes: segment.bytes(),
      closes,
      refusalBytes,
      firstRowAtMs: firstRowAtMs ?? Date.now(),
      doubtful,
      damaged: false,
    };
    const finished = segment.finish();
    syncDirectorySoon(dir, onError);
    [segment, closes, closeChars, refusalBytes, firstRowAtMs] = [next, 0, 0, 0, null];
    doubtful = false;
    options.onBytes(next.bytes());
    // In order, however long the disk takes over each: an intent must not outlive its close.
    handedOver = Promise.all([handedOver, finished]).then(() => options.onSealed(sealed));
  };

  return {
    seal,
    firstRowAtMs: () => firstRowAtMs,
    doubt() {
      doubtful = true;
    },
    write(text) {
      const before = segment.bytes();
      const failure = segment.append(text);
      options.onBytes(segment.bytes() - before);
      return failure;
    },
    wrote(committed) {
      if (committed.closes > 0 && closes === 0) {
        firstCloseMs = committed.startedMs;
        firstRowAtMs = Date.now();
      }
      closes += committed.closes;
      closeChars += committed.closeChars;
      refusalBytes += committed.refusalChars;
      if (closes >= limits.segmentCloses || closeChars >= limits.segmentSizeBytes) seal();
    },
    tick() {
      segment.sync();
      if (closes > 0 && performance.now() - firstCloseMs >= limits.segmentAgeMs) seal();
    },
    async stop() {
      sealAgainMs = 0;
      seal();
      await handedOver;
      // A call still open is accounted for at the next start, from what was carried.
      if (closes === 0 && open.size() === 0 && !options.hasNotes()) segment.discard();
      else await segment.finish();
    },
  };
};
