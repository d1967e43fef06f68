import type { Static, TSchema } from 'typebox';
import { Settings } from 'typebox/system';
import { Value } from 'typebox/value';
import type { Context } from './context.ts';
import { pointer, type Document, type Path } from './document.ts';
import { hint, nearest } from './nearest.ts';

type ShapeError = ReturnType<typeof Value.Errors>[number];

/** TypeBox stops at 8 errors. People want all of them; the bound stays, for a file that is all mistakes. */
const mostErrors = 256;
const errorsOf = (schema: TSchema, value: unknown): readonly ShapeError[] => {
  const { maxErrors } = Settings.Get();
  Settings.Set({ maxErrors: mostErrors });
  try {
    return Value.Errors(schema, value);
  } finally {
    Settings.Set({ maxErrors });
  }
};

const unescape = (part: string) => part.replaceAll('~1', '/').replaceAll('~0', '~');
const parts = (jsonPointer: string) => jsonPointer.split('/').slice(1).map(unescape);

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

const follow = (root: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((at, part) => (isRecord(at) ? at[part] : undefined), root);

/** Values of such fields are not repeated in a message, even where they must not be. */
const confidential = /key|secret|token|password|credential/i;

/** What was found, in words: short, and nothing that came from the environment. */
export const found = (value: unknown, path: Path, document: Document): string => {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (document.substituted.has(pointer(path))) return 'what the environment holds';
  if (typeof value !== 'string')
    return `the ${typeof value} ${document.numbers.get(pointer(path)) ?? JSON.stringify(value)}`;
  // The last two parts: an entry of `keys` may be a secret that stands in the wrong place.
  if (path.slice(-2).some((part) => confidential.test(String(part)))) return 'the text given';
  // A password in an address is not repeated either.
  const text = value.replace(/\/\/[^@/]*@/, '//...@');
  return text === '' ? 'empty text' : `'${text.length > 60 ? `${text.slice(0, 57)}...` : text}'`;
};

const nouns: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'a map',
  array: 'a list',
};

const textOf = (schema: unknown, field: string): string | null => {
  const text = isRecord(schema) ? schema[field] : null;
  return typeof text === 'string' ? text : null;
};

/** What is wrong with one value, as a sentence without its place. */
const complaint = (error: ShapeError, schema: unknown, value: unknown, was: string): string => {
  const title = textOf(schema, 'title');
  if (error.keyword === 'minimum') return `must be at least ${error.params.limit}, not ${was}`;
  if (error.keyword === 'maximum') return `must be at most ${error.params.limit}, not ${was}`;
  if (error.keyword === 'maxItems') return `must have at most ${error.params.limit} entries`;
  if (/^min(Length|Items|Properties)$/.test(error.keyword)) return 'must not be empty';
  if (error.keyword === 'enum') {
    const allowed = error.params.allowedValues.map(String);
    const near = typeof value === 'string' ? nearest(value, allowed) : null;
    const meant = near === null ? '' : `; did you mean '${near}'?`;
    return `must be one of ${allowed.join(', ')}, not ${was}${meant}`;
  }
  if (error.keyword === 'type') {
    const type = [error.params.type].flat().join(' or ');
    const pattern = new RegExp(textOf(schema, 'pattern') ?? '');
    const quotable =
      type === 'string' &&
      ['number', 'boolean'].includes(typeof value) &&
      pattern.test(JSON.stringify(value));
    return `must be ${title ?? nouns[type] ?? type}, not ${was}${quotable ? ' (quotes make it text)' : ''}`;
  }
  return title === null ? `${error.message}, but is ${was}` : `must be ${title}, not ${was}`;
};

