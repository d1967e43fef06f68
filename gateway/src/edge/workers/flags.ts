/** How the processes of workers are started. */
import { getHeapStatistics } from 'node:v8';
import { plainVariables } from '../../contract/environment.ts';

/** These bind a process to whoever started it, or load what its starter handed over; a worker is bound to its parent. */
const preloads = /^(?:--import|--require|-r)(?:=|$)/;

const mebibyte = 1_048_576;
const leastHeapMib = 256;

/** The engine's flags of this process, for one of so many: together they may have the heap that one has. */
export const workerFlags = (flags: readonly string[], workers: number): readonly string[] => {
  const kept = flags.filter((flag, i) => {
    const value = flags[i - 1];
    // Its value stands behind a flag that has none in it.
    const isValue = value !== undefined && preloads.test(value) && !value.includes('=');
    return !isValue && !preloads.test(flag);
  });
  const heapMib = Math.floor(getHeapStatistics().heap_size_limit / mebibyte / workers);
  return [...kept, `--max-old-space-size=${Math.max(leastHeapMib, heapMib)}`];
};

/**
 * What takes everything out of an inherited environment that the engine does not need from its first instruction on. Every process of
 * this user can read the environment of another; workers get theirs by the channel.
 */
export const hiddenVariables = (names: readonly string[]): Readonly<Record<string, undefined>> =>
  Object.fromEntries(
    names.filter((name) => !plainVariables.has(name)).map((name) => [name, undefined]),
  );
