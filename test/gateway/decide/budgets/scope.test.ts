import { expect, test } from 'vitest';
import { ScopeIndex } from '../../../../gateway/src/decide/budgets/scope.ts';
import type { ScopePart, Subject } from '../../../../gateway/src/model/budget.ts';
import { subject } from './support.ts';

const found = (scopes: Readonly<Record<string, readonly ScopePart[]>>, of: Subject) => {
  const index = new ScopeIndex<string>();
  for (const [name, scope] of Object.entries(scopes)) index.add({ scope }, name);
  const names: string[] = [];
  index.match(of, (name, account) =>
    names.push(account === '' ? name : `${name}: ${account.replaceAll('\u0000', '/')}`),
  );
  return names.sort();
};

const scopes: Readonly<Record<string, readonly ScopePart[]>> = {
  all: [],
  a: [{ dimension: 'team', value: 'a' }],
  b: [{ dimension: 'team', value: 'b' }],
  'a of acme': [
    { dimension: 'team', value: 'a' },
    { dimension: 'organization', value: 'acme' },
  ],
  'a of acme again': [
    { dimension: 'organization', value: 'acme' },
    { dimension: 'team', value: 'a' },
  ],
  'each team': [{ dimension: 'team', value: '*' }],
  'each user of a': [
    { dimension: 'team', value: 'a' },
    { dimension: 'user', value: '*' },
  ],
  'each user of a team': [
    { dimension: 'user', value: '*' },
    { dimension: 'team', value: '*' },
  ],
  search: [{ dimension: 'tag:feature', value: 'search' }],
  'each feature': [{ dimension: 'tag:feature', value: '*' }],
  gpt: [{ dimension: 'model', value: 'gpt-5' }],
  'gpt of a': [
    { dimension: 'team', value: 'a' },
    { dimension: 'model', value: 'gpt-5' },
  ],
  'each model': [{ dimension: 'model', value: '*' }],
};

test('a call falls under the budgets of all that it is', () => {
  expect(found(scopes, subject({ organization: 'acme', team: 'a' }))).toEqual([
    'a',
    'a of acme',
    'a of acme again',
    'all',
    'each team: a',
  ]);
  expect(found(scopes, subject({ organization: 'other', team: 'a', user: 'u' }))).toEqual([
    'a',
    'all',
    'each team: a',
    'each user of a team: a/u',
    'each user of a: u',
  ]);
  expect(found(scopes, subject({ team: 'c', tags: { feature: 'search', other: 'x' } }))).toEqual([
    'all',
    'each feature: search',
    'each team: c',
    'search',
  ]);
});

test('what a call does not say falls under no budget that is about it', () => {
  expect(found(scopes, subject())).toEqual(['all']);
  expect(found(scopes, subject({ user: 'u' }))).toEqual(['all']);
});

test('a model is any of those that may be asked, once, and its account is that of the name asked for', () => {
  expect(found(scopes, subject({ team: 'a', models: ['fast', 'gpt-5', 'gpt-5'] }))).toEqual([
    'a',
    'all',
    'each model: fast',
    'each team: a',
    'gpt',
    'gpt of a',
  ]);
});

test('names of things that every object has are names', () => {
  const tag: ScopePart[] = [{ dimension: 'tag:constructor', value: '*' }];
  expect(found({ one: tag }, subject({ tags: {} }))).toEqual([]);
  expect(found({ one: tag }, subject({ tags: { constructor: 'x' } }))).toEqual(['one: x']);
});
