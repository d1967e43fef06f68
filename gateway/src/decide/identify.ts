import { hash } from 'node:crypto';
import type { Caller } from '../model/call.ts';

/** Keys of clients are 256 random bits, so a plain hash keeps them safe at rest and quick to check. */
export const keyHash = (secret: string): string => hash('sha256', secret, 'hex');

export type AuthFailure = 'missing' | 'malformed' | 'unknown';
export type Identified =
  | { readonly kind: 'known'; readonly caller: Caller }
  | { readonly kind: 'unknown'; readonly reason: AuthFailure };

/** A longer header is no key of ours and is not worth hashing. */
const maxKeyChars = 512;
/** Keys seen and found valid, so that a busy caller is not hashed again; dropped whole when full. */
const maxRemembered = 10_000;

/**
 * Who is calling? Reads `Authorization: Bearer` or `x-api-key` (whichever the dialect uses) against known hashes.
 * The returned function remembers valid keys; make a new one when the configuration changes.
 */
export const identifier = (callersByHash: ReadonlyMap<string, Caller>) => {
  const remembered = new Map<string, Caller>();
  return (authorization: string | undefined, apiKey: string | undefined): Identified => {
    const bearer =
      authorization !== undefined && /^bearer /i.test(authorization)
        ? authorization.slice(7).trim()
        : '';
    const secret = bearer === '' ? (apiKey ?? '').trim() : bearer;
    if (secret === '') {
      return { kind: 'unknown', reason: authorization === undefined ? 'missing' : 'malformed' };
    }
    if (secret.length > maxKeyChars) return { kind: 'unknown', reason: 'malformed' };
    const known = remembered.get(secret);
    if (known !== undefined) return { kind: 'known', caller: known };
    const caller = callersByHash.get(keyHash(secret));
    if (caller === undefined) return { kind: 'unknown', reason: 'unknown' };
    if (remembered.size >= maxRemembered) remembered.clear();
    remembered.set(secret, caller);
    return { kind: 'known', caller };
  };
};
