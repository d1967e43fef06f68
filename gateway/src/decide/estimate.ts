/**
 * Tokens counted by us, for when a provider did not say. Linear in time whatever the text
 * (exact BPE is quadratic on one long word), about 4 % off on prose; the row is marked as estimated.
 */
import { estimateTokenCount } from 'tokenx';
import { isObject, type Json } from '../model/json.ts';
import { mediaTokens } from './media.ts';

/** Counting stops here: what is beyond is taken at four characters a token. */
const maxCountedChars = 200_000;

/** Tokens of a text, at least 1 when there is any. */
export const estimateTokens = (text: string): number => {
  if (text === '') return 0;
  const counted = text.length > maxCountedChars ? text.slice(0, maxCountedChars) : text;
  const rest = Math.ceil((text.length - counted.length) / 4);
  return Math.max(1, estimateTokenCount(counted)) + rest;
};

/** Images and audio travel as base64 that no tokenizer ever sees. */
const isData = (text: string): boolean =>
  text.startsWith('data:') || (text.length > 2000 && /^[A-Za-z0-9+/=_-]{2000}/.test(text));

/**
 * Takes all texts in a value, in order, and answers the tokens of its images and audio. Not by recursion: a body may be
 * nested deeper than a stack is.
 */
const textsOf = (value: Json | undefined, into: string[]): number => {
  const left: (Json | undefined)[] = [value];
  let media = 0;
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next === 'string') {
      if (!isData(next)) into.push(next);
    } else if (typeof next === 'object' && next !== null) {
      const tokens = isObject(next) ? mediaTokens(next) : null;
      if (tokens !== null) {
        media += tokens;
        continue;
      }
      const inside = Array.isArray(next) ? next : Object.values(next);
      for (let i = inside.length - 1; i >= 0; i -= 1) left.push(inside[i]);
    }
  }
  return media;
};

/** Input tokens of a request body: its messages, system prompt, tools or embedding input. */
export const estimateInputTokens = (body: Readonly<Record<string, Json | undefined>>): number => {
  const texts: string[] = [];
  let media = 0;
  for (const field of ['messages', 'system', 'tools', 'input', 'prompt'])
    media += textsOf(body[field], texts);
  return estimateTokens(texts.join('\n')) + media;
};

/** A cheap upper-side guess before the call, from the size of its body: four bytes a token. */
export const guessInputTokens = (bodyBytes: number): number => Math.ceil(bodyBytes / 4);
