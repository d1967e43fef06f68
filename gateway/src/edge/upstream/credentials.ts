/** The credentials of one provider: those of the configuration, or short-lived ones that they are exchanged for. */
import { request } from 'undici';
import { isObject, parseObject } from '../../model/json.ts';
import type { Credentials, TokenRequest } from '../../providers/provider.ts';

export interface CredentialSource {
  /** A promise only while there is none that is still good. Rejects with `NoCredential`. */
  current(): Credentials | Promise<Credentials>;
  /** Short-lived ones that were had; another list when there is a new one. */
  tokens(): readonly string[];
}

/** A short-lived credential could not be had. The message is for the log: it holds no secret. */
export class NoCredential extends Error {}

/** A new one is asked for when the old one has so little left, while the old one still serves. */
const renewBeforeMs = 5 * 60_000;
/** After a failure nobody asks again for so long; calls fail meanwhile, or use the one that is still good. */
const restMs = 1_000;
const timeoutMs = 10_000;
const maxReplyBytes = 64 * 1024;
/** Taken out of what providers say. */
const maxTokens = 4;

interface Lease {
  readonly credentials: Credentials;
  /** Wall clock, epoch milliseconds. */
  readonly endsAtMs: number;
}

/** Asks an OAuth server or its like, as `asked` says. */
export const fetchToken = async ({ url, headers, body }: TokenRequest): Promise<unknown> => {
  const signal = AbortSignal.timeout(timeoutMs);
  const reply = await request(url, { method: 'POST', headers, body, signal });
  let text = '';
  for await (const chunk of reply.body.setEncoding('utf8')) {
    text += String(chunk);
    if (text.length > maxReplyBytes) throw new NoCredential('the token server answered too much');
  }
  if (reply.statusCode !== 200)
    throw new NoCredential(`the token server answered with status ${reply.statusCode}`);
  return parseObject(text);
};

/**
 * Credentials that are exchanged for short-lived ones, renewed before they end. Many calls that need one at the same time
 * ask once.
 */
export const renewed = (
  asked: TokenRequest,
  world: {
    fetch(asked: TokenRequest): Promise<unknown>;
    /** Wall clock, epoch milliseconds. */
    nowMs(): number;
    onFailed(error: NoCredential): void;
  },
): CredentialSource => {
  let lease: Lease | null = null;
  let tokens: readonly string[] = [];
  let asking: Promise<Credentials> | null = null;
  let failure: { readonly error: NoCredential; readonly untilMs: number } | null = null;

  const ask = async (): Promise<Credentials> => {
    try {
      const reply = await world.fetch(asked);
      const token = isObject(reply) ? asked.read(reply) : null;
      if (token === null) throw new NoCredential('the token server answered something else');
      lease = { credentials: token.credentials, endsAtMs: world.nowMs() + token.livesMs };
      failure = null;
      // An answer may still quote the one before.
      tokens = [...Object.values(token.credentials), ...tokens].slice(0, maxTokens);
      return token.credentials;
    } catch (error) {
      const known =
        error instanceof NoCredential
          ? error
          : new NoCredential(`the token server could not be reached (${nameOf(error)})`);
      failure = { error: known, untilMs: world.nowMs() + restMs };
      world.onFailed(known);
      throw known;
    } finally {
      asking = null;
    }
  };

  return {
    current() {
      const nowMs = world.nowMs();
      const rests = failure !== null && nowMs < failure.untilMs;
      if (lease !== null && nowMs < lease.endsAtMs) {
        if (nowMs >= lease.endsAtMs - renewBeforeMs && asking === null && !rests) {
          asking = ask();
          // Whoever waits for it hears of it; nobody has to.
          asking.catch(() => {});
        }
        return lease.credentials;
      }
      if (failure !== null && rests) return Promise.reject(failure.error);
      return (asking ??= ask());
    },
    tokens: () => tokens,
  };
};

/** The code of a system's error; its message may name the address with what stands in it. */
const nameOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : error instanceof Error
      ? error.name
      : 'unknown';
