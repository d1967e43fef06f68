import { Type } from 'typebox';
import { abstain, policy } from './policy.ts';

/** Keeps traces by the time from their earliest start to their latest end. */
export const latency = policy({
  type: 'latency',
  settings: Type.Object(
    {
      threshold_ms: Type.Integer({ minimum: 0, description: 'Slower than this is kept' }),
      upper_threshold_ms: Type.Optional(
        Type.Integer({ minimum: 0, description: 'Slower than this is not; 0: no upper bound' }),
      ),
    },
    { additionalProperties: false },
  ),
  problem: ({ threshold_ms: least, upper_threshold_ms: most = 0 }) =>
    most !== 0 && most <= least ? 'upper_threshold_ms must be above threshold_ms' : null,
  voter:
    ({ threshold_ms: least, upper_threshold_ms: most = 0 }) =>
    ({ durationMs }) =>
      durationMs > least && (most === 0 || durationMs <= most)
        ? { kind: 'keep', reason: 'latency' }
        : abstain,
});
