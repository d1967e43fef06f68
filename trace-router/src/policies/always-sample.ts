import { Type } from 'typebox';
import { policy } from './policy.ts';

/** Keeps every trace. */
export const alwaysSample = policy({
  type: 'always_sample',
  settings: Type.Object({}, { additionalProperties: false }),
  voter: () => () => ({ kind: 'keep', reason: 'always' }),
});
