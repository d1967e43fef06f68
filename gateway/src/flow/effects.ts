import type { Prompt } from '../decide/budgets/prompt.ts';
import type { Identities } from '../decide/identity.ts';
import type { Identifying } from '../decide/identify.ts';
import type { CallSoFar } from '../decide/response-headers.ts';
import type { Plan } from '../decide/plan.ts';
import type { Next } from '../decide/retry.ts';
import type { Arrival } from '../model/arrival.ts';
import type { RequestParameters, Caller, Problem, Target } from '../model/call.ts';
import type { Fault } from '../model/fault.ts';
import type { Picodollars } from '../model/money.ts';
import type { Refusal } from '../model/refusal.ts';
import type { Reply, ReplyEnd } from '../model/reply.ts';
import type { Attempt, CallFacts, Settlement } from '../model/settlement.ts';

export type Got<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'bad'; readonly problem: Problem };

/** A request's body, read. */
export interface Request {
  readonly parameters: RequestParameters;
  /** What its length says of the size of its prompt. */
  prompt(): Prompt;
  /** Tokens of its prompt, counted. */
  inputTokens(): number;
  /** As it came; null: it is large, and was moved to the thread for those. */
  readonly bytes: Uint8Array | null;
  /** Writes what each of these is sent: what a target's dialect cannot say is refused before anything is spent. Once. */
  write(targets: readonly Target[]): Got<null> | Promise<Got<null>>;
  /** Lets go of what the body became when it was read. */
  close(): void;
}

/** A call that would go on to its providers. */
export interface AskedFor {
  readonly facts: CallFacts;
  readonly caller: Caller;
  readonly parameters: RequestParameters;
  /** In the order to try them; not empty. */
  readonly targets: readonly Target[];
  readonly request: Pick<Request, 'prompt' | 'inputTokens'>;
}

/** An attempt that ended before the client was sent a byte of it. */
export interface Failed {
  readonly kind: 'failed';
  readonly fault: Fault;
  readonly attempt: Attempt;
}

/** How a reply was delivered: to its end, or to the end of its client. */
export type Delivery = ReplyEnd | { readonly kind: 'hung_up'; readonly isSlow: boolean };

/** A reply that has begun: its first content is here and waits to be sent. */
export interface Begun {
  readonly kind: 'begun';
  readonly reply: Reply;
  /** Monotonic clock. */
  readonly startedMs: number;
  /** The record of the attempt; once it is whole, or after the delivery has ended. */
  close(delivery: Delivery): Attempt;
}

/** The client is gone; the attempt was abandoned. */
export interface Abandoned {
  readonly kind: 'abandoned';
  readonly attempt: Attempt;
}

export type Opened = Failed | Begun | Abandoned;

/** What a call has cost, and whether a kill of this process could still change it. */
export interface Booked {
  readonly isDurable: boolean;
  readonly cost: Picodollars;
}

/** What the delivery of a reply needs of its call. */
export interface Delivering extends CallSoFar {
  /**
   * Accounts for the call; called when the reply is whole, before its client has the last of it. What the client was told then
   * stands in the ledger, however this process ends.
   */
  settle(): Promise<Booked>;
  /** Keeps the record of a reply that is whole but long on its way, so that no kill changes it. */
  keep(): Promise<Booked>;
}

/** All that a call may do to the world. */
export interface Effects {
  readonly arrival: Arrival;
  /** Of the price table that this call is accounted by. */
  readonly priceVersion: string;
  /** Monotonic clock. */
  nowMs(): number;
  /** Whose key or token came with it. */
  identify(): Identifying;
  /** Who acts on whose behalf, by the headers. */
  identity(): Identities;
  /** Why no further call is taken, or not this one, before its body is read; null: it may come in, and is counted. */
  enter(caller: Caller): Problem | null;
  /** Reads the body within its limits of size, time and memory, and what it asks for. */
  receive(caller: Caller): Promise<Got<Request>>;
  /** Where a call for a model goes. */
  plan(model: string): Plan;
  /** The models of the configuration, as a caller may name them. */
  usable(caller: Caller): readonly string[];
  /** Holds what the call may come to in all its budgets, until it is settled. Null: it is held; else why it may not go on. */
  reserve(call: AskedFor): Refusal | null;
  /** The same before each further attempt, with what was spent until then. */
  extend(target: Target, made: readonly Attempt[]): Refusal | null;
  hungUp(): boolean;
  /** Makes the intent durable before the first provider is called, and each further target before it is. False: it may not. */
  intend(facts: CallFacts, target: Target, previous: Attempt | null): Promise<boolean>;
  /** Sends the request to a target; resolves when there is something to deliver, or there will be nothing. */
  open(facts: CallFacts, target: Target): Promise<Opened>;
  /** What to do after a fault; draws its own randomness. */
  next(
    fault: Fault,
    tries: { readonly atTarget: number; readonly ofCall: number; readonly moreTargets: boolean },
  ): Next;
  /** Sleeps, or returns early when the client hangs up. */
  pause(ms: number): Promise<void>;
  /** Sends a reply to the client. Never throws for what the client or the reply does. */
  deliver(reply: Reply, delivering: Delivering): Promise<Delivery>;
  /** Keeps the record of an attempt whose reply is whole, so that no kill changes it. False: it could not. */
  keep(facts: CallFacts, attempt: Attempt): Promise<boolean>;
  /** Tells the client why it gets no reply; nothing once one has begun. */
  refuse(refusal: Refusal, attempts: readonly Attempt[]): Promise<void>;
  /** Projects the record: row, metrics, spans, log line. Tells whether the row is on disk. */
  settle(settlement: Settlement): Promise<boolean>;
  /** A bug of ours ended the call. */
  bug(error: unknown): void;
}
