/** From an entry of `issuers`, whose fields are right one by one, to an issuer; or to what does not fit together. */
import { durationMs } from '@tollgate/settings/units.ts';
import { isKeyAddress } from '../decide/tokens/key-address.ts';
import type { Issuer, CallerText, ClaimSource, KeysFrom } from '../model/issuer.ts';
import type { Misfit } from './budget-of.ts';
import type { IssuerFields } from './schema-issuers.ts';

type Read<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'bad'; readonly misfit: Misfit };

const bad = (field: string, message: string) =>
  ({ kind: 'bad', misfit: { field, message } }) as const;

/** A name as it is, or a JSON Pointer (RFC 6901): names of claims hold dots, colons and slashes (`https://example.org/team`). */
export const claimPath = (text: string): readonly string[] =>
  text.startsWith('/')
    ? text
        .slice(1)
        .split('/')
        .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    : [text];

type Written = NonNullable<NonNullable<IssuerFields['claims']>['team']>;

const sourceOf = (written: Written): ClaimSource => {
  if (typeof written === 'string')
    return { kind: 'claim', path: claimPath(written), otherwise: null };
  return 'value' in written
    ? { kind: 'constant', value: written.value }
    : { kind: 'claim', path: claimPath(written.claim), otherwise: written.otherwise };
};

/** The words of the configuration for the fields of a caller. */
export const claimFields = {
  organization: 'org',
  team: 'team',
  application: 'app',
  namespace: 'namespace',
  environment: 'environment',
  costCenter: 'costCenter',
} as const satisfies Record<string, CallerText>;

const keysFromOf = ({ issuer, jwks, jwksFile }: IssuerFields): Read<KeysFrom> => {
  const must = 'must be an address with https, without a password and #; http only on this machine';
  if (jwks !== undefined && jwksFile !== undefined)
    return bad('jwksFile', "'jwks' and 'jwksFile' exclude each other");
  if (jwksFile !== undefined) return { kind: 'ok', value: { kind: 'file', path: jwksFile } };
  if (jwks !== undefined)
    return isKeyAddress(jwks)
      ? { kind: 'ok', value: { kind: 'url', url: jwks } }
      : bad('jwks', must);
  return isKeyAddress(issuer) && !issuer.includes('?')
    ? { kind: 'ok', value: { kind: 'discovery' } }
    : bad('issuer', `${must}; else say where its keys are: 'jwks' or 'jwksFile'`);
};

const claimsOf = ({ claims = {} }: IssuerFields): ReadonlyMap<CallerText, ClaimSource> => {
  const sources = new Map<CallerText, ClaimSource>();
  let field: keyof typeof claimFields;
  for (field in claimFields) {
    const written = claims[field];
    if (written !== undefined) sources.set(claimFields[field], sourceOf(written));
  }
  return sources;
};

/** A token that ended so long ago is over, whatever the clocks say. */
const longestSkewMs = 10 * 60_000;

/** What of an entry's fields does not fit together, or the issuer. */
export const issuerOf = (fields: IssuerFields): Read<Issuer> => {
  const keysFrom = keysFromOf(fields);
  if (keysFrom.kind === 'bad') return keysFrom;
  const { name, issuer, audience, algorithms, clockSkew, claims = {} } = fields;
  const { models = null, modelsFrom, required = {} } = fields;
  if (models !== null && modelsFrom !== undefined)
    return bad('modelsFrom', "'models' and 'modelsFrom' exclude each other");
  const clockSkewMs = durationMs(clockSkew) ?? 0;
  if (clockSkewMs > longestSkewMs) return bad('clockSkew', 'must be at most 10m');
  return {
    kind: 'ok',
    value: {
      name,
      issuer,
      audiences: typeof audience === 'string' ? [audience] : audience,
      keysFrom: keysFrom.value,
      algorithms,
      clockSkewMs,
      claims: claimsOf(fields),
      subject: sourceOf(claims.key ?? 'sub'),
      user: claims.user === undefined ? null : sourceOf(claims.user),
      required: Object.entries(required).map(([claim, value]) => ({
        path: claimPath(claim),
        value,
      })),
      models,
      modelsFrom: modelsFrom === undefined ? null : claimPath(modelsFrom),
    },
  };
};
