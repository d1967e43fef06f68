import type { Bucket } from '../../contract/ledger.ts';
import type { Json, JsonObject } from '../../model/json.ts';
import { noTokens, type Buckets } from '../../model/usage.ts';

// Providers' counts end up on a bill, and some are wrong: negative, fractional, parts larger than their whole.
// What cannot be is set to the nearest thing that can be, and marked.

/** The ledger's columns are Int32; no call has ever used half as many tokens. */
const maxCount = 2 ** 31 - 1;

/** Takes counts out of a provider's usage object and remembers whether one of them could not be true. */
export interface Counter {
  /** The count under one of these keys, the first that is there; 0 when none is. */
  read(from: JsonObject | null, ...keys: readonly string[]): number;
  /** Splits a whole into named parts, in order, and what is left over; a part larger than what is left is cut. */
  split(whole: number, parts: readonly (readonly [Bucket, number])[], rest: Bucket): void;
  /** Adds to a bucket. */
  add(bucket: Bucket, count: number): void;
  /** Marks the counts as not adding up. */
  mark(): void;
  tokens(): Buckets;
  clamped(): boolean;
}

const present = (from: JsonObject | null, keys: readonly string[]): Json | undefined => {
  for (const key of keys) {
    const value = from?.[key];
    if (value !== undefined && value !== null) return value;
  }
  return undefined;
};

export const startCounter = (): Counter => {
  const tokens: Record<Bucket, number> = { ...noTokens };
  let clamped = false;
  return {
    read(from, ...keys) {
      const value = present(from, keys);
      if (value === undefined) return 0;
      if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= maxCount) {
        return value;
      }
      clamped = true;
      return typeof value === 'number' && value > 0 && value <= maxCount ? Math.floor(value) : 0;
    },
    split(whole, parts, rest) {
      let left = whole;
      for (const [bucket, count] of parts) {
        const taken = Math.min(count, left);
        if (taken < count) clamped = true;
        tokens[bucket] += taken;
        left -= taken;
      }
      tokens[rest] += left;
    },
    add(bucket, count) {
      tokens[bucket] += count;
    },
    mark() {
      clamped = true;
    },
    tokens: () => ({ ...tokens }),
    clamped: () => clamped,
  };
};
