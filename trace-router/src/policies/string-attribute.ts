import { Type } from 'typebox';
import { abstain, policy } from './policy.ts';

const compiled = (pattern: string): RegExp | null => {
  try {
    return new RegExp(pattern, 'u');
  } catch {
    return null;
  }
};

/** Texts longer than this are not matched against patterns: a pattern must not be able to stall the router. */
const maxPatternText = 1024;

/** Keeps traces in which an attribute of a span or resource has one of these texts. */
export const stringAttribute = policy({
  type: 'string_attribute',
  settings: Type.Object(
    {
      key: Type.String({ minLength: 1, description: 'Attribute of a span or a resource' }),
      values: Type.Array(Type.String(), { minItems: 1, description: 'Texts, or patterns' }),
      enabled_regex_matching: Type.Optional(
        Type.Boolean({ description: 'Read the values as regular expressions' }),
      ),
      cache_max_size: Type.Optional(
        Type.Integer({ minimum: 0, description: 'Accepted for the collector; not needed here' }),
      ),
      invert_match: Type.Optional(
        Type.Boolean({ description: 'Drop what matches, keep what does not' }),
      ),
    },
    { additionalProperties: false },
  ),
  keys: ({ key }) => [key],
  mayDrop: ({ invert_match: inverted = false }) => inverted,
  problem: ({ values, enabled_regex_matching: patterns = false }) => {
    const broken = patterns ? values.find((value) => compiled(value) === null) : undefined;
    return broken === undefined ? null : `'${broken}' is not a regular expression`;
  },
  voter: ({
    key,
    values,
    enabled_regex_matching: patterns = false,
    invert_match: inverted = false,
  }) => {
    const texts = new Set(values);
    const expressions = values.map(compiled).filter((expression) => expression !== null);
    const matches = patterns
      ? (value: string) =>
          value.length <= maxPatternText && expressions.some((expression) => expression.test(value))
      : (value: string) => texts.has(value);
    return ({ attributes }) => {
      const found = attributes.get(key)?.values() ?? [];
      const matched = [...found].some((value) => typeof value === 'string' && matches(value));
      if (inverted) {
        return matched
          ? { kind: 'drop', reason: 'excluded' }
          : { kind: 'keep', reason: 'inverted' };
      }
      return matched ? { kind: 'keep', reason: 'string' } : abstain;
    };
  },
});
