import { numberAt, textAt, type Json, type JsonObject } from '../model/json.ts';
import { tokenize } from './model.ts';

const defaultDimensions = 256;
const maxDimensions = 3_072;

/** FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
const hash = (text: string): number => {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  }
  return value >>> 0;
};

/** A bag of words hashed into a unit vector: texts that share words are near each other. */
const vectorOf = (text: string, dimensions: number): Float32Array => {
  const vector = new Float32Array(dimensions);
  for (const word of text.toLowerCase().split(/\W+/u).concat(text)) {
    const place = hash(word);
    const at = place % dimensions;
    vector[at] = (vector[at] ?? 0) + ((place & 0x10000) === 0 ? 1 : -1);
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
};

const inputsOf = (input: Json | undefined): readonly string[] => {
  if (typeof input === 'string') return [input];
  if (!Array.isArray(input)) return [];
  // A list of numbers is one text in tokens; anything else is a list of texts.
  if (input.every((item) => typeof item === 'number')) return [input.join(' ')];
  return input.map((item) => (typeof item === 'string' ? item : JSON.stringify(item)));
};

/** The reply to an embeddings request: https://platform.openai.com/docs/api-reference/embeddings/create */
export const embed = (body: JsonObject): JsonObject => {
  const wanted = numberAt(body, 'dimensions') ?? defaultDimensions;
  const dimensions = Math.min(Math.max(1, Math.trunc(wanted)), maxDimensions);
  const inputs = inputsOf(body['input']);
  const tokens = inputs.reduce((sum, text) => sum + tokenize(text).length, 0);
  const isBase64 = body['encoding_format'] === 'base64';
  return {
    object: 'list',
    model: textAt(body, 'model') ?? 'demo',
    data: inputs.map((text, index) => {
      const vector = vectorOf(text, dimensions);
      const embedding = isBase64 ? Buffer.from(vector.buffer).toString('base64') : [...vector];
      return { object: 'embedding', index, embedding };
    }),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
};
