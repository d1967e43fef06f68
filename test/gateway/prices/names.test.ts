import { expect, test } from 'vitest';
import { mayLieOver, nearNames } from '../../../gateway/src/prices/names.ts';
import type { NameMatch } from '../../../gateway/src/prices/sheet.ts';

test.each<[string, NameMatch, boolean]>([
  ['*', { equals: 'm' }, true],
  ['*', { contains: 'm' }, true],
  ['*', { regex: '^m' }, true],
  ['gpt-*', { equals: 'gpt-5' }, true],
  ['gpt-*', { equals: 'o3' }, false],
  ['gpt-*', { starts_with: 'gpt-5' }, true],
  ['gpt-5-*', { starts_with: 'gpt' }, true],
  ['gpt-*', { starts_with: 'o3' }, false],
  ['gpt-*', { ends_with: 'mini' }, true],
  ['gpt-5', { equals: 'gpt-5' }, true],
  // As a provider answers.
  ['gpt-5', { equals: 'gpt-5-2026-01-01' }, true],
  ['gpt-5', { starts_with: 'gpt-5-2026' }, true],
  ['gpt-5', { starts_with: 'gpt' }, true],
  ['GPT-5', { equals: 'gpt-5' }, true],
  ['gpt-5', { equals: 'gpt-4' }, false],
  ['gpt-5', { contains: 'gpt-5-turbo' }, true],
  ['gpt-5', { contains: 'o3' }, false],
  ['gpt-5', { regex: '^gpt-\\d$' }, true],
  ['gpt-5', { regex: '^o\\d$' }, false],
  ['gpt-5', { or: [{ equals: 'o3' }, { equals: 'gpt-5' }] }, true],
  ['gpt-5', { and: [{ starts_with: 'gpt' }, { contains: 'mini' }] }, false],
])('an own price for %s, over an entry for %j: %s', (model, match, expected) => {
  expect(mayLieOver(model, match)).toBe(expected);
});

test('near names are those that begin most alike, the shortest of them first', () => {
  const names = ['gpt-4', 'gpt-4o', 'gpt-4o-mini', 'o3', 'gpt-5'];
  const list = names.map((id) => ({
    id: `openai/${id}`,
    match: { equals: id },
    prices: [],
    source: 'test',
  }));
  expect(nearNames([list], 'gpt-4o-maxi', 2)).toEqual(['gpt-4o-mini', 'gpt-4o']);
  expect(nearNames([list], 'claude', 2)).toEqual([]);
});
