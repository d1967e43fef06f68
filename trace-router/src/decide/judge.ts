import type { Trigger } from '../contract/reasons.ts';
import type { Decision, Voter } from '../model/decision.ts';
import type { TraceFacts } from '../model/trace.ts';

/**
 * Asks the policies in order. A drop ends it; otherwise the first keep counts; otherwise the trace is dropped. That is
 * the collector's precedence (inverted and drop policies overrule sampled), with the order deciding whose reason stands:
 * https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/processor/tailsamplingprocessor
 */
export const judge = (
  facts: TraceFacts,
  voters: readonly Voter[],
  trigger: Trigger,
  nowMs: number,
): Decision => {
  let kept: Decision | null = null;
  for (const voter of voters) {
    if (kept !== null && !voter.mayDrop) continue;
    const vote = voter.vote(facts, nowMs);
    if (vote.kind === 'abstain') continue;
    const decision: Decision = {
      kind: vote.kind,
      policy: voter.name,
      reason: vote.reason,
      trigger,
    };
    if (vote.kind === 'drop') return decision;
    kept ??= decision;
  }
  return kept ?? { kind: 'drop', policy: '', reason: 'no_policy', trigger };
};
