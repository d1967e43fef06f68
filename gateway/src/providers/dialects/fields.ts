import type { Problem } from '../../model/call.ts';

// Checks of single fields, shared by the dialects. A complaint says where, what kind of value was given and what is
// allowed; it never repeats a value, which may be content.

type Test = (value: unknown) => boolean;
/** Path, value, test, and what is allowed, in words that follow "must be". */
export type Rule = readonly [path: string, value: unknown, test: Test, allowed: string];

export const isText: Test = (value) => typeof value === 'string' && value !== '';
export const isList: Test = (value) => Array.isArray(value) && value.length > 0;
const isFlag: Test = (value) => typeof value === 'boolean';
const isNumber: Test = (value) => typeof value === 'number' && Number.isFinite(value);
/** Counts of tokens: whole, at least 1, and small enough to be exact everywhere. */
export const isCount: Test = (value) => Number.isSafeInteger(value) && Number(value) >= 1;

const orNothing =
  (test: Test): Test =>
  (value) =>
    value === undefined || value === null || test(value);

export const maybeFlag = orNothing(isFlag);
export const maybeNumber = orNothing(isNumber);
export const maybeCount = orNothing(isCount);

const describeNumber = (value: number): string => {
  if (!Number.isFinite(value)) return 'a number too large to represent';
  if (value === 0) return '0';
  if (value < 0) return 'a negative number';
  return Number.isInteger(value) ? 'a number' : 'a fraction';
};

/** What kind of value this is, without the value. */
export const describe = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array';
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'a string';
  if (typeof value === 'number') return describeNumber(value);
  return typeof value === 'boolean' ? 'a boolean' : 'an object';
};

/** A field with a value that is not allowed. */
export const invalid = (param: string, value: unknown, allowed: string): Problem => ({
  code: 'invalid_value',
  param,
  message: `\`${param}\` must be ${allowed}, but ${describe(value)} was given.`,
});

/** A field that the other dialect has no words for. */
export const unsupported = (param: string, why: string): Problem => ({
  code: 'unsupported_parameter',
  param,
  message: `\`${param}\` ${why}`,
});

/** The first rule that a body breaks, or null. */
export const firstBroken = (rules: readonly Rule[]): Problem | null => {
  for (const [path, value, test, allowed] of rules) {
    if (!test(value)) return invalid(path, value, allowed);
  }
  return null;
};
