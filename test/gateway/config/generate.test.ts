import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Check } from 'typebox/schema';
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { collections, Key, Price, ProviderCommon } from '../../../gateway/src/config/schema.ts';
import { Budget } from '../../../gateway/src/config/schema-budgets.ts';
import { sections } from '../../../gateway/src/config/sections.ts';
import { editorSchema } from '../../../gateway/src/config/generate-schema.ts';
import { generatedFiles } from '../../../gateway/src/config/generate.ts';
import { providers } from '../../../gateway/src/providers/registry.ts';
import { fixtures } from './fixtures.ts';

const schema = editorSchema(providers);
const accepts = (value: unknown) => Check(schema, value);
const root = join(import.meta.dirname, '../../..');

const example = { name: 'the example', path: join(root, 'deploy/examples/tollgate.yaml') };

test.each([...fixtures('good'), example])('an editor accepts $name', ({ path }) => {
  const value: unknown = parse(readFileSync(path, 'utf8'), { merge: true });
  expect(accepts(value)).toBe(true);
});

// Cross-field rules, variables and duplicate keys are beyond a JSON Schema.
const beyond = ['cross', 'duplicate-key', 'leaks', 'substitution'];
test.each(fixtures('bad').filter(({ name }) => !beyond.includes(name.split('.')[0] ?? '')))(
  'an editor refuses $name',
  ({ path }) => {
    expect(accepts(parse(readFileSync(path, 'utf8')))).toBe(false);
  },
);

// oxfmt-ignore
test.each([
  ['a setting of another vendor', { x: { use: 'vllm', organization: 'o' } }],
  ['a setting of another vendor under a vendor\'s name', { vllm: { organization: 'o' } }],
  ['a name that is no vendor\'s, without use', { x: {} }],
  ['a credential that is written', { openai: { apiKey: 'sk-written' } }],
  ['an unknown vendor', { x: { use: 'nobody' } }],
])('an editor refuses %s', (_, given) => expect(accepts({ providers: given })).toBe(false));

// oxfmt-ignore
test.each([
  ['a vendor\'s own setting', { x: { use: 'openai', apiKey: '${KEY}', organization: 'o' } }],
  ['a vendor by its name', { openai: { apiKey: { file: 'key' }, project: 'p' } }],
  ['another vendor under a vendor\'s name', { openai: { use: 'openai-compatible', baseUrl: 'http://host' } }],
  ['a variable in place of a number', { vllm: { maxConnections: '${MAX}' } }],
])('an editor accepts %s', (_, given) => expect(accepts({ providers: given })).toBe(true));

/** Every field of a schema by its path, nested maps included. */
const fields = (given: TSchema, path: string): readonly (readonly [string, TSchema])[] =>
  'properties' in given && typeof given.properties === 'object' && given.properties !== null
    ? Object.entries(given.properties).flatMap(([name, field]: [string, TSchema]) => [
        [`${path}.${name}`, field] as const,
        ...fields(field, `${path}.${name}`),
      ])
    : [];

const everything = [
  ...Object.entries(sections).flatMap(([name, section]) => fields(section, name)),
  ...fields(Key, 'keys'),
  ...fields(Budget, 'budgets'),
  ...fields(Price, 'prices'),
  ...fields(ProviderCommon, 'providers'),
];

test.each(everything)('%s explains itself, and its default is one of its values', (_, field) => {
  expect(field).toHaveProperty('description', expect.stringMatching(/.{10,}/));
  if ('default' in field) expect(Value.Check(field, field.default)).toBe(true);
});

test('the reference names every section, field and vendor', () => {
  const docs = generatedFiles()['docs/configuration.md'] ?? '';
  const names = [...Object.keys(collections), ...Object.keys(sections), ...providers.keys()];
  for (const name of names) expect(docs).toMatch(new RegExp(`^##+ \`${name}\`$`, 'm'));
  for (const [path] of everything) {
    const field = path.slice(path.indexOf('.') + 1);
    expect(docs).toContain(`\`${field}`);
  }
});

test('every reference of the editor schema leads somewhere', () => {
  const refs = [...JSON.stringify(schema).matchAll(/"#\/definitions\/([^"]+)"/g)].map(
    ([, name = '']) => name,
  );
  expect(refs.length).toBeGreaterThan(50);
  for (const name of refs) expect(schema['definitions']).toHaveProperty([name]);
});
