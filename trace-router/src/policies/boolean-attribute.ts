import { Type } from 'typebox';
import { abstain, policy } from './policy.ts';

/** Keeps traces in which an attribute of a span or resource is true, or false. */
export const booleanAttribute = policy({
  type: 'boolean_attribute',
  settings: Type.Object(
    {
      key: Type.String({ minLength: 1, description: 'Attribute of a span or a resource' }),
      value: Type.Boolean({ description: 'The truth value to keep' }),
      invert_match: Type.Optional(
        Type.Boolean({ description: 'Drop what matches, keep what does not' }),
      ),
    },
    { additionalProperties: false },
  ),
  keys: ({ key }) => [key],
  mayDrop: ({ invert_match: inverted = false }) => inverted,
  voter:
    ({ key, value, invert_match: inverted = false }) =>
    ({ attributes }) => {
      const matched = attributes.get(key)?.has(value) ?? false;
      if (inverted) {
        return matched
          ? { kind: 'drop', reason: 'excluded' }
          : { kind: 'keep', reason: 'inverted' };
      }
      return matched ? { kind: 'keep', reason: 'boolean' } : abstain;
    },
});
