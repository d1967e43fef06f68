import { isMap } from '@tollgate/settings/context.ts';
import {
  asWritten,
  draft,
  substituted,
  writtenSection,
  type Json,
} from '@tollgate/settings/editor-schema.ts';
import type { Policy } from '../policies/policy.ts';
import { Member, membersAbout, mostMembers, PolicyEntry, sections } from './schema.ts';

const { name } = PolicyEntry.properties;

/** An entry of `sampler.policies`: the settings of a policy stand under its type. */
const entryOf = ({ type, settings }: Policy): Json => ({
  type: 'object',
  required: ['name', 'type'],
  properties: { name: asWritten(name), type: { const: type }, [type]: asWritten(settings) },
  additionalProperties: false,
});

const withPolicies = (sampler: unknown, policies: readonly Policy[]): unknown => {
  if (!isMap(sampler) || !isMap(sampler['properties'])) return sampler;
  const { properties } = sampler;
  const list = isMap(properties['policies']) ? properties['policies'] : {};
  return {
    ...sampler,
    properties: { ...properties, policies: { ...list, items: { anyOf: policies.map(entryOf) } } },
  };
};

/** The schema for editors: the configuration file as it is written. */
export const editorSchema = (policies: readonly Policy[]): Json => ({
  $schema: draft,
  title: 'Tollgate trace-router configuration',
  type: 'object',
  additionalProperties: false,
  properties: {
    members: {
      description: membersAbout,
      default: 'builtin',
      anyOf: [
        { const: 'builtin' },
        { type: 'array', minItems: 1, maxItems: mostMembers, items: asWritten(Member) },
        { $ref: '#/definitions/substituted' },
        { type: 'null' },
      ],
    },
    ...Object.fromEntries(
      Object.entries(sections).map(([section, schema]) => {
        const written = writtenSection(schema);
        return [section, section === 'sampler' ? withPolicies(written, policies) : written];
      }),
    ),
  },
  definitions: substituted,
});