/** `${PORT}` in place of a number is text so far; where a number or a flag is wanted, it becomes one. */
const convertSubstituted = (schema: TSchema, value: unknown, at: Path, document: Document) => {
  for (const error of errorsOf(schema, value)) {
    if (error.keyword !== 'type') continue;
    if (!document.substituted.has(pointer(at) + error.instancePath)) continue;
    const path = parts(error.instancePath);
    const last = path.pop();
    const parent = follow(value, path);
    const text = last === undefined || !isRecord(parent) ? null : textOf(parent, last);
    if (last === undefined || !isRecord(parent) || text === null) continue;
    const wanted = [error.params.type].flat();
    if (wanted.includes('boolean') && /^(true|false)$/.test(text)) parent[last] = text === 'true';
    const number = wanted.includes('integer') || wanted.includes('number');
    if (number && /^-?[0-9]{1,15}(\.[0-9]+)?$/.test(text)) parent[last] = Number(text);
  }
};

interface Judged {
  readonly schema: TSchema;
  /** The part of the document at `at`. */
  readonly value: unknown;
  readonly at: Path;
}

const fieldsOf = (schema: unknown): readonly string[] =>
  isRecord(schema) && isRecord(schema['properties']) ? Object.keys(schema['properties']) : [];

/** Of the required keys that are not there, those that no misspelled key was meant to be: one mistake is one problem. */
const missing = (required: readonly string[], known: readonly string[], map: unknown) => {
  const unknown = Object.keys(isRecord(map) ? map : {}).filter((key) => !known.includes(key));
  const meant = unknown.map((key) => nearest(key, known));
  return required.filter((key) => !meant.includes(key));
};

const complain = (error: ShapeError, { schema, value, at }: Judged, told: Context): void => {
  // The branches of a union each complain; the union's own title says what all of them mean.
  if (/\/(anyOf|oneOf)\/\d+/.test(error.schemaPath)) return;
  // Said by its parent as `additionalProperties`, with a name.
  if (error.keyword === 'boolean') return;
  const inside = parts(error.instancePath);
  const path = [...at, ...inside.map((part) => (/^\d+$/.test(part) ? Number(part) : part))];
  const inner = follow(value, inside);
  const rule = follow(schema, parts(error.schemaPath.slice(1)));
  const known = fieldsOf(rule);
  if (error.keyword === 'additionalProperties') {
    for (const key of error.params.additionalProperties) {
      told.complaints.add([...path, key], `unknown key '${key}'${hint(key, known)}`, 'key');
    }
  } else if (error.keyword === 'required') {
    for (const key of missing(error.params.requiredProperties, known, inner)) {
      told.complaints.add([...path, key], `'${key}' is missing`, 'key');
    }
  } else {
    const was = found(inner, path, told.document);
    told.complaints.add(path, complaint(error, rule, inner, was));
  }
};

/** A copy of `value` without the fields that errors are about; a list with a mistake in it goes whole. */
const withoutWrong = (value: unknown, errors: readonly ShapeError[]): unknown => {
  const copy: unknown = structuredClone(value);
  for (const error of errors) {
    const path = parts(error.instancePath);
    const wrong =
      error.keyword === 'additionalProperties'
        ? error.params.additionalProperties.map((key) => [...path, key])
        : [path];
    for (const fields of wrong) {
      const list = fields.findIndex((_, i) => Array.isArray(follow(copy, fields.slice(0, i))));
      const field = list === -1 ? fields : fields.slice(0, list);
      const [parent, last] = [follow(copy, field.slice(0, -1)), field.at(-1)];
      if (isRecord(parent) && last !== undefined) Reflect.deleteProperty(parent, last);
    }
  }
  return copy;
};

/**
 * The part of a document at `at` as `schema` wants it, defaults filled in. What is wrong with it is complained about,
 * all of it, and left out: the rest is returned, so that further rules can be tried on it; null when there is no rest.
 * Unknown keys are wrong, wherever the schema is closed.
 */
export const shaped = <S extends TSchema>(
  schema: S,
  given: unknown,
  at: Path,
  told: Context,
): Static<S> | null => {
  const value: unknown = Value.Default(schema, structuredClone(given));
  convertSubstituted(schema, value, at, told.document);
  if (Value.Check(schema, value)) return value;
  const errors = errorsOf(schema, value);
  for (const error of errors) complain(error, { schema, value, at }, told);
  const rest: unknown = Value.Default(schema, withoutWrong(value, errors));
  return Value.Check(schema, rest) ? rest : null;
};
