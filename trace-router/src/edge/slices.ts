/** Large requests are worked off in slices, between which everything else has its turn of the event loop. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** A request of up to so many spans is one slice: cutting it into traces takes some ten milliseconds at worst. */
export const spansAtOnce = 4096;

/**
 * Runs `work` on each slice of `length` items, in order, with a turn in between. The first slice runs at once, so that
 * a single one takes no turn.
 */
export const inSlices = async (
  length: number,
  size: number,
  work: (from: number, to: number) => void,
): Promise<void> => {
  for (let from = 0; from < length; from += size) {
    if (from > 0) await nextTurn();
    work(from, Math.min(length, from + size));
  }
};
