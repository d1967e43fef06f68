/** A token, before anything in it is believed: what is needed to find who can have signed it. */
import { isObject, type JsonObject } from '../../model/json.ts';
import { scanJson } from '../../model/json-scan.ts';

/** What fits into the headers of a request; a longer one is none. */
const maxTokenChars = 16_384;
const limits = { values: 2000, depth: 16, keys: 500 };

export interface TokenClaims {
  readonly issuer: string;
  readonly algorithm: string;
}

/** Does a client mean this as a token? It is judged as one then, and never tried as a key. */
export const isTokenLike = (text: string): boolean =>
  text.startsWith('eyJ') && /^[^.]*\.[^.]*\.[^.]*$/.test(text);

/**
 * The JSON object in a part of a token. A key twice in one object is read in two ways by two readers (RFC 7519, section 4), so it
 * is no object.
 */
const objectIn = (part: string): JsonObject | null => {
  if (!/^[\w-]+$/.test(part)) return null;
  const bytes = Buffer.from(part, 'base64url');
  if (scanJson(bytes, limits) !== null) return null;
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
};

/** Null: it is no signed token in the compact form of RFC 7515, or a key stands in it twice. */
export const readToken = (text: string): TokenClaims | null => {
  if (text.length > maxTokenChars) return null;
  const [head = '', body = ''] = text.split('.');
  const [header, claims] = [objectIn(head), objectIn(body)];
  if (header === null || claims === null) return null;
  const { alg: algorithm } = header;
  const { iss: issuer } = claims;
  return typeof algorithm === 'string' && typeof issuer === 'string' ? { issuer, algorithm } : null;
};
