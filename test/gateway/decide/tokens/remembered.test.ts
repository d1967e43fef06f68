import { expect, test } from 'vitest';
import { remembered } from '../../../../gateway/src/decide/tokens/remembered.ts';

const always = () => true;

test('what was verified is remembered until the token ends, to the millisecond', () => {
  const known = remembered<number, string>();
  known.keep('a', { value: 'ada', by: 1, endsAtMs: 100 });
  expect(known.find('a', always, 99)).toBe('ada');
  expect(known.find('b', always, 99)).toBeNull();
  expect(known.find('a', always, 100)).toBeNull();
  // And is gone for good.
  expect(known.find('a', always, 99)).toBeNull();
});

test('what other keys verified counts no more', () => {
  const known = remembered<number, string>();
  known.keep('a', { value: 'ada', by: 1, endsAtMs: 100 });
  expect(known.find('a', (by) => by === 2, 0)).toBeNull();
  expect(known.find('a', always, 0)).toBeNull();
});

test('when there are too many, the one that was used longest ago is forgotten', () => {
  const known = remembered<number, string>(2);
  for (const name of ['a', 'b']) known.keep(name, { value: name, by: 1, endsAtMs: 100 });
  expect(known.find('a', always, 0)).toBe('a');
  known.keep('c', { value: 'c', by: 1, endsAtMs: 100 });
  expect(['a', 'b', 'c'].map((name) => known.find(name, always, 0))).toEqual(['a', null, 'c']);
});

test('a token that is kept again takes no further place', () => {
  const known = remembered<number, string>(2);
  for (const name of ['a', 'b', 'b']) known.keep(name, { value: name, by: 1, endsAtMs: 100 });
  expect(known.find('a', always, 0)).toBe('a');
});
