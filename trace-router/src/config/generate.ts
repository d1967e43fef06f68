import { policies } from '../policies/registry.ts';
import { schema } from './schema.ts';

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A schema in which a key with a default is not required: a file may leave it out. */
const optional = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(optional);
  if (!isRecord(schema)) return schema;
  const { required, properties, default: fallback, ...rest } = schema;
  const due = (Array.isArray(required) ? required : []).filter((key) => {
    const property = isRecord(properties) ? properties[String(key)] : undefined;
    return !(isRecord(property) && 'default' in property);
  });
  return {
    ...Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, optional(value)])),
    ...(isRecord(fallback) && Object.keys(fallback).length === 0
      ? {}
      : 'default' in schema
        ? { default: fallback }
        : {}),
    ...(due.length > 0 ? { required: due } : {}),
    ...(isRecord(properties)
      ? {
          properties: Object.fromEntries(
            Object.entries(properties).map(([key, value]) => [key, optional(value)]),
          ),
        }
      : {}),
  };
};

/** The JSON Schema for editors: the configuration file, with each policy's settings under its own key. */
export const generatedFiles = (): Record<string, string> => {
  const { properties, ...root } = schema;
  const { sampler } = properties;
  const entries = policies.map(({ type, settings }) => ({
    type: 'object',
    required: ['name', 'type'],
    properties: {
      name: { type: 'string', minLength: 1, description: 'Its name in metrics' },
      type: { const: type },
      [type]: settings,
    },
    additionalProperties: false,
  }));
  const document = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    ...root,
    properties: {
      ...properties,
      sampler: {
        ...sampler,
        properties: {
          ...sampler.properties,
          policies: { ...sampler.properties.policies, items: { anyOf: entries } },
        },
      },
    },
  };
  return {
    'trace-router/trace-router.schema.json': `${JSON.stringify(optional(document), null, 2)}\n`,
  };
};
