/** Who signs tokens that clients may send in place of a key, and what becomes of their claims. */
import type { Caller } from './call.ts';

/** Signatures with a key pair. `none` and HMAC are left out for good: whoever may verify an HMAC may make one. */
export const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;
export type Algorithm = (typeof algorithms)[number];

/** Fields of a caller that a claim may fill; `keyId` is made of the issuer's name and `subject`. */
export type CallerText = Exclude<keyof Caller, 'keyId' | 'models'>;

/** Where a text comes from. `path`: names and places in lists, from the outside inwards. */
export type ClaimSource =
  | { readonly kind: 'constant'; readonly value: string }
  | {
      readonly kind: 'claim';
      readonly path: readonly string[];
      /** For tokens without the claim; null: they are refused. */
      readonly otherwise: string | null;
    };

/** Where the public keys of an issuer are. */
export type KeysFrom =
  | { readonly kind: 'discovery' }
  | { readonly kind: 'url'; readonly url: string }
  /** As it is written: relative to the configuration. */
  | { readonly kind: 'file'; readonly path: string };

export interface Issuer {
  /** Names it in ids of callers, metrics and logs. */
  readonly name: string;
  /** What `iss` says, to the letter. */
  readonly issuer: string;
  /** One of these must be in `aud`. */
  readonly audiences: readonly string[];
  readonly keysFrom: KeysFrom;
  readonly algorithms: readonly Algorithm[];
  readonly clockSkewMs: number;
  /** Fields that are not here stay empty. */
  readonly claims: ReadonlyMap<CallerText, ClaimSource>;
  /** Who it is, among those of this issuer. */
  readonly subject: ClaimSource;
  /** The end user; null: the one that the client names. */
  readonly user: ClaimSource | null;
  /** Claims that must be equal, or a list that holds the value. */
  readonly required: readonly {
    readonly path: readonly string[];
    readonly value: string | number | boolean;
  }[];
  /** What its callers may use; null: all. */
  readonly models: readonly string[] | null;
  /** The claim that lists it, in place of `models`. */
  readonly modelsFrom: readonly string[] | null;
}
