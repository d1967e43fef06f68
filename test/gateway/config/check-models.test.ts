import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { overlap } from '../../../gateway/src/config/check-models.ts';

/** The oracle: does `name` fit `pattern`? */
const fits = (name: string, pattern: string) =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;

const word = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 3 });
const pattern = fc.tuple(word, fc.boolean()).map(([text, star]) => (star ? `${text}*` : text));

test('two patterns overlap exactly when some name fits both', () => {
  // The longer of the two without its star fits both, if anything does.
  fc.assert(
    fc.property(pattern, pattern, (a, b) => {
      const names = [a, b].map((one) => one.replace(/\*$/, ''));
      expect(overlap(a, b)).toBe(names.some((name) => fits(name, a) && fits(name, b)));
      expect(overlap(a, b)).toBe(overlap(b, a));
    }),
  );
});
