import { errors, type ErrorCode } from '../../contract/errors.ts';
import type { DialectName, Problem } from '../../model/call.ts';
import type { CallError, Fault } from '../../model/fault.ts';
import { dialects } from '../../providers/dialects/registry.ts';
import { headerText } from './header-text.ts';

/** An error of our own table, with the words for this case. */
export const errorOf = ({ code, message, param }: Problem): CallError => ({
  code,
  message,
  param,
  status: errors[code].status,
  origin: errors[code].origin,
  retryAfterMs: null,
  said: null,
});

/** Statuses that mean the same to clients of every dialect. */
const commonStatuses: ReadonlySet<number> = new Set([
  400, 404, 408, 409, 413, 415, 422, 429, 500, 502, 503, 504,
]);

/**
 * A provider's fault as the client reads it: with the provider's status and words where they may pass. A status that only
 * the provider's dialect knows (529, 498) is said in the nearest one that all know to a client of another.
 */
export const errorOfFault = (fault: Fault, dialect: DialectName): CallError => {
  const { code, message, retryAfterMs, said } = fault;
  const error = { ...errorOf({ code, message, param: said?.param ?? null }), retryAfterMs, said };
  const isBroken = errors[code].outcome === 'broken';
  if (said === null || isBroken) return error;
  const keeps =
    said.dialect === dialect || code === 'provider_refused' || commonStatuses.has(said.status);
  return keeps ? { ...error, status: said.status } : error;
};

/** Words for codes that need no detail. */
// oxfmt-ignore
const plainMessages = {
  invalid_api_key: 'The API key is missing or not valid. Send a key of this gateway as `Authorization: Bearer ...` or `x-api-key`.',
  unsupported_media: 'The request body must be application/json, not compressed.',
  invalid_json: 'The request body could not be read.',
  client_closed: 'The client closed the connection before its request was whole.',
  draining: 'This gateway is shutting down.',
  too_many_calls: 'This gateway has reached its limit of calls in flight (limits.callsInFlight).',
  too_many_bytes: 'The bodies of calls in flight take all the memory that this gateway has for them (limits.bodiesInFlight).',
  too_many_bytes_of_key: 'The bodies of the calls of this key in flight take all the memory that one key may have (limits.bodiesPerKey).',
  ledger_full: 'The ledger cannot take another call: its spool is full or its disk refuses to write.',
  record_damaged: 'The record of how this call ended is damaged.',
  internal_error: 'The gateway failed on this call. Its call id names it in the log.',
} as const satisfies Partial<Record<ErrorCode, string>>;

/** A problem that is the same for every request. */
export const plain = (code: keyof typeof plainMessages): Problem => ({
  code,
  message: plainMessages[code],
  param: null,
});

/** The server's own refusal of a body; `bodyBytes` is its limit. */
export const bodyProblem = (
  error: { readonly statusCode?: number },
  bodyBytes: number | undefined,
): Problem => {
  const { statusCode = 500 } = error;
  if (statusCode === 413) {
    return {
      code: 'body_too_large',
      message: `The request body is larger than ${bodyBytes} bytes (limits.body).`,
      param: null,
    };
  }
  if (statusCode === 415) return plain('unsupported_media');
  return plain(statusCode < 500 ? 'invalid_json' : 'internal_error');
};

/** The body of an error: the provider's own for a client of its dialect, else one in the shape of the client's dialect. */
const bodyOf = (
  error: CallError,
  dialect: DialectName,
): { readonly contentType: string; readonly bytes: Uint8Array } =>
  error.said?.dialect === dialect && error.said.body !== null
    ? error.said.body
    : {
        contentType: 'application/json',
        bytes: Buffer.from(JSON.stringify(dialects[dialect].error(error))),
      };

const retryHeaders = (retryAfterMs: number | null): Record<string, string> =>
  retryAfterMs === null
    ? {}
    : {
        'retry-after': String(Math.ceil(retryAfterMs / 1000)),
        // Seconds cannot say it exactly; the official SDKs read this one first.
        ...(retryAfterMs % 1000 === 0 ? {} : { 'retry-after-ms': String(retryAfterMs) }),
      };

/** An error's headers and body, as the client's dialect has them. */
export const rendered = (
  error: CallError,
  dialect: DialectName,
): { readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array } => {
  const { contentType, bytes } = bodyOf(error, dialect);
  return {
    headers: {
      ...error.said?.headers,
      'content-type': headerText(contentType),
      'content-length': String(bytes.length),
      'x-tollgate-error-origin': error.origin,
      'x-tollgate-error-code': error.code,
      ...retryHeaders(error.retryAfterMs),
    },
    body: bytes,
  };
};
