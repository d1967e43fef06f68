import * as fc from 'fast-check';
import { validateHeaderValue } from 'node:http';
import { expect, test } from 'vitest';
import { headerText } from '../../../gateway/src/decide/header-text.ts';

test('a plain name stays as it is', () => {
  for (const name of ['gpt-4o', 'a b', 'x'.repeat(256)]) expect(headerText(name)).toBe(name);
});

test('what a header cannot carry is percent-encoded, and what is long is cut', () => {
  expect(headerText('modèle')).toBe('mod%C3%A8le');
  expect(headerText('a\r\nx-evil: 1')).toBe('a%0D%0Ax-evil:%201');
  expect(headerText('x'.repeat(300))).toHaveLength(256);
});

test('any text is a header value that Node sends', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const value = headerText(text);
      expect(() => validateHeaderValue('x-a', value)).not.toThrow();
      expect(value).toMatch(/^[ -~]*$/);
    }),
  );
});
