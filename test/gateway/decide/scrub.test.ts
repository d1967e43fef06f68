import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { scrubber } from '../../../gateway/src/decide/scrub.ts';
import { anyKey, forms, recovers } from '../secrets.ts';

test('a secret is taken out in every form, wherever it stands, and what is left tells nothing of it', () => {
  fc.assert(
    fc.property(
      anyKey,
      fc.constantFrom(...forms),
      fc.string(),
      fc.string(),
      (key, { write }, before, after) => {
        const clean = scrubber(['another-secret-0123456789', key]);
        expect(recovers(clean(`${before} ${write(key)} ${after}`), key)).toBe(false);
      },
    ),
    { numRuns: 3000 },
  );
});

test('a text without secrets is the very same', () => {
  fc.assert(
    fc.property(anyKey, fc.json(), (key, text) => {
      fc.pre(!text.includes(key));
      expect(scrubber([key])(text)).toBe(text);
    }),
  );
});

test('what surrounds a secret stays, JSON stays JSON', () => {
  const key = 'sk-proj-AbC123dEf456GhI789jKl012mNo345';
  const body = JSON.stringify({
    error: { message: `Incorrect API key "${key}": see\nthe docs.`, code: 'invalid_api_key' },
  });
  expect(JSON.parse(scrubber([key])(body))).toEqual({
    error: {
      message: 'Incorrect API key "[redacted]": see\nthe docs.',
      code: 'invalid_api_key',
    },
  });
  expect(scrubber([key])(`${key} and ${key}, ${key}${key}`)).toBe(
    '[redacted] and [redacted], [redacted]',
  );
});

test.each([
  ['sk-proj-AbC123**************o345', '[redacted]'],
  ['Key sk-...o345 is wrong', 'Key [redacted] is wrong'],
  ['****o345', '[redacted]'],
  ['sk-proj-AbC1…', '[redacted]'],
  // Nobody learns anything from these.
  ['wait... then go on', 'wait... then go on'],
  ['**bold**', '**bold**'],
  ['sk-...', 'sk-...'],
])('masked: %s', (text, expected) => {
  expect(scrubber(['sk-proj-AbC123dEf456GhI789jKl012mNo345'])(text)).toBe(expected);
});

test('no secret, an empty one and one of a few letters take nothing out', () => {
  for (const known of [[], [''], ['abc']])
    expect(scrubber(known)('abc and more')).toBe('abc and more');
});

test('a short secret is taken out as a whole, and only as a whole', () => {
  expect(scrubber(['EMPTY'])('key EMPTY, emp')).toBe('key [redacted], emp');
});
