/** Providers are asked in turn until one has an answer, or nothing helps any more. */
import { plain, refusalForFault } from '../decide/refuse.ts';
import type { Attempt } from '../model/settlement.ts';
import { deliver, wasted } from './deliver.ts';
import type { AskedCall, Way } from './step.ts';
import { refused, refusedFor, type Ending } from './ending.ts';

/**
 * Targets are tried in order; past the first byte sent to the client no other provider can take over, for the client would
 * read two half answers.
 */
export const attempts = async (call: AskedCall, way: Way): Promise<Ending> => {
  const { record, on } = way;
  const { attempts: made } = record;
  const { facts, parameters, targets } = call;
  const abandoned = (): Ending => ({
    outcome: 'abandoned',
    attempts: made,
    refusal: null,
    streamOutcome: parameters.stream ? 'abandoned' : '',
    cache: 'off',
  });

  let previous: Attempt | null = null;
  let targetIndex = 0;
  let atTarget = 0;
  for (;;) {
    const target = targets[targetIndex];
    if (target === undefined) throw new Error(`call has no target ${targetIndex}`);
    const refusal = previous === null ? null : on.extend(target, made);
    if (refusal !== null) return refused(refusal, made);
    if (!(await on.intend(facts, target, previous))) return refusedFor(plain('ledger_full'), made);
    atTarget += 1;
    const opened = await on.open(facts, target);
    if (opened.kind === 'begun') {
      const { reply } = opened;
      return deliver({ reply, begun: opened, cache: 'off', call }, way);
    }
    if (opened.kind === 'abandoned') {
      made.push(wasted(opened.attempt, 'abandoned'));
      return abandoned();
    }
    const { fault } = opened;
    const moreTargets = targetIndex + 1 < targets.length;
    const next = on.next(fault, { atTarget, ofCall: made.length + 1, moreTargets });
    switch (next.kind) {
      case 'give_up': {
        made.push(wasted(opened.attempt, 'failed'));
        const refusal = refusalForFault(fault, facts.dialect);
        const headers = next.clientMayRetry ? {} : { 'x-should-retry': 'false' };
        return refused({ ...refusal, headers: { ...refusal.headers, ...headers } }, made);
      }
      case 'next_target':
        previous = wasted(opened.attempt, 'fallback');
        targetIndex += 1;
        atTarget = 0;
        break;
      case 'again': {
        previous = wasted(opened.attempt, 'retry');
        const pausedMs = on.nowMs();
        await on.pause(next.afterMs);
        record.waited(on.nowMs() - pausedMs);
        break;
      }
    }
    made.push(previous);
    if (on.hungUp()) return abandoned();
  }
};
