import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  estimateInputTokens,
  estimateTokens,
  guessInputTokens,
} from '../../../gateway/src/decide/estimate.ts';
import type { Json } from '../../../gateway/src/model/json.ts';

test('some text is at least one token, none is none', () => {
  expect(estimateTokens('')).toBe(0);
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'binary' }), (text) => {
      const tokens = estimateTokens(text);
      expect(Number.isInteger(tokens)).toBe(true);
      expect(tokens).toBeGreaterThanOrEqual(1);
    }),
  );
});

test('English prose is about four characters a token', () => {
  const prose = 'The quick brown fox jumps over the lazy dog and runs away from it. '.repeat(50);
  const tokens = estimateTokens(prose);
  expect(tokens).toBeGreaterThan(prose.length / 6);
  expect(tokens).toBeLessThan(prose.length / 3);
});

// oxfmt-ignore
test.each([
  ['one word', 'a'], ['spaces', ' '], ['punctuation', '!'], ['digits', '7'], ['Chinese', '\u4e2d'], ['emoji', '\u{1f600}'],
  ['lines', '\n'], ['accents', 'e\u0301'], ['mixed', 'a1!\u4e2d '], ['zero bytes', '\0'],
])('time grows no faster than the text: a long run of %s', (_name, unit) => {
  const text = (chars: number): string => unit.repeat(Math.ceil(chars / unit.length));
  // Quadratic work would be more than 10^10 steps, which no test waits for.
  expect(estimateTokens(text(400_000))).toBeGreaterThan(0);
});

test('beyond what is counted, four characters are a token', () => {
  const counted = estimateTokens('word '.repeat(40_000));
  expect(estimateTokens('word '.repeat(40_000) + 'x'.repeat(4_000_000))).toBe(counted + 1_000_000);
});

test('images and audio are counted by rules of their own, and what else is data is no text', () => {
  const data = 'iVBORw0KGgo'.repeat(20_000);
  const without = {
    messages: [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }] }],
  };
  const parts: Json[] = [
    { type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } },
    { type: 'input_audio', input_audio: { data } },
    { type: 'file', file: { file_data: data } },
  ];
  const withThem = {
    messages: [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, ...parts] }],
  };
  // An image of unknown size is 765, ten seconds of MP3 are 103; that a file is there are a few words.
  const media = estimateInputTokens(withThem) - estimateInputTokens(without);
  expect(media).toBeGreaterThanOrEqual(765 + 103);
  expect(media).toBeLessThan(765 + 103 + 30);
});

test('messages, system prompt, tools, inputs and prompts count; other fields do not', () => {
  const long = 'some words that count '.repeat(20);
  for (const field of ['messages', 'system', 'tools', 'input', 'prompt']) {
    expect(estimateInputTokens({ [field]: [{ deep: [long] }] })).toBeGreaterThanOrEqual(80);
  }
  expect(estimateInputTokens({ model: long, metadata: { long } })).toBe(0);
});

test('a body nested as deep as a parser takes it does not overflow anything', () => {
  const depth = 200_000;
  const body: unknown = JSON.parse(`${'['.repeat(depth)}"word"${']'.repeat(depth)}`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- just parsed
  expect(estimateInputTokens({ messages: body as Json })).toBe(1);
});

test('before the call, four bytes are a token', () => {
  expect([0, 1, 4, 5, 4000].map(guessInputTokens)).toEqual([0, 1, 1, 2, 1000]);
});
