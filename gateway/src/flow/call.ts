import { errors } from '../contract/errors.ts';
import type { OutcomeKind, StreamOutcome } from '../contract/outcomes.ts';
import type { WasteReason } from '../contract/ledger.ts';
import type { Fault } from '../model/fault.ts';
import type { Attempt } from '../model/settlement.ts';
import type { Begun, Effects, Ending, Story } from './effects.ts';

/** An attempt that cost something and served nobody is waste, all of it. */
const wasted = (attempt: Attempt, reason: WasteReason): Attempt => ({
  ...attempt,
  wasteReason: reason,
});

const outcomeOf = (ending: Ending): OutcomeKind => {
  switch (ending.kind) {
    case 'complete':
      return 'answered';
    case 'hung_up':
      return 'abandoned';
    case 'fault':
      return 'broken';
  }
};

const streamOutcomeOf = (ending: Ending): StreamOutcome => {
  switch (ending.kind) {
    case 'complete':
      return 'complete';
    case 'hung_up':
      return 'abandoned';
    case 'fault':
      return ending.fault.code === 'stream_cut' || ending.fault.code === 'gateway_stopped'
        ? 'cut'
        : ending.fault.code === 'stream_stalled'
          ? 'stalled'
          : 'failed';
  }
};

const wasteOf = (ending: Ending): WasteReason => {
  switch (ending.kind) {
    case 'complete':
      return '';
    case 'hung_up':
      return 'abandoned';
    case 'fault':
      return 'stream_cut';
  }
};

/** What the account of an attempt says that a bug of ours cut short. The provider knows nothing of it and bills. */
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

/**
 * Relays a reply and books its attempt once, whatever happens. A whole reply is settled before its client has the last
 * of it: what the client was told then stands in the ledger, however this process ends.
 */
const relayed = async (
  begun: Begun,
  stream: boolean,
  { on, attempts }: { readonly on: Effects; readonly attempts: Attempt[] },
): Promise<Story> => {
  const tries = attempts.length + 1;
  const book = (ending: Ending): Story => {
    if (attempts.length < tries) attempts.push(wasted(begun.close(ending), wasteOf(ending)));
    return {
      outcome: outcomeOf(ending),
      attempts,
      fault: ending.kind === 'fault' ? ending.fault : null,
      refusal: null,
      streamOutcome: stream ? streamOutcomeOf(ending) : '',
    };
  };
  try {
    return book(await begun.relay(tries, () => on.settle(book({ kind: 'complete' }))));
  } catch (error) {
    book({ kind: 'fault', fault: bug });
    throw error;
  }
};

/**
 * One admitted call, from its first attempt to its end. Targets are tried in order; past the first byte sent to the
 * client no other provider can take over, for the client would read two half answers.
 * @param attempts filled as they end, so that what was spent is known even when a bug of ours throws
 */
export const call = async (stream: boolean, on: Effects, attempts: Attempt[]): Promise<Story> => {
  const end = (rest: Partial<Story> & Pick<Story, 'outcome'>): Story => ({
    attempts,
    fault: null,
    refusal: null,
    streamOutcome: '',
    ...rest,
  });
  const abandoned = (): Story =>
    end({ outcome: 'abandoned', streamOutcome: stream ? 'abandoned' : '' });

  let previous: Attempt | null = null;
  let targetIndex = 0;
  let atTarget = 0;
  for (;;) {
    const target = on.targets[targetIndex];
    if (target === undefined) throw new Error(`call has no target ${targetIndex}`);
    const refusal = await on.intend(target, previous);
    if (refusal !== null) return end({ outcome: errors[refusal].outcome, refusal });
    atTarget += 1;
    const opened = await on.open(target);
    if (opened.kind === 'begun') {
      return relayed(opened, stream, { on, attempts });
    }
    if (opened.kind === 'abandoned') {
      attempts.push(wasted(opened.attempt, 'abandoned'));
      return abandoned();
    }
    const { fault } = opened;
    const moreTargets = targetIndex + 1 < on.targets.length;
    const next = on.next(fault, { atTarget, ofCall: attempts.length + 1, moreTargets });
    switch (next.kind) {
      case 'give_up':
        attempts.push(opened.attempt);
        return end({ outcome: errors[fault.code].outcome, fault });
      case 'next_target':
        previous = wasted(opened.attempt, 'fallback');
        targetIndex += 1;
        atTarget = 0;
        break;
      case 'again':
        previous = wasted(opened.attempt, 'retry');
        await on.pause(next.afterMs);
        break;
    }
    attempts.push(previous);
    if (on.hungUp()) return abandoned();
  }
};
