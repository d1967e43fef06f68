import type { OutcomeKind, StreamOutcome } from '../contract/outcomes.ts';
import type { Target } from '../model/call.ts';
import type { Fault } from '../model/fault.ts';
import type { Attempt } from '../model/settlement.ts';
import type { Next } from '../decide/retry.ts';

/** Why we ourselves end a call after its admission; rows of `contract/errors.ts`. */
export type Refusal = 'ledger_full' | 'internal_error';

/** An attempt that ended before the client was sent a byte of it. */
export interface Failed {
  readonly kind: 'failed';
  readonly fault: Fault;
  readonly attempt: Attempt;
}

/** How the relay of a reply ended. */
export type Ending =
  | { readonly kind: 'complete' }
  | { readonly kind: 'hung_up' }
  | { readonly kind: 'fault'; readonly fault: Fault };

/** A reply that has begun: its first content is here and waits to be sent. */
export interface Begun {
  readonly kind: 'begun';
  /**
   * Sends what is here and all that follows. Never throws for what client or provider do.
   * @param tries attempts of this call, this one included
   * @param settle called when the reply is whole, before its client has the last of it; see `Effects.settle`
   */
  relay(tries: number, settle: () => Promise<boolean>): Promise<Ending>;
  /** The account of the attempt; after the relay has ended. */
  close(ending: Ending): Attempt;
}

/** The client is gone; the attempt was abandoned. */
export interface Abandoned {
  readonly kind: 'abandoned';
  readonly attempt: Attempt;
}

export type Opened = Failed | Begun | Abandoned;

/** How a call went: its attempts, and its ending. */
export interface Story {
  readonly outcome: OutcomeKind;
  readonly attempts: readonly Attempt[];
  /** The last fault, when that is how it ended. */
  readonly fault: Fault | null;
  /** A refusal of our own after admission. */
  readonly refusal: Refusal | null;
  readonly streamOutcome: StreamOutcome;
}

/** All that a call may do to the world. */
export interface Effects {
  /** The targets of this call in the order to try them; not empty. */
  readonly targets: readonly Target[];
  hungUp(): boolean;
  /** Makes the intent durable before the first provider is called, and each further target before it is. Says why not. */
  intend(target: Target, previous: Attempt | null): Promise<Refusal | null>;
  open(target: Target): Promise<Opened>;
  /** What to do after a fault; draws its own randomness. */
  next(
    fault: Fault,
    tries: { readonly atTarget: number; readonly ofCall: number; readonly moreTargets: boolean },
  ): Next;
  /**
   * Accounts for the call: row, metrics, spans, log line. The first story counts, a later one changes nothing.
   * Tells whether the row is on disk, where it outlives this process.
   */
  settle(story: Story): Promise<boolean>;
  /** Sleeps, or returns early when the client hangs up. */
  pause(ms: number): Promise<void>;
}
