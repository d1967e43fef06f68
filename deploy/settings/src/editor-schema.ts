/**
 * JSON Schema (draft 7, what yaml-language-server reads best) of a configuration file as it is written: before `${VAR}`
 * is filled in, and with nothing required that has a default.
 */
import type { TSchema } from 'typebox';
import { isMap } from './context.ts';

export type Json = Readonly<Record<string, unknown>>;

export const draft = 'http://json-schema.org/draft-07/schema#';

const reference = { $ref: '#/definitions/substituted' };

/** What every schema must have among its `definitions`, for `${VAR}` in place of a value. */
export const substituted = {
  substituted: {
    type: 'string',
    pattern: '\\$\\{',
    title: '${VARIABLE} or ${VARIABLE:-default}',
  },
} as const;

const secretText = { type: 'string', pattern: '^(\\$\\{[^}]*\\})+$', title: '${VARIABLE}' };

/** What a field says about itself stays on top, so that editors show it whichever alternative fits. */
const either = (schema: Json, ...others: readonly Json[]): Json => {
  const { description, default: by, title, ...rule } = schema;
  const about = Object.entries({ title, description, default: by }).filter(
    ([, value]) => value !== undefined,
  );
  return { ...Object.fromEntries(about), anyOf: [rule, ...others] };
};

const isEmptyMap = (value: unknown) => isMap(value) && Object.keys(value).length === 0;

/** Without what our own language says of a field. */
const standard = (schema: Json): Json => {
  const { unit: _unit, least: _least, most: _most, live: _live, secret: _secret, ...rest } = schema;
  if (!isEmptyMap(rest['default'])) return rest;
  const { default: _all, ...others } = rest;
  return others;
};

const hasDefault = (schema: unknown) => isMap(schema) && schema['default'] !== undefined;

/** A schema of checked values as a schema of written ones. */
export const asWritten = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(asWritten);
  if (!isMap(schema)) return schema;
  const { properties, required, items, anyOf, ...rest } = standard(schema);
  if (isMap(properties)) {
    const needed = Array.isArray(required)
      ? required.filter((name) => !hasDefault(properties[String(name)]))
      : [];
    return {
      ...rest,
      ...(needed.length > 0 ? { required: needed } : {}),
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, field]) => [name, asWritten(field)]),
      ),
    };
  }
  if (items !== undefined) return { ...rest, items: asWritten(items) };
  if (Array.isArray(anyOf)) {
    const [first, ...others] = anyOf;
    return {
      ...rest,
      anyOf: [schema['secret'] === true ? secretText : first, ...others].map((one) =>
        isMap(one) && one['type'] === 'object' ? asWritten(one) : one,
      ),
    };
  }
  // What is written as a number is decimal text to us, so that no digit is lost.
  if (schema['decimal'] === true) {
    const { decimal: _decimal, ...text } = rest;
    return either(text, { type: 'number', minimum: 0 }, reference);
  }
  const wordless =
    rest['type'] === 'string' && rest['pattern'] === undefined && rest['enum'] === undefined;
  return wordless ? rest : either(rest, reference);
};

/** `limits:` with everything below it commented out is null, and means the defaults. */
export const writtenSection = (schema: TSchema): unknown => {
  const written = asWritten(schema);
  return isMap(written) ? { ...written, type: ['object', 'null'] } : written;
};

/** The fields of a map, as they are written. */
export const writtenFields = (schema: TSchema): Json => {
  const written = asWritten(schema);
  return isMap(written) && isMap(written['properties']) ? written['properties'] : {};
};
