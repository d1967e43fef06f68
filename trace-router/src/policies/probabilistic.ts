import { createHash } from 'node:crypto';
import { Type } from 'typebox';
import { passes, randomness, threshold } from '../decide/threshold.ts';
import { abstain, policy } from './policy.ts';

/** With a salt the randomness is a hash of both, so that two tiers of samplers do not keep the same traces. */
const salted = (salt: string, traceId: string): number =>
  randomness(createHash('sha1').update(salt).update(traceId).digest('hex'));

/** Keeps a share of all traces, the same ones at every sampler with the same salt. */
export const probabilistic = policy({
  type: 'probabilistic',
  settings: Type.Object(
    {
      sampling_percentage: Type.Number({
        minimum: 0,
        maximum: 100,
        description: 'Share of traces to keep, in percent',
      }),
      hash_salt: Type.Optional(
        Type.String({ description: 'Empty: the randomness of the trace id itself' }),
      ),
    },
    { additionalProperties: false },
  ),
  voter: ({ sampling_percentage: percentage, hash_salt: salt = '' }) => {
    const least = threshold(percentage);
    return ({ traceId }) =>
      passes(salt === '' ? randomness(traceId) : salted(salt, traceId), least)
        ? { kind: 'keep', reason: 'probability' }
        : abstain;
  },
});
