import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { secret } from '@tollgate/settings/secret.ts';

const text = 'sk-LEAK';

test('a secret reveals its text when asked', () => expect(secret(text).reveal()).toBe(text));

test('a secret shows itself as [secret] in every other way', () => {
  const hidden = secret(text);
  const error = new Error(`failed with ${String(hidden)}`, { cause: { hidden } });
  expect(JSON.stringify({ hidden })).toBe('{"hidden":"[secret]"}');
  expect(String(hidden)).toBe('[secret]');
  expect(inspect({ hidden })).toBe('{ hidden: [secret] }');
  for (const printed of [
    inspect(error, { showHidden: true, depth: 9 }),
    inspect(hidden, { customInspect: false, showHidden: true, depth: 9 }),
    error.stack ?? '',
  ]) {
    expect(printed).not.toContain('LEAK');
  }
  expect(Reflect.ownKeys(hidden).filter((key) => Reflect.get(hidden, key) === text)).toEqual([]);
});
