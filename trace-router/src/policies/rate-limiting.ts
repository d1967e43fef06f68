import { Type } from 'typebox';
import { abstain, policy } from './policy.ts';

/**
 * Keeps traces while their spans fit a rate: a token bucket, refilled by the time that passes between decisions. It is
 * asked only for traces that no policy before it keeps, so put it last.
 */
export const rateLimiting = policy({
  type: 'rate_limiting',
  settings: Type.Object(
    {
      spans_per_second: Type.Number({ exclusiveMinimum: 0, description: 'Spans kept per second' }),
      burst_capacity: Type.Optional(
        Type.Number({ exclusiveMinimum: 0, description: 'Spans at once; twice the rate' }),
      ),
    },
    { additionalProperties: false },
  ),
  voter: ({ spans_per_second: perSecond, burst_capacity: capacity = perSecond * 2 }) => {
    let tokens = capacity;
    let filledMs: number | null = null;
    return ({ spans }, nowMs) => {
      const sinceMs = Math.max(0, nowMs - (filledMs ?? nowMs));
      filledMs = Math.max(filledMs ?? nowMs, nowMs);
      tokens = Math.min(capacity, tokens + (sinceMs / 1000) * perSecond);
      if (spans > tokens) return abstain;
      tokens -= spans;
      return { kind: 'keep', reason: 'rate' };
    };
  },
});
