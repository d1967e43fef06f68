/**
 * Which refused calls are written down (row, spans, log line), and which are only counted? A call that reached a
 * provider always is. A refusal costs its sender nothing, so whoever sends many of them must not fill the ledger:
 * strangers together, each key, and all of them have an allowance by the second.
 */
import type { OutcomeKind } from '../contract/outcomes.ts';
import type { Settlement } from '../model/settlement.ts';

/** Refused calls written down in a second; a share of one worker may be a fraction. */
export interface Allowances {
  /** Of all callers. */
  readonly refusals: number;
  readonly refusalsPerKey: number;
  /** Requests without a valid key, all together. */
  readonly refusalsOfStrangers: number;
}

/** Keys come and go with the configuration; past so many everybody begins anew. */
const maxBuckets = 100_000;

/** What was not used is kept for so many seconds: a burst after a quiet time is written down whole. */
const burstSeconds = 10;

interface Bucket {
  left: number;
  filledMs: number;
}

/** Less than one a second is one now and then: there must be room for that one. */
const mostIn = (perSecond: number): number =>
  perSecond === 0 ? 0 : Math.max(1, perSecond * burstSeconds);

const fill = (bucket: Bucket, perSecond: number, nowMs: number): void => {
  const earned = (Math.max(0, nowMs - bucket.filledMs) / 1000) * perSecond;
  bucket.left = Math.min(mostIn(perSecond), bucket.left + earned);
  bucket.filledMs = nowMs;
};

/** Endings that need no attempt: the call was refused, or its request never was whole. */
const refusing: ReadonlySet<OutcomeKind> = new Set([
  'unidentified',
  'refused',
  'throttled',
  'abandoned',
]);

export interface WrittenDown {
  /** Asked once for each call, at `nowMs` of the monotonic clock. */
  isWritten(settlement: Settlement, nowMs: number): boolean;
}

/** @param allowances those in force now */
export const writtenDown = (allowances: () => Allowances): WrittenDown => {
  const buckets = new Map<string, Bucket>();
  const bucket = (name: string, perSecond: number, nowMs: number): Bucket => {
    let found = buckets.get(name);
    if (found === undefined) {
      if (buckets.size >= maxBuckets) buckets.clear();
      found = { left: mostIn(perSecond), filledMs: nowMs };
      buckets.set(name, found);
    }
    fill(found, perSecond, nowMs);
    return found;
  };
  return {
    isWritten({ call, outcome, attempts }, nowMs) {
      if (attempts.length > 0 || !refusing.has(outcome)) return true;
      const { refusals, refusalsPerKey, refusalsOfStrangers } = allowances();
      const own =
        call.caller === null
          ? bucket('strangers', refusalsOfStrangers, nowMs)
          : bucket(`key ${call.caller.keyId}`, refusalsPerKey, nowMs);
      const total = bucket('all', refusals, nowMs);
      if (own.left < 1 || total.left < 1) return false;
      own.left -= 1;
      total.left -= 1;
      return true;
    },
  };
};
