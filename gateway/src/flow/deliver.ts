/** A reply on its way to its client, and what its end means for the record. */
import type { CacheStatus, WasteReason } from '../contract/ledger.ts';
import type { OutcomeKind, StreamOutcome } from '../contract/outcomes.ts';
import { errors } from '../contract/errors.ts';
import { refusalForFault } from '../decide/refuse.ts';
import type { Fault } from '../model/fault.ts';
import type { Reply } from '../model/reply.ts';
import { costOfAttempts, type Attempt } from '../model/settlement.ts';
import type { Begun, Booked, Delivery } from './effects.ts';
import type { AskedCall, Step, Way } from './step.ts';
import type { Ending } from './ending.ts';

/** An attempt that cost something and served nobody is waste, all of it. */
export const wasted = (attempt: Attempt, reason: WasteReason): Attempt => ({
  ...attempt,
  wasteReason: reason,
});

const outcomeOf = (delivery: Delivery): OutcomeKind => {
  switch (delivery.kind) {
    case 'complete':
      return 'answered';
    case 'hung_up':
      return 'abandoned';
    case 'fault':
      return errors[delivery.fault.code].outcome;
  }
};

const streamOutcomeOf = (delivery: Delivery): StreamOutcome => {
  switch (delivery.kind) {
    case 'complete':
      return 'complete';
    case 'hung_up':
      return 'abandoned';
    case 'fault': {
      const { code } = delivery.fault;
      if (code === 'stream_cut' || code === 'gateway_stopped') return 'cut';
      return code === 'stream_stalled' ? 'stalled' : 'failed';
    }
  }
};

const wasteOf = (delivery: Delivery): WasteReason => {
  switch (delivery.kind) {
    case 'complete':
      return '';
    case 'hung_up':
      return 'abandoned';
    case 'fault':
      return 'stream_cut';
  }
};

/** What the record of an attempt says that a bug of ours cut short. The provider knows nothing of it and bills. */
const bug: Fault = {
  kind: 'gateway',
  code: 'internal_error',
  status: 0,
  message: 'a bug of the gateway ended this attempt',
  recourse: 'none',
  retryAfterMs: null,
  mayBeBilled: true,
  said: null,
};

export interface ToDeliver {
  readonly reply: Reply;
  /** The attempt that brought it; absent: none did. */
  readonly begun?: Begun;
  readonly cache: CacheStatus;
  readonly call: AskedCall;
}

/** The reply as it leaves the steps: the last of them has it first. */
const wrapped = ({ reply, call }: ToDeliver, steps: readonly Step[]): Reply =>
  steps.reduceRight((inner, step) => step.wrap?.(inner, call) ?? inner, reply);

/**
 * Sends a reply to the client and books its attempt once, whatever happens. A whole reply is settled before its client has
 * the last of it: what the client was told then stands in the ledger, however this process ends.
 */
export const deliver = async (what: ToDeliver, way: Way): Promise<Ending> => {
  const { begun, cache, call } = what;
  const { record, steps, on } = way;
  const { attempts } = record;
  const { stream } = call.parameters;
  const before = attempts.length;
  /** The attempt, once it is known how it ended. */
  let attempt: Attempt | undefined;
  const book = (delivery: Delivery): void => {
    if (begun === undefined || attempts.length > before) return;
    attempt = wasted(begun.close(delivery), wasteOf(delivery));
    attempts.push(attempt);
  };
  const end = (delivery: Delivery): Ending => {
    book(delivery);
    return {
      outcome: outcomeOf(delivery),
      attempts,
      refusal:
        delivery.kind === 'fault' ? refusalForFault(delivery.fault, call.facts.dialect) : null,
      streamOutcome: stream ? streamOutcomeOf(delivery) : '',
      cache,
    };
  };
  const complete = { kind: 'complete' } as const;
  const spentMs = attempts.reduce((total, { durationMs }) => total + durationMs, record.waitMs);
  const elsewhereMs = (): number => {
    if (begun === undefined) return spentMs;
    return spentMs + (attempt?.durationMs ?? on.nowMs() - begun.startedMs);
  };
  const settle = async (): Promise<Booked> => {
    const isDurable = await record.settle(end(complete));
    return { isDurable, cost: costOfAttempts(attempts) };
  };
  const keep = async (): Promise<Booked> => {
    // Booked when its delivery has ended: until then its client may still leave.
    attempt = begun?.close(complete);
    const whole = attempt === undefined ? attempts : [...attempts, attempt];
    const isDurable = attempt === undefined || (await on.keep(call.facts, attempt));
    return { isDurable, cost: costOfAttempts(whole) };
  };
  const tries = begun === undefined ? before : before + 1;
  try {
    const delivery = await on.deliver(wrapped(what, steps), {
      stream,
      tries,
      cache,
      elsewhereMs,
      settle,
      keep,
    });
    return end(delivery);
  } catch (error) {
    book({ kind: 'fault', fault: bug, isTold: false });
    throw error;
  }
};
