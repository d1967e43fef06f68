import { expect, test } from 'vitest';
import { listed } from '../../../gateway/src/cli/say.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
const lineOf = (one: number) => `number ${one}`;

test('as many lines as may be written are written, and nothing is said of more', () => {
  expect(listed([], lineOf)).toEqual([]);
  expect(listed(numbers(50), lineOf)).toEqual(numbers(50).map(lineOf));
  expect(listed(numbers(2), lineOf, { most: 2 })).toEqual(['number 1', 'number 2']);
});

test('of too many the first ones are written, and how many more there are', () => {
  expect(listed(numbers(53), lineOf)).toEqual([...numbers(50).map(lineOf), 'and 3 more']);
  expect(listed(numbers(3), lineOf, { and: 'and mended', most: 2 })).toEqual([
    'number 1',
    'number 2',
    'and mended 1 more',
  ]);
});
