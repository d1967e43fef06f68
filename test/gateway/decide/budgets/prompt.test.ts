import { expect, test } from 'vitest';
import {
  promptOf,
  tokensByCount,
  unknownPrompt,
} from '../../../../gateway/src/decide/budgets/prompt.ts';

const of = (body: object) => promptOf(Buffer.from(JSON.stringify(body)));
const messages = [{ role: 'user', content: 'hi there' }];

test('a text has a token for two of its bytes at most', () => {
  const bytes = Buffer.from(JSON.stringify({ messages }));
  expect(promptOf(bytes)).toEqual({
    tokensByLength: Math.ceil(bytes.length / 2),
    writesCache: false,
    hasMedia: false,
  });
});

test('tools cost tokens that stand nowhere', () => {
  const plain = of({ messages, toolz: [] }).tokensByLength ?? 0;
  expect(of({ messages, tools: [] }).tokensByLength).toBe(plain + 600);
});

test.each([
  [{ type: 'image_url', image_url: { url: 'https://x/y.png' } }],
  [{ type: 'input_audio', input_audio: {} }],
  [{ type: 'file', file: { file_id: 'f' } }],
  [{ type: 'document', source: {} }],
])('what %j costs does not show in its length', (part) => {
  expect(of({ messages: [{ role: 'user', content: [part] }] })).toMatchObject({
    tokensByLength: null,
    hasMedia: true,
  });
});

test('a prompt that is to be kept says so', () => {
  const part = { type: 'text', text: 'x', cache_control: { type: 'ephemeral' } };
  expect(of({ messages: [{ role: 'user', content: [part] }] }).writesCache).toBe(true);
});

test('a count has room for what it may be off, and is not more than the length says', () => {
  expect(tokensByCount(unknownPrompt, 1000)).toBe(1200 + 32 + 600);
  const prompt = { tokensByLength: 50, writesCache: false, hasMedia: false };
  expect(tokensByCount(prompt, 1000)).toBe(50);
});
