import type { CacheStatus } from '../contract/ledger.ts';
import type { OutcomeKind, StreamOutcome } from '../contract/outcomes.ts';
import { errors } from '../contract/errors.ts';
import { refusalFor } from '../decide/refuse.ts';
import type { Problem } from '../model/call.ts';
import type { Refusal } from '../model/refusal.ts';
import type { Attempt } from '../model/settlement.ts';

/** How a call went: its attempts, and its ending. */
export interface Ending {
  readonly outcome: OutcomeKind;
  readonly attempts: readonly Attempt[];
  /** Why the client got no reply, or not the whole of it; null: it did, or it left. */
  readonly refusal: Refusal | null;
  readonly streamOutcome: StreamOutcome;
  readonly cache: CacheStatus;
}

/** The ending of a call that ends here, with what was spent on it so far. */
export const refused = (refusal: Refusal, attempts: readonly Attempt[] = []): Ending => ({
  outcome: errors[refusal.code].outcome,
  attempts,
  refusal,
  streamOutcome: '',
  cache: 'off',
});

export const refusedFor = (problem: Problem, attempts: readonly Attempt[] = []): Ending =>
  refused(refusalFor(problem), attempts);
