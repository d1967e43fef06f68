/** A seeded source of chance: the same seed makes the same statements on every machine. */
export interface Chance {
  /** 0 <= n < below. */
  readonly below: (below: number) => number;
  readonly pick: <T>(from: readonly [T, ...T[]]) => T;
  /** True in so many of a hundred. */
  readonly percent: (share: number) => boolean;
}

/** mulberry32, https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
export const chance = (seed: number): Chance => {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (limit: number) => next() % limit;
  return {
    below,
    pick: (from) => from[below(from.length)] ?? from[0],
    percent: (share) => below(100) < share,
  };
};
