/** What a token says, once its signature, issuer, audience and times are right -> who calls, or which claim is not as it must be. */
import type { Caller } from '../../model/call.ts';
import type { CallerText, ClaimSource, Issuer } from '../../model/issuer.ts';

/** As long as what headers say of agent and user (`decide/identity.ts`). */
const maxChars = 256;
const maxModels = 1000;
/**
 * Text on one line that reads as it is written: no control characters, no half of a pair, nothing that turns the direction of
 * reading or has no width, since these texts stand in rows, labels and logs that people read.
 */
const readable = /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\u200B\u2060\uFEFF]+$/u;
const modelName = /^[^\s*\p{Cc}\p{Cs}]{0,200}\*?$/u;

export interface TokenCaller {
  readonly kind: 'caller';
  readonly caller: Caller;
  /** The end user; empty: the token does not say. */
  readonly user: string;
}

/** `about`: what of the configuration the claims do not fit, such as `claims.team`; nothing of the token. */
export type Claimed = TokenCaller | { readonly kind: 'bad'; readonly about: string };

/** The value at a path; undefined: there is none. Only what stands in the token itself, never what objects have by birth. */
const at = (claims: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((inner, part) => {
    if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, part))
      return undefined;
    if (Array.isArray(inner) && !/^(0|[1-9]\d*)$/.test(part)) return undefined;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- has such a property, of an unknown type
    return (inner as Readonly<Record<string, unknown>>)[part];
  }, claims);

/** A claim as text: undefined when it is not there, null when it is none that may be written down. */
const textAt = (claims: unknown, path: readonly string[]): string | null | undefined => {
  const value = at(claims, path);
  if (value === undefined || value === null || value === '') return undefined;
  // Numbers have one reading as long as they are whole and small enough; ids often are.
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  return typeof text === 'string' && text.length <= maxChars && readable.test(text) ? text : null;
};

const from = (claims: unknown, source: ClaimSource): string | null => {
  if (source.kind === 'constant') return source.value;
  const text = textAt(claims, source.path);
  return text === undefined ? source.otherwise : text;
};

/** Of ASCII only, and never equal for two subjects: what is not plain is written as in an address, and `%` with it. */
const plain = (subject: string): string =>
  encodeURIComponent(subject).replace(/%(?:3A|40|2F|7C|2B|3D|2C)/g, decodeURIComponent);

/** A list of texts, or one text with spaces between them (RFC 8693, section 4.2, writes scopes so). */
const modelsAt = (claims: unknown, path: readonly string[]): readonly string[] | null => {
  const value = at(claims, path);
  const names: unknown = typeof value === 'string' ? value.split(' ').filter(Boolean) : value;
  if (!Array.isArray(names) || names.length === 0 || names.length > maxModels) return null;
  const texts = names.filter(
    (name): name is string => typeof name === 'string' && name !== '' && modelName.test(name),
  );
  return texts.length === names.length ? texts : null;
};

/** The words of the configuration for the fields of a caller. */
const wordFor = {
  org: 'organization',
  team: 'team',
  app: 'application',
  namespace: 'namespace',
  environment: 'environment',
  costCenter: 'costCenter',
} as const satisfies Record<CallerText, string>;

const holds = (claim: unknown, wanted: string | number | boolean): boolean =>
  Array.isArray(claim) ? claim.includes(wanted) : claim === wanted;

/** Who calls, by the claims of a verified token. */
export const callerOf = (claims: unknown, issuer: Issuer): Claimed => {
  const bad = (about: string): Claimed => ({ kind: 'bad', about });
  for (const { path, value } of issuer.required)
    if (!holds(at(claims, path), value)) return bad('required');
  const subject = from(claims, issuer.subject);
  const id = subject === null || subject === '' ? null : plain(subject);
  if (id === null || id.length > maxChars) return bad('claims.key');
  const texts: Record<CallerText, string> = {
    org: '',
    team: '',
    app: '',
    namespace: '',
    environment: '',
    costCenter: '',
  };
  for (const [field, source] of issuer.claims) {
    const text = from(claims, source);
    if (text === null) return bad(`claims.${wordFor[field]}`);
    texts[field] = text;
  }
  const user = issuer.user === null ? '' : from(claims, issuer.user);
  if (user === null) return bad('claims.user');
  const models = issuer.modelsFrom === null ? issuer.models : modelsAt(claims, issuer.modelsFrom);
  if (models === null && issuer.modelsFrom !== null) return bad('modelsFrom');
  return {
    kind: 'caller',
    caller: { keyId: `jwt:${issuer.name}:${id}`, ...texts, models },
    user,
  };
};
