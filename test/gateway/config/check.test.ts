import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { problemText, type ConfigProblem } from '@tollgate/settings/document.ts';
import { readConfig } from '../../../gateway/src/edge/config/read.ts';
import { providers } from '../../../gateway/src/providers/registry.ts';
import { fixtureEnv, fixtures } from './fixtures.ts';

/** `line:column: path: message`, as the fixtures write it. */
const withoutFile = (problem: ConfigProblem) => problemText({ ...problem, file: '' }).slice(1);
const read = (path: string) => readConfig({ path, env: fixtureEnv, providers });

test('there are fixtures to check', () => {
  expect(fixtures('good').length).toBeGreaterThanOrEqual(5);
  expect(fixtures('bad').length).toBeGreaterThanOrEqual(11);
});

test.each(fixtures('bad'))(
  '$name: every problem is named, with its line and column',
  async ({ path, comments }) => {
    const result = await read(path);
    expect(result.kind === 'bad' ? result.problems.map(withoutFile) : []).toEqual(comments);
    expect(comments.length).toBeGreaterThan(0);
  },
);

test.each(fixtures('good'))('$name is read as it says', async ({ path, comments }) => {
  const result = await read(path);
  if (result.kind === 'bad') throw new Error(result.problems.map(withoutFile).join('\n'));
  const { config } = result;
  const plain = { ...config, providers: Object.fromEntries(config.providers) };
  expect(comments.length).toBeGreaterThan(0);
  for (const comment of comments) expect(plain).toMatchObject(JSON.parse(comment));
});

test.each([...fixtures('good'), ...fixtures('bad')])(
  '$name: no credential is printed, whichever way',
  async ({ path, name }) => {
    const result = await read(path);
    // One fixture puts a variable into a field that is no credential.
    const exempt = name === 'substitution.good.yaml' ? /tg-LEAK-shop/g : /(?!)/g;
    const printed = [
      JSON.stringify(result, (_, value: unknown) =>
        value instanceof Map ? [...value] : typeof value === 'bigint' ? String(value) : value,
      ),
      inspect(result, { depth: 20, showHidden: true }),
      inspect(result, { depth: 20, customInspect: false, getters: true }),
    ];
    for (const text of printed) {
      expect(text.replaceAll(exempt, '')).not.toMatch(
        /LEAK|hunter2|sk-written|sk-default-written|written-into/,
      );
    }
  },
);

test('a configuration is frozen, through and through', async () => {
  const [minimal] = fixtures('good').filter(({ name }) => name === 'keys.good.yaml');
  const result = await read(minimal?.path ?? '');
  if (result.kind === 'bad') throw new Error('the fixture is good');
  const parts: unknown[] = [
    result.config,
    result.config.limits,
    result.config.keys,
    result.config.keys[0]?.caller,
  ];
  for (const part of [...parts, result.config.providers.get('openai')?.settings]) {
    expect(part).toBeTypeOf('object');
    expect(Object.isFrozen(part)).toBe(true);
  }
});
