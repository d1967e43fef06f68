import { createHmac } from 'node:crypto';
import type { Problem } from '../model/call.ts';
import type { Identity } from '../model/settlement.ts';

/** Longest value of any of these; a longer one is the client's mistake and is said so. */
const maxChars = 256;
const maxTagKeyChars = 64;
const maxBaggageChars = 8192;

/** Keys under which SDKs put the same things into baggage. */
// oxfmt-ignore
const wellKnown: ReadonlyMap<string, 'agent' | 'session' | 'user'> = new Map([
  ['gen_ai.agent.name', 'agent'], ['gen_ai.conversation.id', 'session'], ['session.id', 'session'],
  ['enduser.id', 'user'], ['user.id', 'user'],
]);

interface Headers {
  readonly agent: string | undefined;
  readonly session: string | undefined;
  readonly user: string | undefined;
  readonly tags: string | undefined;
  readonly baggage: string | undefined;
}

export type Identities =
  | { readonly kind: 'ok'; readonly identity: Identity }
  | { readonly kind: 'bad'; readonly problem: Problem };

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** Members of a `baggage` header, properties left out; what is not `key=value` is skipped, as the specification asks. */
const baggageMembers = (header: string): readonly (readonly [string, string])[] =>
  header.length > maxBaggageChars
    ? []
    : header.split(',').flatMap((member) => {
        const [pair = ''] = member.split(';');
        const at = pair.indexOf('=');
        const key = pair.slice(0, at).trim();
        return at < 1 || key === '' ? [] : [[key, decoded(pair.slice(at + 1).trim())] as const];
      });

const problem = (param: string, message: string): Identities => ({
  kind: 'bad',
  problem: { code: 'invalid_value', message, param },
});

type Tags =
  | { readonly kind: 'ok'; readonly tags: Map<string, string> }
  | { readonly kind: 'bad'; readonly message: string };

const readTags = (header: string, maxTags: number): Tags => {
  const tags = new Map<string, string>();
  for (const part of header.split(',')) {
    if (part.trim() === '') continue;
    const at = part.indexOf('=');
    const key = part.slice(0, at).trim();
    const value = part.slice(at + 1).trim();
    if (at < 1 || key === '' || key.length > maxTagKeyChars || value.length > maxChars) {
      return {
        kind: 'bad',
        message: `x-tollgate-tags must be k=v,k=v with keys of at most ${maxTagKeyChars} and values of at most ${maxChars} characters.`,
      };
    }
    tags.set(key, value);
    if (tags.size > maxTags) {
      return { kind: 'bad', message: `x-tollgate-tags may hold at most ${maxTags} tags.` };
    }
  }
  return { kind: 'ok', tags };
};

/** Of a hash in hex: 128 bits. */
const hashChars = 32;

/**
 * How the names of end users are written down: as HMAC-SHA-256 (RFC 2104) with a key, or, without one, as they are. A name
 * that was not given stays empty.
 */
export const userNames =
  (key: string | null): ((name: string) => string) =>
  (name) =>
    key === null || name === ''
      ? name
      : createHmac('sha256', key).update(name).digest('hex').slice(0, hashChars);

/**
 * Which agent, session and end user stands behind a call, and its tags. Headers win over baggage; baggage members of
 * no known name become tags while there is room. A header that is too long or malformed is a problem, not cut.
 */
export const identity = (
  headers: Headers,
  {
    maxTags,
    userName,
    user = '',
  }: {
    readonly maxTags: number;
    readonly userName: (name: string) => string;
    /** The end user that a token vouches for, which counts before what the client says; empty: none. */
    readonly user?: string;
  },
): Identities => {
  const said = { agent: '', session: '', user: '' };
  const read = readTags(headers.tags ?? '', maxTags);
  if (read.kind === 'bad') return problem('x-tollgate-tags', read.message);
  const { tags } = read;
  for (const [key, value] of baggageMembers(headers.baggage ?? '')) {
    if (value.length > maxChars || key.length > maxTagKeyChars) continue;
    const known = wellKnown.get(key);
    if (known !== undefined) said[known] = value;
    else if (tags.size < maxTags && !tags.has(key)) tags.set(key, value);
  }
  for (const name of ['agent', 'session', 'user'] as const) {
    const value = headers[name] ?? '';
    if (value.length > maxChars) {
      return problem(
        `x-tollgate-${name}`,
        `x-tollgate-${name} may have at most ${maxChars} characters.`,
      );
    }
    if (value !== '') said[name] = value;
  }
  if (user !== '') said.user = user;
  // Built from entries, so that a tag called `__proto__` is a tag.
  return {
    kind: 'ok',
    identity: { ...said, user: userName(said.user), tags: Object.fromEntries(tags) },
  };
};
