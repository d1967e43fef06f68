import { objectAt, parseObject, textAt, type JsonObject } from '../model/json.ts';

const maxMessage = 2_000;
const maxNameChars = 200;
/**
 * Of an error inside a reply more is read than is told: credentials are taken out before it is cut, for half of one may not
 * look like it.
 */
const maxReadChars = 16_384;

/** Text of a provider's error, safe for a header, a log line and a client: no control characters, bounded. */
export const clean = (text: string): string =>
  text
    .slice(0, maxReadChars)
    .replace(/\p{Cc}+/gu, ' ')
    .trim();

/** What a provider's error says; empty text where it says nothing. */
export interface ReadError {
  readonly message: string;
  readonly type: string;
  /** A number is given as its digits. */
  readonly code: string;
  readonly param: string | null;
}

/** An error as it may be told: cleaned of credentials, then cut. */
export const told = (error: ReadError, scrub: (text: string) => string): ReadError => {
  const name = (text: string): string => scrub(text).slice(0, maxNameChars);
  return {
    message: scrub(error.message).slice(0, maxMessage),
    type: name(error.type),
    code: name(error.code),
    param: error.param === null ? null : name(error.param),
  };
};

const name = (from: JsonObject, key: string): string => {
  const value = from[key];
  return typeof value === 'string' || typeof value === 'number' ? clean(String(value)) : '';
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
