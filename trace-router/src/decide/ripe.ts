import type { Trigger } from '../contract/reasons.ts';

export interface Patience {
  /** From the first span of a trace. */
  readonly decisionWaitMs: number;
  /** From the arrival of its root span; null: the root changes nothing. */
  readonly afterRootMs: number | null;
  readonly maxTraceBytes: number;
}

export interface Waiting {
  readonly firstSeenMs: number;
  readonly rootSeenMs: number | null;
  readonly sizeBytes: number;
}

/** Is it time to decide this trace, and why? Null: not yet. */
export const ripe = (trace: Waiting, patience: Patience, nowMs: number): Trigger | null => {
  if (trace.sizeBytes > patience.maxTraceBytes) return 'size';
  const { afterRootMs } = patience;
  if (
    trace.rootSeenMs !== null &&
    afterRootMs !== null &&
    nowMs - trace.rootSeenMs >= afterRootMs
  ) {
    return 'root';
  }
  return nowMs - trace.firstSeenMs >= patience.decisionWaitMs ? 'timeout' : null;
};
