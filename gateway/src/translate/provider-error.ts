/** A provider's error answer -> the fault it is, and what the client may read of it. The one place where its words enter. */
import { knownName, judge, statusOfError } from '../decide/provider-errors.ts';
import { passingHeaders } from '../decide/reply-headers.ts';
import type { Told } from '../decide/told.ts';
import type { RefusalRow } from '../contract/provider-errors.ts';
import type { Failure } from '../model/delta.ts';
import type { Fault, ProviderError } from '../model/fault.ts';
import { header, type ReceivedHeaders } from '../model/headers.ts';
import { told as toldError } from '../dialects/errors.ts';
import { upstreamDialects, type UpstreamDialectName } from '../dialects/registry.ts';

/** An error status with all that came with it. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: ReceivedHeaders;
  /** As it came, decompressed; at most `maxErrorBytes` of it. */
  readonly body: Uint8Array;
  /** Nothing of the body is missing. */
  readonly whole: boolean;
}

/** Kept of an error's body; one that is larger is told in our own form. */
export const maxErrorBytes = 64 * 1024;

/** A provider that asks for more is not waited for anyway, and the client is told a number it can read. */
const maxRetryAfterMs = 86_400_000;

const first = (headers: ReceivedHeaders, name: string): string => header(headers, name) ?? '';

/**
 * How long the provider asks to wait, in milliseconds: `retry-after-ms`, or `retry-after` in whole or decimal seconds or
 * as a date. https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 */
export const retryAfterMs = (headers: ReceivedHeaders, nowMs: number): number | null => {
  const [exact, header] = [first(headers, 'retry-after-ms'), first(headers, 'retry-after')];
  const ms = exact === '' ? Number.NaN : Number(exact);
  if (Number.isFinite(ms) && ms >= 0) return Math.min(maxRetryAfterMs, Math.ceil(ms));
  if (header === '') return null;
  const seconds = Number(header);
  if (Number.isFinite(seconds))
    return seconds < 0 ? null : Math.min(maxRetryAfterMs, Math.round(seconds * 1000));
  // oxlint-disable-next-line no-restricted-globals -- reads a date that was given
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) ? null : Math.min(maxRetryAfterMs, Math.max(0, atMs - nowMs));
};

/** What may be written down of a refusal: a status, and a name that is in our own table. */
const ownWords = (row: RefusalRow, status: number, name: string): string => {
  const as = name === '' ? `status ${status}` : `status ${status}, ${name}`;
  switch (row.code) {
    case 'provider_auth':
      return `The provider refused the gateway's credential (${as}).`;
    case 'provider_account':
      return `The provider refused the gateway's account (${as}).`;
    case 'provider_refused':
      return `The provider refused the request (${as}).`;
    case 'provider_rate_limited':
    case 'provider_overloaded':
    case 'provider_timeout':
    case 'provider_error':
      return `The provider answered with an error (${as}).`;
  }
};

/** A page made for people (a proxy's `502 Bad Gateway`) is no answer of the API, and markup is not sent on. */
const isPage = (contentType: string, text: string): boolean =>
  /\bx?html\b/i.test(contentType) || /^\s*<(!doctype|html|head|body)\b/i.test(text);

const decoder = new TextDecoder('utf-8', { fatal: true });

/** The text of a body, or null when it is no text. */
const textOf = (body: Uint8Array): string | null => {
  try {
    return decoder.decode(body);
  } catch {
    return null;
  }
};

/**
 * The event of a stream in which a provider reports its error, as its client may read it: cleaned like every other error.
 * Null: it is no text, larger than errors are, or no report at all, and is told in our own form.
 */
export const toldEvent = (
  failure: Failure,
  event: Uint8Array,
  { clean, cut }: Told,
): Uint8Array | null => {
  if (failure.by === 'ours') return null;
  const text = event.length <= maxErrorBytes ? textOf(event) : null;
  if (text === null) {
    cut('error_body');
    return null;
  }
  const clear = clean(text);
  return clear === text ? event : new TextEncoder().encode(clear);
};

/**
 * The provider answered with an error status. Troubles of our own credential and account are told to the operator and
 * not to the caller; all else the caller reads as the provider wrote it, cleaned of every credential we know.
 */
export const refusalFault = (
  answer: ErrorAnswer,
  dialect: UpstreamDialectName,
  told: Told,
  nowMs: number,
): Fault => {
  const { status, headers, whole } = answer;
  const raw = textOf(answer.body);
  const text = raw === null ? '' : told.clean(raw);
  if (raw === null || !whole) told.cut('error_body');
  const contentType = told.clean(first(headers, 'content-type'));
  const page = isPage(contentType, text);
  const read = toldError(
    upstreamDialects[dialect].readError(page || !whole ? '' : text),
    told.clean,
  );
  const row = judge(status, read);
  const asItIs = raw !== null && raw !== '' && whole && !page;
  const said: ProviderError = {
    ...read,
    status,
    dialect,
    headers: passingHeaders(headers, told),
    body: asItIs
      ? {
          contentType: contentType === '' ? 'application/json' : contentType,
          bytes: text === raw ? answer.body : new TextEncoder().encode(text),
        }
      : null,
  };
  return {
    kind: row.kind,
    code: row.code,
    status,
    message: ownWords(row, status, knownName(read)),
    recourse: row.recourse,
    retryAfterMs: retryAfterMs(headers, nowMs),
    mayBeBilled: row.mayBeBilled,
    said: row.words === 'pass' ? said : null,
  };
};

/**
 * The provider reported an error inside a reply that had status 200, or its reply is none of its dialect.
 * @param begun content had reached the client's side already
 */
export const replyFault = (
  failure: Failure,
  reply: { readonly status: number; readonly dialect: UpstreamDialectName; readonly told: Told },
  begun: boolean,
): Fault => {
  const { status, dialect, told } = reply;
  const rest = { status, retryAfterMs: null, mayBeBilled: true } as const;
  if (failure.by === 'ours') {
    const code = begun ? 'stream_failed' : 'provider_invalid';
    const { message } = failure;
    if (failure.type === 'event_too_large') told.cut('event');
    if (failure.type === 'reply_too_large') told.cut('reply');
    return { ...rest, kind: 'server', code, message, recourse: 'again', said: null };
  }
  const amounts = statusOfError(failure);
  const row = judge(amounts, failure);
  const said: ProviderError = {
    status: amounts,
    dialect,
    ...toldError(failure, told.clean),
    headers: {},
    body: null,
  };
  const name = knownName(failure);
  return {
    ...rest,
    kind: row.kind,
    code: begun ? 'stream_failed' : row.code,
    message: `The provider reported an error inside its reply${name === '' ? '' : ` (${name})`}.`,
    recourse: row.recourse,
    said: row.words === 'pass' ? said : null,
  };
};
