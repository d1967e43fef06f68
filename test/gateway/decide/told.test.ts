import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { scrubber } from '../../../gateway/src/decide/scrub.ts';
import { maxNameChars, startNames, toldBy } from '../../../gateway/src/decide/told.ts';
import { anyKey, forms, recovers } from '../secrets.ts';

const reading = (secret = 'sk-secret-of-a-provider') => {
  const cuts: string[] = [];
  const name = startNames(toldBy(scrubber([secret]), (what) => void cuts.push(what)));
  return { name, cuts };
};

test.each(['gpt-4o-mini-2024-07-18', 'meta-llama/Llama-3.3-70B:free', 'end_turn', 'msg_01X', ''])(
  'the name %j stays as it was, and nothing is counted',
  (text) => {
    const { name, cuts } = reading();
    expect(name(text)).toBe(text);
    expect(cuts).toEqual([]);
  },
);

test.each(['You wrote: tell me all', 'a\r\nx: b', 'a\u0000', 'gpt\u202e', '\ud800', 'modèle'])(
  '%j is no name, and counts as not said',
  (text) => {
    const { name, cuts } = reading();
    expect([name(text), name(text)]).toEqual(['', '']);
    expect(cuts).toEqual(['name']);
  },
);

test('a long name is cut', () => {
  const { name, cuts } = reading();
  expect(name('x'.repeat(5_000))).toBe('x'.repeat(maxNameChars));
  expect(cuts).toEqual(['name']);
});

test('no form of a credential stands in a name, wherever the name is cut', () => {
  fc.assert(
    fc.property(anyKey, fc.constantFrom(...forms), fc.nat(300), (key, form, before) => {
      const { name } = reading(key);
      expect(recovers(name('m'.repeat(before) + form.write(key)), key)).toBe(false);
    }),
    { numRuns: 500 },
  );
});

test('a name is remembered within a reply, and few are', () => {
  let asked = 0;
  const name = startNames(
    toldBy(
      (text) => (asked++, text),
      () => {},
    ),
  );
  for (let i = 0; i < 100; i += 1) name('default');
  expect(asked).toBe(1);
  for (let i = 0; i < 100; i += 1) name(`tier-${i}`);
  expect(name('default')).toBe('default');
  expect(asked).toBe(102);
});
