/** What makes it harder meanwhile: a ClickHouse that says nothing, a disk that is filled by somebody else and freed again. */
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FakeClickhouse } from '../../fakes/clickhouse.ts';
import { fill, useUpFiles } from '../mounts.ts';
import type { Span } from './judge.ts';

export interface Pause {
  isOver(): boolean;
  end(): void;
}

/** ClickHouse takes connections and answers none of them for so long. */
export const pauseClickhouse = (clickhouse: FakeClickhouse, forMs: number): Pause => {
  let over = false;
  const end = (): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    clickhouse.resume();
  };
  const timer = setTimeout(end, forMs);
  clickhouse.pause();
  return { isOver: () => over, end };
};

/** After so long a disk with room has taken all that it refused before. */
const recoveredMs = 3_000;
const [shortestFullMs, longestFullMs] = [300, 3_500];
const [shortestFreeMs, longestFreeMs] = [2_000, 7_000];
/** So often there are no files left instead of no bytes. */
const filesShare = 0.25;

export interface Filling {
  /** When it was full, until now. */
  spans(): readonly Span[];
  /** Makes room now. */
  free(): void;
  /** Makes room for good. */
  stop(): Promise<void>;
}

/** Fills and frees a disk at random until it is stopped. */
export const fillAndFree = (disk: { readonly path: string }, random: () => number): Filling => {
  const spans: Span[] = [];
  const control = new AbortController();
  let filled: { readonly path: string; readonly fromMs: number } | null = null;
  const between = (least: number, most: number): number => least + random() * (most - least);
  const pause = (ms: number): Promise<unknown> =>
    sleep(ms, null, { signal: control.signal }).catch(() => null);
  const free = (): void => {
    if (filled === null) return;
    rmSync(filled.path, { recursive: true, force: true });
    spans.push({ fromMs: filled.fromMs, untilMs: Date.now() + recoveredMs });
    filled = null;
  };
  const run = async (): Promise<void> => {
    while (!control.signal.aborted) {
      await pause(between(shortestFreeMs, longestFreeMs));
      if (control.signal.aborted) return;
      const fromMs = Date.now();
      filled = { path: random() < filesShare ? useUpFiles(disk) : fill(disk), fromMs };
      await pause(between(shortestFullMs, longestFullMs));
      free();
    }
  };
  const running = run();
  return {
    spans: () => spans,
    free,
    async stop() {
      control.abort();
      await running;
      free();
    },
  };
};
