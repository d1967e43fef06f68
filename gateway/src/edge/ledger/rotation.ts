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
  readonly segmentBytes: number;
  readonly segmentAgeMs: number;
}

/** A segment that will not be written again. */
export interface Sealed extends SegmentFile {
  readonly bytes: number;
  readonly closes: number;
  readonly sealedAtMs: number;
}

export interface Rotation {
  /** All or nothing; null: written, else why not. */
  write(text: string): string | null;
  /** Counts rows just written, and seals when they are enough. */
  wrote(committed: Committed): void;
  /** Seals what is there, if anything, unless the disk has just refused to. */
  seal(): void;
  /** Puts what was written on the disk itself, and seals a segment that is old enough. */
  tick(): void;
  /** Seals, hands over, and ends. */
  stop(): Promise<void>;
}

export interface RotationOptions {
  readonly dir: string;
  readonly incarnation: string;
  readonly firstSegment: number;
  readonly limits: SegmentLimits;
  readonly open: OpenCalls;
  /** Lines not yet written: they belong to this segment's story, and sealing now could ship an intent away from its close. */
  waiting(): number;
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
  let segment = createSegment(segmentFile(dir, incarnation, options.firstSegment), onError);
  let closes = 0;
  let closeChars = 0;
  let firstCloseMs = 0;
  let sealAgainMs = 0;
  let handedOver = Promise.resolve();
  syncDirectory(dir);

  /** The segment after this one, with the open calls in it; null: the disk has no room for it now. */
  const successor = (): Segment | null => {
    let next: Segment;
    try {
      next = createSegment(segmentFile(dir, incarnation, segment.file.number + 1), onError);
    } catch (error) {
      onError(`cannot open the next segment: ${String(error)}`);
      return null;
    }
    const failure = open.size() === 0 ? null : next.append(open.carried());
    if (failure === null) return next;
    // Without its intents it may not stand alone: go on with the old one.
    next.discard();
    onError(`cannot carry open intents over: ${failure}`);
    return null;
  };

  const seal = (): void => {
    if (options.waiting() > 0 || performance.now() < sealAgainMs) return;
    if (closes === 0 && segment.bytes() < limits.segmentBytes) return;
    const next = successor();
    if (next === null) {
      sealAgainMs = performance.now() + retryMs;
      return;
    }
    const sealed = { ...segment.file, bytes: segment.bytes(), closes, sealedAtMs: Date.now() };
    const finished = segment.finish();
    syncDirectorySoon(dir, onError);
    [segment, closes, closeChars] = [next, 0, 0];
    options.onBytes(next.bytes());
    // In order, however long the disk takes over each: an intent must not outlive its close.
    handedOver = Promise.all([handedOver, finished]).then(() => options.onSealed(sealed));
  };

  return {
    seal,
    write(text) {
      const before = segment.bytes();
      const failure = segment.append(text);
      options.onBytes(segment.bytes() - before);
      return failure;
    },
    wrote(committed) {
      if (closes === 0) firstCloseMs = committed.startedMs;
      closes += committed.closes;
      closeChars += committed.closeChars;
      if (closes >= limits.segmentCloses || closeChars >= limits.segmentBytes) seal();
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
      if (segment.bytes() === 0) segment.discard();
      else await segment.finish();
    },
  };
};
