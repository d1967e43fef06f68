/** What went wrong upstream, in our words: from an HTTP status, a library error, or a reply that said so itself. */
import type { ErrorCode } from '../../contract/errors.ts';
import type { Fault, FaultKind } from '../../model/fault.ts';

const maxMessageChars = 500;

interface Shape {
  readonly kind: FaultKind;
  readonly code: ErrorCode;
}

/** 529 is Anthropic's "overloaded": https://docs.anthropic.com/en/api/errors */
const ofStatus = (status: number): Shape => {
  if (status === 401 || status === 403) return { kind: 'auth', code: 'provider_auth' };
  if (status === 429) return { kind: 'rate_limited', code: 'provider_rate_limited' };
  if (status === 408 || status === 504) return { kind: 'timeout', code: 'provider_timeout' };
  if (status === 503 || status === 529) return { kind: 'server', code: 'provider_overloaded' };
  if (status >= 400 && status < 500) return { kind: 'caller', code: 'provider_refused' };
  return { kind: 'server', code: 'provider_error' };
};

/** A provider that asks for more is not waited for anyway, and the client is told a number it can read. */
const maxRetryAfterMs = 86_400_000;

/** `retry-after` as milliseconds: whole or decimal seconds, or a date. https://www.rfc-editor.org/rfc/rfc9110#field.retry-after */
export const retryAfterMs = (header: string | undefined, nowMs: number): number | null => {
  if (header === undefined || header === '') return null;
  const seconds = Number(header);
  if (Number.isFinite(seconds))
    return seconds < 0 ? null : Math.min(maxRetryAfterMs, Math.round(seconds * 1000));
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) ? null : Math.min(maxRetryAfterMs, Math.max(0, atMs - nowMs));
};

/** The provider answered with an error status. Our credential's troubles are told to the operator, not to the caller. */
export const statusFault = (
  status: number,
  said: { readonly message: string; readonly param: string | null },
  waitMs: number | null,
): Fault => {
  const shape = ofStatus(status);
  const message =
    shape.kind === 'auth'
      ? `The provider refused the gateway's credential (status ${status}).`
      : said.message.slice(0, maxMessageChars) || `The provider answered with status ${status}.`;
  return {
    ...shape,
    status,
    message,
    param: shape.kind === 'caller' ? said.param : null,
    retryAfterMs: waitMs,
    mayBeBilled: false,
  };
};

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/** Errors that happen before a request can have left: nobody bills those. */
const unsent = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'CERT_HAS_EXPIRED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
]);

/** The connection failed. `begun`: content had reached the client's side already. */
export const networkFault = (error: unknown, status: number, begun: boolean): Fault => {
  const code = codeOf(error);
  const rest = { status, param: null, retryAfterMs: null, mayBeBilled: !unsent.has(code) };
  if (code === 'UND_ERR_BODY_TIMEOUT') {
    return {
      ...rest,
      kind: 'timeout',
      code: begun ? 'stream_stalled' : 'provider_timeout',
      message: 'The provider stopped sending.',
    };
  }
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') {
    return {
      ...rest,
      kind: 'timeout',
      code: 'provider_timeout',
      message: 'The provider could not be reached in time.',
    };
  }
  if (begun) {
    return {
      ...rest,
      kind: 'network',
      code: 'stream_cut',
      message: 'The provider closed the connection in the middle of its reply.',
    };
  }
  return {
    ...rest,
    kind: 'network',
    code: 'provider_unreachable',
    message: rest.mayBeBilled
      ? 'The connection to the provider was lost.'
      : `The provider could not be reached (${code}).`,
  };
};

/** One of our own clocks ran out. */
export const timeoutFault = (status: number, begun: boolean, message: string): Fault => ({
  kind: 'timeout',
  code: begun ? 'stream_stalled' : 'provider_timeout',
  status,
  message,
  param: null,
  retryAfterMs: null,
  mayBeBilled: true,
});

/** The provider reported an error inside a reply that had status 200, or its reply is none of its dialect. */
export const replyFault = (
  failure: { readonly type: string; readonly message: string },
  status: number,
  begun: boolean,
): Fault => {
  const rest = {
    kind: 'server',
    status,
    param: null,
    retryAfterMs: null,
    mayBeBilled: true,
  } as const;
  const message = failure.message.slice(0, maxMessageChars);
  if (begun) return { ...rest, code: 'stream_failed', message };
  switch (failure.type) {
    case 'overloaded_error':
      return { ...rest, code: 'provider_overloaded', message };
    case 'rate_limit_error':
      return { ...rest, kind: 'rate_limited', code: 'provider_rate_limited', message };
    case 'invalid_reply':
    case 'invalid_event':
    case 'reply_too_large':
    case 'event_too_large':
      return { ...rest, code: 'provider_invalid', message };
    default:
      return { ...rest, code: 'provider_error', message };
  }
};

/** The body ended, and the reply in it had not. */
export const unendedFault = (status: number, begun: boolean): Fault => ({
  kind: 'network',
  code: begun ? 'stream_cut' : 'provider_invalid',
  status,
  message: 'The provider ended its reply before it was whole.',
  param: null,
  retryAfterMs: null,
  mayBeBilled: true,
});

/** The client left. `caller`, because a provider's error rate must not count it. */
export const abandonment = (status: number): Fault => ({
  kind: 'caller',
  code: 'client_closed',
  status,
  message: 'The client closed the connection.',
  param: null,
  retryAfterMs: null,
  mayBeBilled: true,
});
