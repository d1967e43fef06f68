/** A request of the control plane, read: every mistake at once, each with its field and what is allowed. */
import type { Static, TObject, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { nearest } from '@tollgate/settings/nearest.ts';
import { isObject, type JsonObject } from '../model/json.ts';

export interface FieldProblem {
  /** A path such as `limits.requestsPerMinute`; empty: the whole. */
  readonly param: string;
  readonly message: string;
}

export type Read<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'bad'; readonly problems: readonly FieldProblem[] };

/** Names of other gateways for what means the same here. */
export type Aliases = Readonly<Record<string, string>>;

/** @param body parsed JSON @returns the same with our names; a name that stands there twice, by both of its names, is a problem */
const renamed = (body: JsonObject, aliases: Aliases): Read<JsonObject> => {
  const value: Record<string, JsonObject[string]> = {};
  for (const [name, one] of Object.entries(body)) {
    const ours = aliases[name] ?? name;
    if (Object.hasOwn(value, ours))
      return {
        kind: 'bad',
        problems: [
          { param: name, message: `'${ours}' stands there by two names; send one of them.` },
        ],
      };
    value[ours] = one;
  }
  return { kind: 'ok', value };
};

const titleAt = (schema: TSchema, path: string): string | null => {
  let at: unknown = schema;
  for (const part of path.split('/').slice(1)) {
    if (typeof at !== 'object' || at === null) return null;
    const properties: unknown = Reflect.get(at, 'properties');
    const field: unknown =
      typeof properties === 'object' && properties !== null ? Reflect.get(properties, part) : null;
    at = field ?? Reflect.get(at, 'items');
  }
  if (typeof at !== 'object' || at === null || !('title' in at)) return null;
  return typeof at.title === 'string' ? at.title : null;
};

type SchemaError = ReturnType<typeof Value.Errors>[number];

const dotted = (path: string): string => path.split('/').slice(1).join('.');
const inside = (path: string, name: string): string =>
  path === '' ? name : `${dotted(path)}.${name}`;

const problemsOf = (schema: TObject, error: SchemaError): readonly FieldProblem[] => {
  const path = error.instancePath;
  const param = dotted(path);
  if (error.keyword === 'additionalProperties')
    return error.params.additionalProperties.map((name) => {
      const near = path === '' ? nearest(name, Object.keys(schema.properties)) : null;
      const hint = near === null ? '' : ` Did you mean '${near}'?`;
      return { param: inside(path, name), message: `There is no field '${name}'.${hint}` };
    });
  if (error.keyword === 'required')
    return error.params.requiredProperties.map((name) => ({
      param: inside(path, name),
      message: `'${name}' is missing.`,
    }));
  if (error.keyword === 'enum') {
    const allowed = error.params.allowedValues.map(String).join(', ');
    return [{ param, message: `must be one of ${allowed}.` }];
  }
  // Said by its parent, with a name.
  if (error.keyword === 'boolean') return [];
  const title = titleAt(schema, path);
  return [{ param, message: title === null ? `${error.message}.` : `must be ${title}.` }];
};

/** Reads the body of a request; what it leaves out stays out. Values are not repeated in complaints. */
export const readRequest = <S extends TObject>(
  schema: S,
  body: unknown,
  aliases: Aliases = {},
): Read<Static<S>> => {
  if (!isObject(body))
    return { kind: 'bad', problems: [{ param: '', message: 'The body must be a JSON object.' }] };
  const read = renamed(body, aliases);
  if (read.kind === 'bad') return read;
  const errors = Value.Errors(schema, read.value);
  if (errors.length > 0) {
    const problems = errors.flatMap((error) => problemsOf(schema, error));
    return { kind: 'bad', problems };
  }
  return Value.Check(schema, read.value)
    ? { kind: 'ok', value: read.value }
    : { kind: 'bad', problems: [{ param: '', message: 'The body is not what it must be.' }] };
};
