/**
 * The clocks of one attempt. A stream that lives is not ended for being slow to say something: whatever arrives restarts
 * the clock of its silence. A whole reply is silent until it is done; it has the total only. While the client holds us
 * up, the provider's time stands still.
 */
import type { Timeouts } from '../../config/config.ts';
import type { LateClock } from '../../decide/faults.ts';

/** `hold`: a stream that lives has said nothing for so long that its client must hear something. */
export type Bell = LateClock | 'hold';

export interface Clocks {
  /** Something arrived. */
  alive(): void;
  /** The reply is a stream, or it is not. */
  isStream(): void;
  isWhole(): void;
  /** The first content of a stream is here. */
  hasContent(): void;
  /** The client takes no more, and takes again. */
  pause(): void;
  resume(): void;
  stop(): void;
}

/**
 * Starts the clocks; the request is sent now. Most are of a few fixed lengths: the engine keeps a list of timers for each
 * length, and those of one list cost next to nothing.
 */
export const startClocks = (
  { firstByteMs, firstContentMs, idleMs, holdMs, totalMs }: Timeouts,
  stream: boolean,
  ring: (bell: Bell) => void,
): Clocks => {
  let signs = 0;
  let paused = false;
  let over = false;
  const after = (ms: number, bell: Bell): NodeJS.Timeout => setTimeout(() => ring(bell), ms);
  // When we are late ourselves, what has arrived waits to be read, and is before the end of this turn: silence and missing
  // content are judged there. Our own slowness is not the provider's.
  const startSilence = (): NodeJS.Timeout =>
    setTimeout(() => {
      const before = signs;
      setImmediate(() => {
        if (signs === before && silence !== undefined && !paused && !over) ring('silence');
      });
    }, silenceMs);
  const startFirstContent = (ms: number): NodeJS.Timeout =>
    setTimeout(() => {
      setImmediate(() => {
        if (firstContent !== undefined && !over) ring('first_content');
      });
    }, ms);
  let silenceMs = firstByteMs;
  let silence = stream ? startSilence() : undefined;
  let firstContent =
    stream && firstContentMs !== null ? startFirstContent(firstContentMs) : undefined;
  let hold: NodeJS.Timeout | undefined;
  let total = after(totalMs, 'total');
  let leftMs = totalMs;
  let runningSinceMs = performance.now();

  const stopWaiting = (): void => {
    clearTimeout(firstContent);
    clearTimeout(hold);
    firstContent = hold = undefined;
  };
  return {
    alive() {
      signs += 1;
      silence?.refresh();
    },
    isStream() {
      hold ??= after(holdMs, 'hold');
    },
    isWhole() {
      stopWaiting();
      clearTimeout(silence);
      silence = undefined;
    },
    hasContent() {
      stopWaiting();
      if (silenceMs === idleMs) return;
      silenceMs = idleMs;
      // While the client holds us up, the clock starts with the resumption.
      if (silence === undefined || paused) return;
      clearTimeout(silence);
      silence = startSilence();
    },
    pause() {
      if (paused || over) return;
      paused = true;
      leftMs -= performance.now() - runningSinceMs;
      clearTimeout(total);
      clearTimeout(silence);
    },
    resume() {
      if (!paused || over) return;
      paused = false;
      runningSinceMs = performance.now();
      total = after(leftMs, 'total');
      if (silence !== undefined) silence = startSilence();
    },
    stop() {
      over = true;
      stopWaiting();
      clearTimeout(total);
      clearTimeout(silence);
      silence = undefined;
    },
  };
};
