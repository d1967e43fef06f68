import type { CacheStatus } from '../contract/ledger.ts';
import type { RequestParameters, Caller, Target } from '../model/call.ts';
import type { Refusal } from '../model/refusal.ts';
import type { Reply } from '../model/reply.ts';
import type { CallFacts } from '../model/settlement.ts';
import type { CallRecord } from './call-record.ts';
import type { Effects, Request } from './effects.ts';

/** A call whose caller is known and whose request was read. */
export interface AskedCall {
  readonly facts: CallFacts;
  readonly caller: Caller;
  readonly parameters: RequestParameters;
  /** In the order to try them; empty: there is no such model. */
  readonly targets: readonly Target[];
  readonly request: Request;
}

/** What a step says of a call. */
export type Verdict =
  | { readonly kind: 'pass' }
  /** No provider is asked: the client gets this. */
  | { readonly kind: 'answer'; readonly reply: Reply; readonly cache: CacheStatus }
  | { readonly kind: 'refuse'; readonly refusal: Refusal };

export const pass: Verdict = { kind: 'pass' };

/** One thing that happens to every call; a line of `registry.ts` says when. */
export interface Step {
  readonly name: string;
  /** Before a provider is asked: may the call go on? */
  look?(call: AskedCall, on: Pick<Effects, 'usable' | 'reserve'>): Verdict | Promise<Verdict>;
  /** Stands between a reply and its client, and may watch, change, hold or end it. */
  wrap?(reply: Reply, call: AskedCall): Reply;
}

/** What a call has with it on its way. */
export interface Way {
  readonly record: CallRecord;
  /** Those that its reply will pass. */
  readonly steps: readonly Step[];
  readonly on: Effects;
}
