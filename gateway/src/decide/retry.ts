import type { Fault } from '../model/fault.ts';

export interface RetryPolicy {
  readonly triesPerTarget: number;
  readonly triesPerCall: number;
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
  /** Try again at the same target what it may bill. */
  readonly billed: boolean;
}

export type Next =
  | { readonly kind: 'again'; readonly afterMs: number }
  | { readonly kind: 'next_target' }
  /** `clientMayRetry`: another try of the client's own, later or at another gateway, may help where ours did not. */
  | { readonly kind: 'give_up'; readonly clientMayRetry: boolean };

/** The provider asks for a pause longer than we wait: the client is told it, and may try again itself. */
const isLeftToClient = ({ retryAfterMs }: Fault, { backoffMaxMs }: RetryPolicy): boolean =>
  retryAfterMs !== null && retryAfterMs > backoffMaxMs;

/**
 * Again, elsewhere, or not at all? Same target with exponential backoff and full jitter
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/) while it has tries left; a provider that
 * asks for a longer pause than ours is left for the next target when there is one.
 * @param random uniform in [0, 1)
 */
export const afterFault = (
  fault: Fault,
  tries: { readonly atTarget: number; readonly ofCall: number; readonly moreTargets: boolean },
  policy: RetryPolicy,
  random: number,
): Next => {
  const clientMayRetry = fault.kind === 'gateway' || isLeftToClient(fault, policy);
  const giveUp: Next = { kind: 'give_up', clientMayRetry };
  if (fault.recourse === 'none' || tries.ofCall >= policy.triesPerCall) return giveUp;
  const elsewhere: Next = tries.moreTargets ? { kind: 'next_target' } : giveUp;
  // What a provider may bill is not paid for twice there, unless the operator wants it.
  const mayNotAgain = fault.recourse === 'elsewhere' || (fault.mayBeBilled && !policy.billed);
  if (mayNotAgain || tries.atTarget >= policy.triesPerTarget) return elsewhere;
  // Past 30 doublings any pause is over its maximum, and one without end times a base of 0 would be no number.
  const doublings = Math.min(tries.atTarget - 1, 30);
  const ceilingMs = Math.min(policy.backoffMaxMs, policy.backoffMs * 2 ** doublings);
  const askedMs = fault.retryAfterMs ?? 0;
  if (isLeftToClient(fault, policy)) return elsewhere;
  if (askedMs > ceilingMs && tries.moreTargets) return elsewhere;
  return { kind: 'again', afterMs: Math.max(askedMs, Math.round(ceilingMs * random)) };
};
