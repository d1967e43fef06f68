/**
 * Ships sealed segments to ClickHouse, oldest first, one at a time, each under its own deduplication token, and deletes
 * them when acknowledged. What the server refuses is halved down to the row, and that row is set aside in `dead/`.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sink } from './clickhouse.ts';
import { parseEntry } from './entry.ts';
import type { Sealed, SpoolTotals } from './spool.ts';

export interface ShipTotals {
  shipped: number;
  resent: number;
  dead: number;
}

export interface Shipper {
  add(segment: Sealed): void;
  /** Ships what is there until all is gone or the time is up. Returns whether all is gone. */
  drain(withinMs: number): Promise<boolean>;
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

/** The finished rows of a segment file, in order; lines that are torn or damaged are left out. */
export const rowsIn = (text: string): readonly string[] =>
  text.split('\n').flatMap((line) => {
    if (!line.startsWith('c ')) return [];
    const entry = parseEntry(line);
    return entry === null ? [] : [entry.json];
  });

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

  const bury = (segment: Sealed, token: string, row: string, message: string): void => {
    const name = `${basename(segment.path)}.${token.replaceAll('/', '_')}.json`;
    writeFileSync(join(dirname(segment.path), 'dead', name), `${row}\n`, { mode: 0o600 });
    totals.dead += 1;
    spool.spooledRows -= 1;
    onError(`ClickHouse refused a ledger row, set aside as dead/${name}: ${message}`);
  };

  /** Puts rows in, however often it takes; false: told to stop before it was done. */
  const put = async (segment: Sealed, rows: readonly string[], token: string): Promise<boolean> => {
    for (let attempt = 0; ; attempt += 1) {
      if (attempt > 0) totals.resent += rows.length;
      const result = await sink.insert(rows, token);
      if (result.kind === 'inserted') {
        totals.shipped += rows.length;
        spool.spooledRows -= rows.length;
        return true;
      }
      if (result.kind === 'refused') {
        const [only] = rows;
        if (rows.length === 1 && only !== undefined) {
          bury(segment, token, only, result.message);
          return true;
        }
        const half = Math.ceil(rows.length / 2);
        return (
          (await put(segment, rows.slice(0, half), `${token}/a`)) &&
          (await put(segment, rows.slice(half), `${token}/b`))
        );
      }
      if (attempt === 0)
        onError(`ClickHouse did not take ${rows.length} rows, trying again: ${result.message}`);
      if (stopping.signal.aborted) return false;
      const pauseMs = Math.min(backoffMs.most, backoffMs.first * 2 ** Math.min(attempt, 10));
      await sleep(pauseMs, null, { signal: stopping.signal }).catch(() => null);
      if (stopping.signal.aborted) return false;
    }
  };

  const ship = async (segment: Sealed): Promise<boolean> => {
    const startedMs = performance.now();
    const rows = rowsIn(readFileSync(segment.path, 'utf8'));
    const token = `${replica}/${basename(segment.path, '.seg')}`;
    if (rows.length > 0 && !(await put(segment, rows, token))) return false;
    rmSync(segment.path);
    spool.bytes -= segment.bytes;
    const damaged = segment.closes - rows.length;
    if (damaged > 0) {
      totals.dead += damaged;
      spool.spooledRows -= damaged;
      onError(`${damaged} rows of ${basename(segment.path)} were damaged on disk and are lost`);
    }
    onShipped((performance.now() - startedMs) / 1000);
    return true;
  };

  const run = async (): Promise<void> => {
    for (;;) {
      const [segment] = queue;
      if (segment === undefined || !(await ship(segment))) return;
      queue.shift();
    }
  };
  const wake = (): void => {
    running ??= run()
      .catch((error: unknown) => onError(`shipping stopped: ${String(error)}`))
      .finally(() => {
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
      const endsMs = performance.now() + withinMs;
      while (queue.length > 0 && performance.now() < endsMs) {
        wake();
        await Promise.race([running, sleep(Math.max(1, endsMs - performance.now()))]);
      }
      return queue.length === 0;
    },
    async stop() {
      stopping.abort();
      await running;
      await sink.close();
    },
  };
};
