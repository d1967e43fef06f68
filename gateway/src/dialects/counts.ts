import { tokenTypes, type TokenType } from '../contract/ledger.ts';
import type { Json, JsonObject } from '../model/json.ts';
import { noTokens, type Side, type Usage } from '../model/usage.ts';

// Providers' counts end up on a bill, and some are wrong: negative, fractional, parts larger than their whole. A part is
// set to the nearest thing that can be, and marked. A whole that cannot be is left out and named, to be estimated: booking
// it as 0 would make the call free.

/** No call has more tokens: ten times the largest context window there is. */
const maxCount = 100_000_000;

/** Takes counts out of a provider's usage object and remembers whether one of them could not be true. */
export interface Counter {
  /** The count under one of these keys, the first that is there, as a number or as digits; 0 when none is. */
  read(from: JsonObject | null, ...keys: readonly string[]): number;
  /** The count of a whole side, or of one of the counts it is the sum of; one that cannot be makes the side impossible. */
  readSide(side: Side, from: JsonObject, key: string): number;
  /** Both sides can be as they were counted so far. */
  isPossible(): boolean;
  /** Splits a whole into named parts, in order, and what is left over; a part larger than what is left is cut. */
  split(whole: number, parts: readonly (readonly [TokenType, number])[], rest: TokenType): void;
  /** Adds to a type. */
  add(type: TokenType, count: number): void;
  /** Marks the counts as not adding up. */
  mark(): void;
  /** What was counted: all that a dialect's usage has but its units and tier. */
  counted(): Pick<Usage, 'tokens' | 'clamped' | 'impossible'>;
}

const present = (from: JsonObject | null, keys: readonly string[]): Json | undefined => {
  for (const key of keys) {
    const value = from?.[key];
    if (value !== undefined && value !== null) return value;
  }
  return undefined;
};

/** A count that can be: a whole number, also written as text. Null: it cannot. */
const countOf = (value: Json): number | null => {
  const count = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value;
  const isCount =
    typeof count === 'number' && Number.isInteger(count) && count >= 0 && count <= maxCount;
  return isCount ? count : null;
};

const sideOf = (type: TokenType): Side => (type.startsWith('input_') ? 'input' : 'output');

export const startCounter = (): Counter => {
  const tokens: Record<TokenType, number> = { ...noTokens };
  let clamped = false;
  const impossible = new Set<Side>();
  return {
    read(from, ...keys) {
      const value = present(from, keys);
      if (value === undefined) return 0;
      const count = countOf(value);
      clamped ||= count === null;
      return count ?? 0;
    },
    readSide(side, from, key) {
      const value = present(from, [key]);
      if (value === undefined) return 0;
      const count = countOf(value);
      if (count === null) {
        clamped = true;
        impossible.add(side);
      }
      return count ?? 0;
    },
    isPossible: () => impossible.size === 0,
    split(whole, parts, rest) {
      let left = whole;
      for (const [type, count] of parts) {
        const taken = Math.min(count, left);
        if (taken < count) clamped = true;
        tokens[type] += taken;
        left -= taken;
      }
      tokens[rest] += left;
    },
    add(type, count) {
      tokens[type] += count;
    },
    mark() {
      clamped = true;
    },
    counted() {
      if (impossible.size === 0) return { tokens: { ...tokens }, clamped };
      const possible = Object.fromEntries(
        tokenTypes.map((type) => [type, impossible.has(sideOf(type)) ? 0 : tokens[type]]),
      );
      return { tokens: { ...noTokens, ...possible }, clamped, impossible: [...impossible] };
    },
  };
};
