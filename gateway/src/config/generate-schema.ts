/**
 * JSON Schema (draft 7, what yaml-language-server reads best) of a configuration file as it is written: before `${VAR}`
 * is filled in, with numbers where an amount may be one, and with nothing required that has a default.
 */
import type { TSchema } from 'typebox';
import type { Provider } from '../providers/provider.ts';
import { providerSchema } from './check-providers.ts';
import { secretFields } from './check-secret.ts';
import { isMap } from './context.ts';
import { modelPattern, modelTitle, namePattern } from './fields.ts';
import { collections, Key, Price, ProviderCommon, RouteInFull, sections } from './schema.ts';
import { amountPattern } from './units.ts';

type Json = Readonly<Record<string, unknown>>;

const substituted = { $ref: '#/definitions/substituted' };
const ref = (name: string) => ({ $ref: `#/definitions/${name}` });

const secretText = { type: 'string', pattern: '^(\\$\\{[^}]*\\})+$', title: '${VARIABLE}' };

/** What a field says about itself stays on top, so that editors show it whichever alternative fits. */
const either = (schema: Json, ...others: readonly Json[]): Json => {
  const { description, default: by, title, ...rule } = schema;
  const about = Object.entries({ title, description, default: by }).filter(
    ([, value]) => value !== undefined,
  );
  return { ...Object.fromEntries(about), anyOf: [rule, ...others] };
};

const hasDefault = (schema: unknown) => isMap(schema) && schema['default'] !== undefined;

/** A schema of checked values as a schema of written ones. */
const asWritten = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(asWritten);
  if (!isMap(schema)) return schema;
  const { properties, required, items, anyOf, ...rest } = schema;
  if (isMap(properties)) {
    const fields = Object.entries(properties).map(([name, field]) => {
      if (!secretFields.includes(name) || !isMap(field)) return [name, asWritten(field)];
      const [, file] = Array.isArray(field['anyOf']) ? field['anyOf'] : [];
      return [name, { ...field, anyOf: [secretText, file] }];
    });
    const needed = Array.isArray(required)
      ? required.filter((name) => !hasDefault(properties[String(name)]))
      : [];
    return {
      ...rest,
      ...(needed.length > 0 ? { required: needed } : {}),
      properties: Object.fromEntries(fields),
    };
  }
  if (items !== undefined) return { ...rest, items: asWritten(items) };
  if (Array.isArray(anyOf))
    return {
      ...rest,
      anyOf: anyOf.map((one) => (isMap(one) && one['type'] === 'object' ? asWritten(one) : one)),
    };
  if (rest['pattern'] === amountPattern)
    return either(rest, { type: 'number', minimum: 0 }, substituted);
  const wordless =
    rest['type'] === 'string' && rest['pattern'] === undefined && rest['enum'] === undefined;
  return wordless ? rest : either(rest, substituted);
};

/** `limits:` with everything below it commented out is null, and means the defaults. */
const section = (schema: TSchema) => {
  const written = asWritten(schema);
  return isMap(written) ? { ...written, type: ['object', 'null'] } : written;
};

const propertiesOf = (schema: TSchema): Json => {
  const written = asWritten(schema);
  return isMap(written) && isMap(written['properties']) ? written['properties'] : {};
};

const { use, ...common } = propertiesOf(ProviderCommon);

/** Settings of one vendor; the common fields are written once, as definitions. */
const definition = (vendor: Provider): Json => {
  const schema = providerSchema(vendor);
  const properties = Object.keys(propertiesOf(schema)).map((name) => {
    if (name === 'use')
      return [name, { const: vendor.name, description: isMap(use) ? use['description'] : '' }];
    return [name, Object.hasOwn(common, name) ? ref(`common.${name}`) : propertiesOf(schema)[name]];
  });
  const written = asWritten(schema);
  return { ...(isMap(written) ? written : {}), properties: Object.fromEntries(properties) };
};

/** The schema for editors. A provider's settings follow from its `use:`, or from its name when that is a vendor's. */
export const editorSchema = (vendors: ReadonlyMap<string, Provider>): Json => {
  const names = [...vendors.keys()];
  const named = (name: string) => ({
    anyOf: [ref(`provider.${name}`), ref('provider'), { type: 'null' }],
  });
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Tollgate gateway configuration',
    type: 'object',
    additionalProperties: false,
    required: ['providers'],
    properties: {
      providers: {
        description: collections.providers,
        type: 'object',
        minProperties: 1,
        propertyNames: { pattern: namePattern },
        properties: Object.fromEntries(names.map((name) => [name, named(name)])),
        additionalProperties: ref('provider'),
      },
      models: {
        description: collections.models,
        type: ['object', 'null'],
        propertyNames: { pattern: modelPattern, minLength: 1, title: modelTitle },
        additionalProperties: {
          anyOf: [{ type: 'string', description: "A provider's name." }, asWritten(RouteInFull)],
        },
      },
      keys: { description: collections.keys, type: ['array', 'null'], items: asWritten(Key) },
      prices: { description: collections.prices, type: ['array', 'null'], items: asWritten(Price) },
      ...Object.fromEntries(
        Object.entries(sections).map(([name, schema]) => [name, section(schema)]),
      ),
    },
    definitions: {
      substituted: {
        type: 'string',
        pattern: '\\$\\{',
        title: '${VARIABLE} or ${VARIABLE:-default}',
      },
      provider: {
        type: 'object',
        required: ['use'],
        properties: { use: { enum: names } },
        // Not one `oneOf`: an editor then complains about every vendor that was not meant.
        allOf: names.map((name) => ({
          if: { properties: { use: { const: name } }, required: ['use'] },
          // oxlint-disable-next-line unicorn/no-thenable
          then: ref(`provider.${name}`),
        })),
      },
      ...Object.fromEntries(
        Object.entries(common).map(([name, field]) => [`common.${name}`, field]),
      ),
      ...Object.fromEntries(
        [...vendors].map(([name, vendor]) => [`provider.${name}`, definition(vendor)]),
      ),
    },
  };
};
