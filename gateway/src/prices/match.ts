/** Does a name belong to an entry of a price list? */
import type { NameMatch } from './sheet.ts';

const patterns = new Map<string, RegExp>();

const patternOf = (text: string): RegExp => {
  let pattern = patterns.get(text);
  if (pattern === undefined) patterns.set(text, (pattern = new RegExp(text)));
  return pattern;
};

/**
 * What may stand behind a model's name and leaves it the same model: a date, a day in the year of older names, `latest`,
 * a version of a deployment (`-v1:0`, `@20250805`), a variant in words (`:free`, `-preview`).
 */
const sameModel =
  /^(?:$|[-@](?:20\d\d-?\d\d-?\d\d|\d{4})(?:$|[^0-9])|[-@:_](?:latest|default|v\d))/;
/** What makes another model of it: a further number (`claude-sonnet-5` and `claude-sonnet-5-5`, `gpt-4` and `gpt-4.1`). */
const otherVersion = /^[-.@_]?\d/;
/** A number that was cut in its middle and is a date, or the number of a snapshot (`0613`, `001`). */
const cutDate = /(?:^|[^0-9])(?:20\d{2}(?:\d{4})?|0\d{1,3})$/;

/** The part of a name behind a text that an entry asks for may not be a further version number. */
const isSameModel = (before: string, rest: string): boolean => {
  const digits = /^\d+/.exec(rest)?.[0] ?? '';
  if (digits !== '' && /\d$/.test(before)) return cutDate.test(before + digits);
  return sameModel.test(rest) || !otherVersion.test(rest);
};

export type Fit = 'exact' | 'loose' | null;

/**
 * How a name fits an entry: `exact` by its whole name or a pattern that was written for whole names, `loose` by a part of
 * it. Null: not at all, or only by a part behind which a further version number stands.
 * @param name in lower case
 */
export const fit = (match: NameMatch, name: string): Fit => {
  if ('or' in match) {
    const all = match.or.map((one) => fit(one, name));
    return all.includes('exact') ? 'exact' : all.includes('loose') ? 'loose' : null;
  }
  if ('and' in match) {
    const all = match.and.map((one) => fit(one, name));
    if (all.includes(null)) return null;
    return all.every((one) => one === 'exact') ? 'exact' : 'loose';
  }
  if ('equals' in match) return match.equals === name ? 'exact' : null;
  if ('regex' in match) return patternOf(match.regex).test(name) ? 'exact' : null;
  if ('starts_with' in match) {
    const { starts_with: start } = match;
    return name.startsWith(start) && isSameModel(start, name.slice(start.length)) ? 'loose' : null;
  }
  if ('ends_with' in match) return name.endsWith(match.ends_with) ? 'loose' : null;
  const at = name.indexOf(match.contains);
  const end = at + match.contains.length;
  return at >= 0 && isSameModel(name.slice(0, end), name.slice(end)) ? 'loose' : null;
};

/** Of a text or a pattern in an entry. */
const maxTextChars = 300;

/** One that does not compile would fail the first call that asks. */
const isPattern = (text: string): boolean => {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
};

/** Says which names an entry is for: one way, or several of them joined. */
export const isMatch = (value: unknown): value is NameMatch => {
  if (typeof value !== 'object' || value === null) return false;
  const entries = Object.entries(value);
  const [[name, inner] = ['', null]]: readonly (readonly [string, unknown])[] = entries;
  if (entries.length !== 1) return false;
  if (name === 'or' || name === 'and') return Array.isArray(inner) && inner.every(isMatch);
  return (
    ['equals', 'starts_with', 'ends_with', 'contains', 'regex'].includes(name) &&
    typeof inner === 'string' &&
    inner.length <= maxTextChars &&
    (name !== 'regex' || isPattern(inner))
  );
};
