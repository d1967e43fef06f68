import { expect, test } from 'vitest';
import { secretHash } from '../../../gateway/src/control/hash.ts';

test('the same secret has another hash under another key, and never shows', () => {
  const hash = secretHash('one', 'tg-secret');
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  expect(secretHash('one', 'tg-secret')).toBe(hash);
  expect(secretHash('two', 'tg-secret')).not.toBe(hash);
});
