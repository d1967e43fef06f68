/**
 * Ships sealed segments to ClickHouse, oldest first, one at a time, each under its own deduplication token, and deletes
 * them when all their rows are somewhere. Whatever goes wrong, the segment stays and is tried again.
 */
import { rmSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sink } from './clickhouse.ts';
import { parseEntry } from './entry.ts';
import { readLines } from './files.ts';
import { placer } from './placer.ts';
import type { Sealed } from './rotation.ts';
import type { SpoolTotals } from './spool.ts';

export interface ShipTotals {
  shipped: number;
  resent: number;
  dead: number;
}

export interface Shipper {
  add(segment: Sealed): void;
  /** Ships what is there until all is gone or the time is up. Returns whether all is gone. */
  drain(withinMs: number): Promise<boolean>;
  /** Gives up what is under way, which the next start sends again. */
  stop(): Promise<void>;
  readonly totals: ShipTotals;
  /** When the oldest segment still here was sealed; null: none is. */
  oldestSealedMs(): number | null;
}

export interface ShipperOptions {
  readonly sink: Sink;
  readonly replica: string;
  readonly spool: SpoolTotals;
  onShipped(seconds: number): void;
  onError(message: string): void;
}

const backoffMs = { first: 250, most: 5_000 } as const;

const closeKind = 'c'.charCodeAt(0);

/**
 * The finished rows of a segment file, in order; lines that are torn or damaged are left out. A file that somebody has
 * deleted has none: its rows are lost, and holding up the others brings none back.
 */
export const rowsIn = async (path: string): Promise<readonly Buffer[]> => {
  const rows: Buffer[] = [];
  try {
    for await (const lines of readLines(path)) {
      for (const line of lines) {
        // Only a close begins so; the others need not be read.
        const entry = line[0] === closeKind ? parseEntry(line) : null;
        if (entry !== null) rows.push(entry.json);
      }
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  return rows;
};

/** Starts shipping whatever `add` is given. */
export const startShipper = ({
  sink,
  replica,
  spool,
  onShipped,
  onError,
}: ShipperOptions): Shipper => {
  const queue: Sealed[] = [];
  const totals: ShipTotals = { shipped: 0, resent: 0, dead: 0 };
  const stopping = new AbortController();
  let running: Promise<void> | null = null;

  /** Waits before the next try; false: told to stop. */
  const pause = async (tries: number): Promise<boolean> => {
    const pauseMs = Math.min(backoffMs.most, backoffMs.first * 2 ** Math.min(tries, 10));
    await sleep(pauseMs, null, { signal: stopping.signal }).catch(() => null);
    return !stopping.signal.aborted;
  };

  const place = placer({
    sink,
    replica,
    pause,
    signal: stopping.signal,
    onResent: (rows) => (totals.resent += rows),
    onError,
  });

  /** False: told to stop before it was done. */
  const ship = async (segment: Sealed): Promise<boolean> => {
    const startedMs = performance.now();
    const rows = await rowsIn(segment.path);
    const placed = rows.length === 0 ? { shipped: 0, dead: 0 } : await place(segment.path, rows);
    if (placed === null) return false;
    rmSync(segment.path, { force: true });
    spool.bytes -= segment.bytes;
    const damaged = segment.closes - rows.length;
    if (damaged > 0)
      onError(
        `${damaged} rows of ${basename(segment.path)} are damaged or gone from the disk, and lost`,
      );
    totals.shipped += placed.shipped;
    totals.dead += placed.dead + damaged;
    spool.spooledRows -= segment.closes;
    onShipped((performance.now() - startedMs) / 1000);
    return true;
  };

  /** Ships all there is. A file that cannot be read, deleted or set aside holds up those behind it, until it can. */
  const run = async (): Promise<void> => {
    for (let failures = 0; queue[0] !== undefined;) {
      try {
        if (!(await ship(queue[0]))) return;
        queue.shift();
        failures = 0;
      } catch (error) {
        if (failures === 0)
          onError(`cannot ship ${basename(queue[0].path)}, trying again: ${String(error)}`);
        if (!(await pause(failures))) return;
        failures += 1;
      }
    }
  };
  const wake = (): void => {
    running ??= run().finally(() => {
      running = null;
    });
  };

  return {
    totals,
    oldestSealedMs: () => queue[0]?.sealedAtMs ?? null,
    add(segment) {
      queue.push(segment);
      if (!stopping.signal.aborted) wake();
    },
    async drain(withinMs) {
      const over = new AbortController();
      const late = sleep(withinMs, 'late', { signal: over.signal }).catch(() => null);
      if (queue.length > 0) wake();
      await Promise.race([running, late]);
      over.abort();
      return queue.length === 0;
    },
    async stop() {
      stopping.abort();
      await running;
      await sink.close();
    },
  };
};
