/**
 * Lines of one event-loop turn become one write. A disk that refuses it is left alone for `retryMs`: until then
 * whoever waits is told no, and what must not be lost is held.
 */

interface Pending {
  readonly line: string;
  readonly isClose: boolean;
  /** Told whether its line is on disk; null for lines nobody waits for. */
  readonly written: ((ok: boolean) => void) | null;
}

/** The finished rows that one write brought to disk. */
export interface Committed {
  readonly closes: number;
  readonly closeChars: number;
  /** When the write began, on the monotonic clock. */
  readonly startedMs: number;
}

export interface GroupCommit {
  /** Answers once the line is on disk, or that it will not be. */
  durable(line: string): Promise<boolean>;
  /** Written with the next commit, or left out when the disk refuses. */
  offer(line: string): void;
  /** Written with the next commit that the disk takes. */
  keep(line: string): void;
  /** Lines not yet written. */
  waiting(): number;
  /** Writes what waits now, for the last time. */
  stop(): void;
}

const retryMs = 250;

/** @param options.write appends text to a file, all or nothing; null: written, else why not */
export const startGroupCommit = (options: {
  write(text: string): string | null;
  onWritten(committed: Committed): void;
  onCommit(seconds: number): void;
  onError(message: string): void;
}): GroupCommit => {
  let pending: Pending[] = [];
  let scheduled = false;
  let refusing = false;
  let stopped = false;

  const refused = (batch: readonly Pending[], failure: string): void => {
    options.onError(failure);
    refusing = true;
    pending = batch.filter(({ isClose }) => isClose);
    for (const { written } of batch) written?.(false);
    if (stopped) return;
    setTimeout(() => {
      refusing = false;
      flush();
    }, retryMs).unref();
  };

  const flush = (): void => {
    scheduled = false;
    if (pending.length === 0 || refusing) return;
    const batch = pending;
    pending = [];
    const startedMs = performance.now();
    let text = '';
    for (const { line } of batch) text += line;
    const failure = options.write(text);
    if (failure !== null) {
      refused(batch, failure);
      return;
    }
    options.onCommit((performance.now() - startedMs) / 1000);
    let closes = 0;
    let closeChars = 0;
    for (const { line, isClose, written } of batch) {
      written?.(true);
      if (!isClose) continue;
      closes += 1;
      closeChars += line.length;
    }
    options.onWritten({ closes, closeChars, startedMs });
  };

  const enqueue = (line: string, isClose: boolean, written: Pending['written']): void => {
    pending.push({ line, isClose, written });
    if (scheduled) return;
    scheduled = true;
    setImmediate(flush);
  };

  return {
    durable: (line) =>
      stopped || refusing
        ? Promise.resolve(false)
        : new Promise((written) => {
            enqueue(line, false, written);
          }),
    offer(line) {
      if (!stopped && !refusing) enqueue(line, false, null);
    },
    keep: (line) => enqueue(line, true, null),
    waiting: () => pending.length,
    stop() {
      stopped = true;
      refusing = false;
      flush();
    },
  };
};
