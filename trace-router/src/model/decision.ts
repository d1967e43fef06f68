import type { Reason, Trigger } from '../contract/reasons.ts';
import type { TraceFacts } from './trace.ts';

/** A policy's answer. `drop` overrules every `keep`; `abstain` leaves it to the others. */
export type Vote =
  | { readonly kind: 'keep'; readonly reason: Reason }
  | { readonly kind: 'drop'; readonly reason: Reason }
  | { readonly kind: 'abstain' };

/** A configured policy as the sampler sees it. A rate limit remembers; all others answer from the facts alone. */
export interface Voter {
  readonly name: string;
  /** Attribute keys whose values it wants to see. */
  readonly keys: readonly string[];
  /** False: once some policy keeps the trace, this one need not be asked. */
  readonly mayDrop: boolean;
  vote(facts: TraceFacts, nowMs: number): Vote;
}

/** The end of a trace's wait. `policy` is empty when no policy decided it. */
export interface Decision {
  readonly kind: 'keep' | 'drop';
  readonly policy: string;
  readonly reason: Reason;
  readonly trigger: Trigger;
}
