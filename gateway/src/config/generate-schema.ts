/** JSON Schema for editors. A provider's settings follow from its `use:`, or from its name when that is a vendor's. */
import {
  asWritten,
  draft,
  substituted,
  writtenFields,
  writtenSection,
  type Json,
} from '@tollgate/settings/editor-schema.ts';
import { isMap } from '@tollgate/settings/context.ts';
import { namePattern } from '@tollgate/settings/fields.ts';
import type { Provider } from '../providers/provider.ts';
import { providerSchema } from './check-providers.ts';
import { modelPattern, modelTitle } from './model-names.ts';
import { collections, Key, Price, ProviderCommon, RouteInFull, Users } from './schema.ts';
import { Budget } from './schema-budgets.ts';
import { Issuer } from './schema-issuers.ts';
import { sections } from './sections.ts';

const ref = (name: string) => ({ $ref: `#/definitions/${name}` });

const { use, ...common } = writtenFields(ProviderCommon);

/** Settings of one vendor; the common fields are written once, as definitions. */
const definition = (vendor: Provider): Json => {
  const schema = providerSchema(vendor);
  const properties = Object.keys(writtenFields(schema)).map((name) => {
    if (name === 'use')
      return [name, { const: vendor.name, description: isMap(use) ? use['description'] : '' }];
    return [
      name,
      Object.hasOwn(common, name) ? ref(`common.${name}`) : writtenFields(schema)[name],
    ];
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
    $schema: draft,
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
      issuers: {
        description: collections.issuers,
        type: ['array', 'null'],
        items: asWritten(Issuer),
      },
      budgets: {
        description: collections.budgets,
        type: ['array', 'null'],
        items: asWritten(Budget),
      },
      prices: { description: collections.prices, type: ['array', 'null'], items: asWritten(Price) },
      users: {
        description: collections.users,
        ...Object(asWritten(Users)),
        type: ['object', 'null'],
      },
      ...Object.fromEntries(
        Object.entries(sections).map(([name, schema]) => [name, writtenSection(schema)]),
      ),
    },
    definitions: {
      ...substituted,
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
