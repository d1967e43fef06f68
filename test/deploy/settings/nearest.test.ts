import { expect, test } from 'vitest';
import { hint, nearest } from '@tollgate/settings/nearest.ts';

const known = ['provider', 'providers', 'models', 'apiKey', 'baseUrl', 'secret', 'secretSha256'];

// oxfmt-ignore
test.each([
  ['provders', 'providers'], ['api_key', 'apiKey'], ['APIKEY', 'apiKey'], ['base-url', 'baseUrl'],
  ['modles', 'models'], ['secretSha', 'secretSha256'], ['secert', 'secret'], ['frobnicate', null], ['', null],
])('%j is nearest to %j', (text, expected) => expect(nearest(text, known)).toBe(expected));

test('a hint names the near one, else what is allowed, but not a whole catalogue', () => {
  expect(hint('modles', known)).toBe("; did you mean 'models'?");
  expect(hint('zzzzzz', ['one', 'two'])).toBe('; allowed: one, two');
  expect(hint('zzzzzz', [])).toBe('');
  expect(
    hint(
      'zzzzzz',
      Array.from({ length: 100 }, (_, i) => `name${i}`),
    ).length,
  ).toBeLessThan(250);
});

test('a name of a megabyte is compared as quickly as any other', () => {
  expect(nearest('x'.repeat(1 << 20), known)).toBeNull();
});
