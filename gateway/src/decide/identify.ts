import { hash } from 'node:crypto';
import type { Caller } from '../model/call.ts';
import { isTokenLike } from './tokens/read-token.ts';

/** Keys of clients are 256 random bits, so a plain hash keeps them safe at rest and quick to check. */
export const keyHash = (secret: string): string => hash('sha256', secret, 'hex');

/** What a client may have sent as its key, known or not. */
export const keysIn = (headers: {
  readonly authorization?: string | undefined;
  readonly 'x-api-key'?: string | readonly string[] | undefined;
}): readonly string[] => {
  const { authorization = '', 'x-api-key': apiKey = '' } = headers;
  return [authorization.replace(/^\w+ /, ''), ...(typeof apiKey === 'string' ? [apiKey] : apiKey)]
    .map((key) => key.trim())
    .filter((key) => key !== '');
};

/** Of a key: missing, malformed, unknown. Of a token: `token` (it is none), and what does not hold of it. */
export type AuthFailure =
  | 'missing'
  | 'malformed'
  | 'unknown'
  | 'token'
  | 'issuer'
  | 'algorithm'
  | 'signature'
  | 'audience'
  | 'expired'
  | 'not_yet_valid'
  | 'claims'
  | 'unavailable';

export interface Known {
  readonly kind: 'known';
  readonly caller: Caller;
  /** The end user that a token vouches for; empty: the one that the client names. */
  readonly user: string;
}

export interface Unknown {
  readonly kind: 'unknown';
  readonly reason: AuthFailure;
  /** What of the configuration the claims of a token do not fit. */
  readonly about?: string;
}

export type Identified = Known | Unknown;
/** A promise only for tokens: keys are known at once. */
export type Identifying = Identified | Promise<Identified>;

/** A longer header is no key of ours and is not worth hashing. */
const maxKeyChars = 512;
/** Keys seen and found valid, so that a busy caller is not hashed again; dropped whole when full. */
const maxRemembered = 10_000;

/**
 * Who is calling? Reads `Authorization: Bearer` or `x-api-key` (whichever the dialect uses) against known hashes. Keys
 * of two callers in one request are nobody's, a token and a key neither.
 * The returned function remembers valid keys; make a new one when the configuration changes.
 * @param stored whose secret it is, of those that no configuration names; null: nobody's
 * @param verify whose token is it? Null: nobody issues any, and what looks like one is a key like any other
 */
export const identifier = (
  callersByHash: ReadonlyMap<string, Caller>,
  stored: (secret: string) => Caller | null = () => null,
  verify: ((token: string) => Identifying) | null = null,
) => {
  const remembered = new Map<string, Caller>();

  const find = (secret: string): Caller | null => {
    const known = remembered.get(secret);
    if (known !== undefined) return known;
    // Whoever keeps keys elsewhere remembers busy ones, too, and may take one away at any moment.
    const kept = stored(secret);
    if (kept !== null) return kept;
    const caller = callersByHash.get(keyHash(secret));
    if (caller === undefined) return null;
    if (remembered.size >= maxRemembered) remembered.clear();
    remembered.set(secret, caller);
    return caller;
  };

  return (authorization: string | undefined, apiKey: string | undefined): Identifying => {
    const bearer =
      authorization !== undefined && /^bearer /i.test(authorization)
        ? authorization.slice(7).trim()
        : '';
    const key = (apiKey ?? '').trim();
    const secret = bearer === '' ? key : bearer;
    if (secret === '') {
      return { kind: 'unknown', reason: authorization === undefined ? 'missing' : 'malformed' };
    }
    if (verify !== null && bearer !== '' && isTokenLike(bearer)) {
      const isKeyToo = key !== '' && key.length <= maxKeyChars && find(key) !== null;
      return isKeyToo ? { kind: 'unknown', reason: 'malformed' } : verify(bearer);
    }
    if (secret.length > maxKeyChars) return { kind: 'unknown', reason: 'malformed' };
    const caller = find(secret);
    if (caller === null) return { kind: 'unknown', reason: 'unknown' };
    // A provider's own key beside ours is common and goes nowhere; two keys of ours are two callers.
    const another = key === '' || key === secret || key.length > maxKeyChars ? null : find(key);
    return another === null || another === caller
      ? { kind: 'known', caller, user: '' }
      : { kind: 'unknown', reason: 'malformed' };
  };
};
