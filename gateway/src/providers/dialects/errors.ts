import { objectAt, parseObject, textAt, type JsonObject } from '../../model/json.ts';

const maxMessage = 2_000;

/** Text of a provider's error, safe for a header, a log line and a client: no control characters, bounded. */
export const clean = (text: string): string =>
  text
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, maxMessage);

/** What a provider's error says, cleaned and bounded; empty text where it says nothing. */
export interface ReadError {
  readonly message: string;
  readonly type: string;
  /** A number is given as its digits. */
  readonly code: string;
  readonly param: string | null;
}

const maxNameChars = 200;

const name = (from: JsonObject, key: string): string => {
  const value = from[key];
  return typeof value === 'string' || typeof value === 'number'
    ? clean(String(value)).slice(0, maxNameChars)
    : '';
};

/** What an error object says: `{message, type, code, param}`. */
export const readErrorObject = (error: JsonObject): ReadError => ({
  message: clean(textAt(error, 'message') ?? ''),
  type: name(error, 'type'),
  code: name(error, 'code'),
  param: name(error, 'param') || null,
});

/**
 * What an error body says, in the shapes seen in the wild: `{error: {message, type, code, param}}` (OpenAI, Anthropic),
 * `{error: "text"}` (Ollama), `{message, type}` (Mistral), `{detail: "text"}` (vLLM behind FastAPI), or no JSON at all.
 */
export const readErrorBody = (body: string): ReadError => {
  const outer = parseObject(body);
  if (outer === null) return { message: clean(body), type: '', code: '', param: null };
  const error = readErrorObject(objectAt(outer, 'error') ?? outer);
  return error.message === ''
    ? { ...error, message: clean(textAt(outer, 'error') ?? textAt(outer, 'detail') ?? '') }
    : error;
};
