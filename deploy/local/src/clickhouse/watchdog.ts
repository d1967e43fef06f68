/** Ends what goes on too slowly or for too long: a body that arrives, a result that is fetched. */

export interface Pace {
  readonly transferMs: number;
  readonly bytesPerSecond: number;
  /** How long it may lag behind `bytesPerSecond`, counted from its beginning. */
  readonly stallMs: number;
}

/** True: at this moment it is too late for so many bytes. */
export const tooSlow = (elapsedMs: number, sizeBytes: number, pace: Pace): boolean =>
  elapsedMs > pace.transferMs ||
  sizeBytes < (Math.max(0, elapsedMs - pace.stallMs) / 1000) * pace.bytesPerSecond;

const lookMs = 250;

/** Calls `late` once, when the bytes are too few for the time. Returns what ends the watching. */
export const watchPace = (
  pace: Pace,
  { bytes, waitedMs }: { readonly bytes: () => number; readonly waitedMs: () => number },
  late: () => void,
): (() => void) => {
  const timer = setInterval(() => {
    if (!tooSlow(waitedMs(), bytes(), pace)) return;
    clearInterval(timer);
    late();
  }, lookMs);
  return () => clearInterval(timer);
};
