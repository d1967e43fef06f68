import type { Problem } from '../model/call.ts';
import { isObject, type Json, type JsonObject } from '../model/json.ts';

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
const isCount: Test = (value) => Number.isSafeInteger(value) && Number(value) >= 1;
export const isCountOrZero: Test = (value) => value === 0 || isCount(value);

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

const lowerCase = /^[a-z0-9_]*$/;
/** Letters that differ in case only, or count as such in Unicode (the Kelvin sign, the long s), become one. */
const folded = (key: string): string => key.toUpperCase().toLowerCase();

/**
 * A key that is not one of these names but that some readers take for one: Go's match keys without regard to case
 * (https://pkg.go.dev/encoding/json#Unmarshal), and the later one counts. Null: there is none.
 */
export const lookalike = (
  object: JsonObject | null,
  names: ReadonlySet<string>,
  path = '',
): Problem | null => {
  for (const key of Object.keys(object ?? {})) {
    if (lowerCase.test(key)) continue;
    const meant = folded(key);
    if (!names.has(meant)) continue;
    const param = `${path}${meant}`;
    return {
      code: 'invalid_value',
      param,
      message: `\`${param}\` is written in other letters: some servers take that for the same field, others do not.`,
    };
  }
  return null;
};

/** A field that steers the provider only and means nothing to another: it is left out, and the client is told. */
export interface Dropped {
  readonly dropped: string;
}

/** Takes a finding; a reader goes on afterwards with what it can. */
export type Complain = (finding: Problem | Dropped) => void;

/** Collects what readers find: the first problem, and the names of what was left out. */
export const startFindings = () => {
  let first: Problem | null = null;
  const dropped = new Set<string>();
  const complain: Complain = (finding) => {
    // Positions in lists tell nothing, and there may be thousands.
    if ('dropped' in finding) dropped.add(finding.dropped.replaceAll(/\[\d+\]/g, '[]'));
    else first ??= finding;
  };
  return {
    complain,
    problem: (): Problem | null => first,
    dropped: (): readonly string[] => [...dropped],
  };
};

/** Which fields of an object can be translated. Null is everywhere the same as absent. */
export interface Known {
  /** Fields that the reader reads. */
  readonly read: readonly string[];
  /** Fields that steer the provider (what an answer costs, how fast it comes, who asks), but not the answer: left out. */
  readonly steering?: readonly string[];
  /** Fields that pass as long as they say what is so anyway. */
  readonly neutral?: Readonly<Record<string, readonly Json[]>>;
}

const isNeutral = (value: Json, allowed: readonly Json[]): boolean =>
  allowed.some((one) => JSON.stringify(one) === JSON.stringify(value));

/** Finds every field that has no counterpart in the other dialect: steering is left out, all else is a problem, known to us or not. */
export const onlyKnown = (
  body: JsonObject,
  path: string,
  { read, steering = [], neutral = {} }: Known,
  complain: Complain,
): void => {
  for (const [key, value] of Object.entries(body)) {
    if (value === undefined || value === null) continue;
    if (read.includes(key)) continue;
    const allowed = Object.hasOwn(neutral, key) ? neutral[key] : undefined;
    if (allowed !== undefined && isNeutral(value, allowed)) continue;
    const field = path === '' ? key : `${path}.${key}`;
    complain(steering.includes(key) ? { dropped: field } : unsupported(field, noCounterpart));
  }
};

const noCounterpart =
  'cannot be translated: this model is served by a provider that speaks another dialect, which has no counterpart for it.';

/** A field that has one, but not for this value of it. */
export const untranslatable = (param: string): Problem => unsupported(param, noCounterpart);

/** The objects of a list, each with its path; complains about members that are none. */
export const objectsIn = (
  value: Json | undefined,
  path: string,
  complain: Complain,
): readonly { readonly item: JsonObject; readonly path: string }[] => {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) {
    complain(invalid(path, value, 'an array'));
    return [];
  }
  return value.flatMap((item: Json, index) => {
    const at = `${path}[${index}]`;
    if (isObject(item)) return [{ item, path: at }];
    complain(invalid(at, item, 'an object'));
    return [];
  });
};

/** The text under a key; complains when it is something else, and answers empty text. */
export const textIn = (from: JsonObject, key: string, path: string, complain: Complain): string => {
  const value = from[key];
  if (typeof value === 'string') return value;
  complain(invalid(`${path}.${key}`, value, 'a string'));
  return '';
};

/** The texts of a list; complains about members that are none. */
export const textsIn = (
  value: Json | undefined,
  path: string,
  complain: Complain,
): readonly string[] => {
  if (value === undefined || value === null) return [];
  const list: readonly Json[] = Array.isArray(value) ? value : [value];
  const texts = list.filter((item) => typeof item === 'string');
  if (texts.length < list.length) complain(invalid(path, value, 'an array of strings'));
  return texts;
};
