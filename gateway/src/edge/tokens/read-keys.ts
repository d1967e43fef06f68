/** The public keys of an issuer, from where the configuration says: text, not judged yet. */
import { open } from 'node:fs/promises';
import { request } from 'undici';
import { isObject, parseObject, textAt } from '../../model/json.ts';
import { mayFetch } from '../../decide/tokens/key-address.ts';
import type { KeysFrom } from '../../model/issuer.ts';

/** The keys could not be had. The message is for the log: it holds nothing of what was read. */
export class NoKeys extends Error {}

const timeoutMs = 5_000;
const maxBytes = 1024 * 1024;

/** A path is absolute here. */
export interface KeySource {
  /** The issuer's name in the configuration. */
  readonly name: string;
  readonly issuer: string;
  readonly keysFrom: KeysFrom;
}

/** A JSON object at an address. Goes to no other: what answers with a redirect is refused as any other answer that is none. */
const fetchObject = async (url: string, signal: AbortSignal) => {
  const reply = await request(url, {
    headers: { accept: 'application/json, application/jwk-set+json' },
    signal,
    // Asked for every ten minutes: no connection is kept for that.
    reset: true,
  });
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of reply.body) {
    const part = Buffer.from(chunk);
    bytes += part.length;
    if (bytes > maxBytes) throw new NoKeys(`${url} answered with more than ${maxBytes} bytes`);
    chunks.push(part);
  }
  if (reply.statusCode !== 200) throw new NoKeys(`${url} answered with status ${reply.statusCode}`);
  const text = Buffer.concat(chunks).toString('utf8');
  const value = parseObject(text);
  if (value === null) throw new NoKeys(`${url} answered with something else than a JSON object`);
  return { text, value };
};

/** Where the issuer itself says its keys are (OpenID Connect Discovery 1.0, section 4). */
const discovered = async (issuer: string, signal: AbortSignal): Promise<string> => {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const { value } = await fetchObject(url, signal);
  // Section 4.3: else somebody else's keys would speak for this issuer.
  if (value['issuer'] !== issuer) throw new NoKeys(`${url} is about another issuer`);
  const keysUrl = textAt(value, 'jwks_uri');
  // An issuer on the internet must not send us to what listens on this machine.
  if (keysUrl === null || !mayFetch(keysUrl, issuer))
    throw new NoKeys(`${url} names no jwks_uri with https`);
  return keysUrl;
};

const readFileBounded = async (path: string): Promise<string> => {
  const file = await open(path, 'r');
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(maxBytes + 1), 0, maxBytes + 1, 0);
    if (bytesRead > maxBytes) throw new NoKeys(`${path} has more than ${maxBytes} bytes`);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
};

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : error instanceof Error
      ? error.name
      : 'unknown';

const readText = async ({ issuer, keysFrom }: KeySource): Promise<string> => {
  if (keysFrom.kind === 'file') return readFileBounded(keysFrom.path);
  // Of both questions together, so that a slow issuer holds up nobody twice as long.
  const signal = AbortSignal.timeout(timeoutMs);
  const url = keysFrom.kind === 'url' ? keysFrom.url : await discovered(issuer, signal);
  return (await fetchObject(url, signal)).text;
};

/** The text of a JSON Web Key Set (RFC 7517). Rejects with `NoKeys`. */
export const readKeys = async (source: KeySource): Promise<string> => {
  try {
    const text = await readText(source);
    if (isObject(parseObject(text))) return text;
    throw new NoKeys('the keys are no JSON object');
  } catch (error) {
    if (error instanceof NoKeys) throw error;
    throw new NoKeys(`the keys could not be read (${codeOf(error)})`);
  }
};
