import { Type } from 'typebox';
import type { Scalar } from '../model/trace.ts';
import { abstain, policy } from './policy.ts';

/** A number, also when it was sent as a decimal text (money is): the collector reads integers only. */
const asNumber = (value: Scalar): number | bigint | null => {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  if (typeof value !== 'string' || !/^-?\d{1,18}(\.\d{1,18})?$/.test(value)) return null;
  return Number(value);
};

/** Keeps traces in which an attribute of a span or resource lies in a range: the costly ones, for example. */
export const numericAttribute = policy({
  type: 'numeric_attribute',
  settings: Type.Object(
    {
      key: Type.String({ minLength: 1, description: 'Attribute of a span or a resource' }),
      min_value: Type.Optional(
        Type.Number({ description: 'At least this; 0 or absent: no bound' }),
      ),
      max_value: Type.Optional(Type.Number({ description: 'At most this; 0 or absent: no bound' })),
      invert_match: Type.Optional(
        Type.Boolean({ description: 'Drop what matches, keep what does not' }),
      ),
    },
    { additionalProperties: false },
  ),
  keys: ({ key }) => [key],
  mayDrop: ({ invert_match: inverted = false }) => inverted,
  problem: ({ min_value: least = 0, max_value: most = 0 }) =>
    least !== 0 && most !== 0 && most < least ? 'max_value must not be below min_value' : null,
  voter: ({ key, min_value: least = 0, max_value: most = 0, invert_match: inverted = false }) => {
    // 0 counts as unset, as in the collector
    const matches = (value: Scalar): boolean => {
      const number = asNumber(value);
      return number !== null && (least === 0 || number >= least) && (most === 0 || number <= most);
    };
    return ({ attributes }) => {
      const matched = [...(attributes.get(key) ?? [])].some(matches);
      if (inverted) {
        return matched
          ? { kind: 'drop', reason: 'excluded' }
          : { kind: 'keep', reason: 'inverted' };
      }
      return matched ? { kind: 'keep', reason: 'numeric' } : abstain;
    };
  },
});
