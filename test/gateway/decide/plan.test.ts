import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { matches, mayUse, planner, usableModels } from '../../../gateway/src/decide/plan.ts';
import { someCall } from '../model/settlements.ts';

const { caller } = someCall;
if (caller === null) throw new Error('the example has a caller');
const may = (models: readonly string[] | null) => ({ ...caller, models });
const to = (...providers: string[]) =>
  providers.map((name) => ({ provider: name, model: null as string | null }));

// oxfmt-ignore
test.each([
  ['gpt-*', 'gpt-4o', true], ['gpt-*', 'gpt-', true], ['gpt-*', 'gp', false], ['*', '', true], ['*', 'any', true],
  ['gpt-4o', 'gpt-4o', true], ['gpt-4o', 'gpt-4o-mini', false], ['g*o', 'gpt-4o', false], ['g*o', 'g*o', true], ['', '', true],
])('%j and %j: %s', (pattern, name, expected) => {
  expect(matches(pattern, name)).toBe(expected);
});

const routes = [
  { name: 'gpt-*', targets: to('openai') },
  { name: 'gpt-4o', targets: [{ provider: 'azure', model: 'deployed' }, ...to('openai')] },
  { name: '*', targets: to('anything') },
  { name: 'gpt-4*', targets: to('four') },
];

// oxfmt-ignore
test.each([
  ['gpt-4o', 'gpt-4o', [{ provider: 'azure', model: 'deployed' }, { provider: 'openai', model: 'gpt-4o' }]],
  ['gpt-4o-mini', 'gpt-4*', [{ provider: 'four', model: 'gpt-4o-mini' }]],
  ['gpt-3.5', 'gpt-*', [{ provider: 'openai', model: 'gpt-3.5' }]],
  ['claude', '*', [{ provider: 'anything', model: 'claude' }]],
])('%s goes by the route %s to %o', (model, route, targets) => {
  expect(planner(routes)(model)).toEqual({ route, targets });
});

test('without a route there is no target', () => {
  const nowhere = { route: '', targets: [] };
  expect(planner([])('gpt-4o')).toEqual(nowhere);
  expect(planner(routes.slice(0, 2))('claude')).toEqual(nowhere);
});

test('the order in which routes are written decides nothing', () => {
  const names = fc.uniqueArray(
    fc.stringMatching(/^[ab]{0,3}\*?$/).filter((name) => name !== ''),
    {
      maxLength: 8,
    },
  );
  fc.assert(
    fc.property(names, fc.stringMatching(/^[ab]{1,4}$/), (all, model) => {
      const one = planner(all.map((name) => ({ name, targets: to(name) })));
      const other = planner(all.toReversed().map((name) => ({ name, targets: to(name) })));
      expect(one(model)).toEqual(other(model));
      const fitting = all.filter((name) => matches(name, model));
      expect(one(model).targets.map(({ provider }) => provider)).toEqual(
        fitting.length === 0
          ? []
          : [all.includes(model) ? model : fitting.toSorted((a, b) => b.length - a.length)[0]],
      );
    }),
  );
});

test('a caller may use what is named, what a pattern covers, or everything', () => {
  expect(mayUse(may(null), 'x')).toBe(true);
  expect(mayUse(may([]), 'x')).toBe(false);
  expect(mayUse(may(['gpt-*', 'o3']), 'gpt-4o')).toBe(true);
  expect(mayUse(may(['gpt-*', 'o3']), 'o3')).toBe(true);
  expect(mayUse(may(['gpt-*', 'o3']), 'o3-mini')).toBe(false);
});

test('models are listed sorted, and only those the caller may ask for', () => {
  expect(usableModels(may(null), routes)).toEqual(['*', 'gpt-*', 'gpt-4*', 'gpt-4o']);
  expect(usableModels(may(['gpt-4*']), routes)).toEqual(['gpt-4*', 'gpt-4o']);
  expect(usableModels(may(['gpt-4o']), routes)).toEqual(['gpt-4o']);
  expect(usableModels(may([]), routes)).toEqual([]);
});
