/** Whose token is it? Signatures are judged by jose, once for each token; what follows from the claims by `decide/tokens/`. */
import { hash } from 'node:crypto';
import { errors, jwtVerify, type JWTPayload } from 'jose';
import type { Identified, Identifying, Known } from '../../decide/identify.ts';
import { callerOf } from '../../decide/tokens/claims.ts';
import { readToken } from '../../decide/tokens/read-token.ts';
import { remembered } from '../../decide/tokens/remembered.ts';
import type { Issuer } from '../../model/issuer.ts';
import type { Keys, KeySet } from './key-set.ts';

/** An issuer with its keys. */
export interface Trusted {
  readonly issuer: Issuer;
  readonly keySet: Pick<KeySet, 'current' | 'renewed'>;
}

type Verified =
  | { readonly kind: 'verified'; readonly payload: JWTPayload }
  /** No key of the set is the one that the token names. */
  | { readonly kind: 'unknown_key' }
  | {
      readonly kind: 'refused';
      readonly reason: 'signature' | 'audience' | 'expired' | 'not_yet_valid' | 'claims' | 'issuer';
    };

const refused = (reason: (Verified & { kind: 'refused' })['reason']): Verified => ({
  kind: 'refused',
  reason,
});

const ofClaim = (claim: string): Verified => {
  switch (claim) {
    case 'aud':
      return refused('audience');
    case 'iss':
      return refused('issuer');
    case 'nbf':
      return refused('not_yet_valid');
    default:
      return refused('claims');
  }
};

/** What jose says of a token. Whatever else it throws (a key of the set that is no key, or too short) is no signature either. */
const verdictOf = (error: unknown): Verified => {
  if (error instanceof errors.JWKSNoMatchingKey) return { kind: 'unknown_key' };
  if (error instanceof errors.JWTExpired) return refused('expired');
  if (error instanceof errors.JWTClaimValidationFailed) return ofClaim(error.claim);
  return refused('signature');
};

const verifyWith = async (
  keys: Keys,
  token: string,
  { issuer }: Trusted,
  nowMs: number,
): Promise<Verified> => {
  try {
    const { payload } = await jwtVerify(token, keys.find, {
      issuer: issuer.issuer,
      audience: [...issuer.audiences],
      algorithms: [...issuer.algorithms],
      clockTolerance: issuer.clockSkewMs / 1000,
      // A token that never ends could never be taken back.
      requiredClaims: ['exp'],
      currentDate: new Date(nowMs),
    });
    return { kind: 'verified', payload };
  } catch (error) {
    return verdictOf(error);
  }
};

/** With the keys that are there; and once more with fresh ones when the token names another. */
const verifyOnce = async (
  token: string,
  trusted: Trusted,
  nowMs: () => number,
): Promise<{ readonly verified: Verified; readonly keys: Keys } | null> => {
  const { keySet } = trusted;
  const keys = keySet.current() ?? (await keySet.renewed());
  if (keys === null) return null;
  const verified = await verifyWith(keys, token, trusted, nowMs());
  if (verified.kind !== 'unknown_key') return { verified, keys };
  const fresh = await keySet.renewed();
  if (fresh === null || fresh === keys) return { verified, keys };
  return { verified: await verifyWith(fresh, token, trusted, nowMs()), keys: fresh };
};

const unknown = (reason: Exclude<Identified, Known>['reason'], about?: string): Identified => ({
  kind: 'unknown',
  reason,
  ...(about === undefined ? {} : { about }),
});

/** @param nowMs wall clock, epoch milliseconds */
export const tokenVerifier = (
  trusted: readonly Trusted[],
  nowMs: () => number = () => Date.now(),
): ((token: string) => Identifying) => {
  const byIssuer = new Map(trusted.map((one) => [one.issuer.issuer, one]));
  const known = remembered<{ readonly keys: Keys; readonly of: Trusted }, Known>();
  /** A burst of calls with one new token verifies it once. */
  const verifying = new Map<string, Promise<Identified>>();

  const verify = async (token: string, digest: string, of: Trusted): Promise<Identified> => {
    const once = await verifyOnce(token, of, nowMs);
    if (once === null) return unknown('unavailable');
    const { verified, keys } = once;
    if (verified.kind === 'unknown_key') return unknown('signature');
    if (verified.kind === 'refused') return unknown(verified.reason);
    const claimed = callerOf(verified.payload, of.issuer);
    if (claimed.kind === 'bad') return unknown('claims', claimed.about);
    const { caller, user } = claimed;
    const value: Known = { kind: 'known', caller, user };
    const endsAtMs = (verified.payload.exp ?? 0) * 1000;
    known.keep(digest, { value, by: { keys, of }, endsAtMs });
    return value;
  };

  return (token) => {
    const digest = hash('sha256', token, 'base64url');
    const found = known.find(digest, ({ keys, of }) => of.keySet.current() === keys, nowMs());
    if (found !== null) return found;
    const read = readToken(token);
    if (read === null) return unknown('token');
    const of = byIssuer.get(read.issuer);
    if (of === undefined) return unknown('issuer');
    if (!of.issuer.algorithms.some((one) => one === read.algorithm)) return unknown('algorithm');
    const already = verifying.get(digest);
    if (already !== undefined) return already;
    const one = verify(token, digest, of).finally(() => verifying.delete(digest));
    verifying.set(digest, one);
    return one;
  };
};
