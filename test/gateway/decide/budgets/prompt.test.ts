import { expect, test } from 'vitest';
import type { JsonObject } from '../../../../gateway/src/model/json.ts';
import {
  promptOf,
  tokensByCount,
  unknownPrompt,
} from '../../../../gateway/src/decide/budgets/prompt.ts';

const bytes = 400;
const of = (body: JsonObject) => promptOf(body, bytes);
const messages = [{ role: 'user', content: 'hi there' }];
const withPart = (part: JsonObject) => of({ messages: [{ role: 'user', content: [part] }] });

test('a text has a token for two of its bytes at most', () => {
  const plain = { tokensByLength: 200, writesCache: false, hasMedia: false };
  expect(of({ messages })).toEqual(plain);
  expect(of({ messages, system: 'be brief' })).toEqual(plain);
  expect(of({ input: ['a', 'b'] })).toEqual(plain);
  expect(withPart({ type: 'text', text: 'x' })).toEqual(plain);
  expect(withPart({ type: 'tool_use', id: 'x', name: 'y', input: {} })).toEqual(plain);
  expect(withPart({ type: 'tool_result', content: [{ type: 'text', text: 'x' }] })).toEqual(plain);
  expect(of({ messages: [{ role: 'assistant', content: null, tool_calls: [] }] })).toEqual(plain);
});

test('tools cost tokens that stand nowhere', () => {
  expect(of({ messages, tools: [{ type: 'function' }] }).tokensByLength).toBe(200 + 600);
});

test.each<[JsonObject]>([
  [{ type: 'image_url', image_url: { url: 'https://x/y.png' } }],
  [{ type: 'input_audio', input_audio: {} }],
  [{ type: 'file', file: { file_id: 'f' } }],
  [{ type: 'document', source: {} }],
  [{ type: 'something new' }],
  [{ text: 'without a type' }],
  [{ type: 'tool_result', content: [{ type: 'image', source: {} }] }],
])('what %j costs does not show in its length', (part) => {
  expect(withPart(part)).toMatchObject({ tokensByLength: null, hasMedia: true });
  expect(of({ messages, system: [part] }).hasMedia).toBe(true);
});

test.each<[JsonObject]>([
  [{ messages, modalities: ['text', 'audio'] }],
  [{ messages, audio: { voice: 'x' } }],
  [{ messages: [{ role: 'assistant', audio: { id: 'x' } }] }],
  [{ messages: [{ role: 'user', content: { type: 'text' } }] }],
])('nor does what %j asks for', (body) => {
  expect(of(body)).toMatchObject({ tokensByLength: null, hasMedia: true });
});

test('a prompt that is to be kept says so, wherever it does', () => {
  const cache_control = { type: 'ephemeral' };
  expect(withPart({ type: 'text', text: 'x', cache_control }).writesCache).toBe(true);
  expect(of({ messages, system: [{ type: 'text', text: 'x', cache_control }] }).writesCache).toBe(
    true,
  );
  expect(of({ messages, tools: [{ name: 'x', cache_control }] }).writesCache).toBe(true);
  expect(of({ messages, cache_control }).writesCache).toBe(true);
});

test('a count has room for what it may be off, and is not more than the length says', () => {
  expect(tokensByCount(unknownPrompt, 1000)).toBe(1200 + 32 + 600);
  const prompt = { tokensByLength: 50, writesCache: false, hasMedia: false };
  expect(tokensByCount(prompt, 1000)).toBe(50);
});
