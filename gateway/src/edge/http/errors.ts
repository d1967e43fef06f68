import { errors, type ErrorCode } from '../../contract/errors.ts';
import type { CallError, DialectName, Problem } from '../../model/call.ts';
import type { Fault } from '../../model/fault.ts';
import { dialects } from '../../providers/dialects/registry.ts';

/** An error of our own table, with the words for this case. */
export const errorOf = ({ code, message, param }: Problem): CallError => ({
  code,
  message,
  param,
  status: errors[code].status,
  origin: errors[code].origin,
  retryAfterSeconds: null,
});

/** A provider's fault as the client reads it. A refusal of the client's own request keeps the provider's status. */
export const errorOfFault = ({ code, message, param, status, retryAfterMs }: Fault): CallError => ({
  ...errorOf({ code, message, param }),
  status: code === 'provider_refused' && status >= 400 ? status : errors[code].status,
  retryAfterSeconds: retryAfterMs === null ? null : Math.ceil(retryAfterMs / 1000),
});

/** Words for codes that need no detail. */
// oxfmt-ignore
const plainMessages = {
  invalid_api_key: 'The API key is missing or not valid. Send a key of this gateway as `Authorization: Bearer ...` or `x-api-key`.',
  unsupported_media: 'The request body must be application/json, not compressed.',
  invalid_json: 'The request body could not be read.',
  client_closed: 'The client closed the connection before its request was whole.',
  draining: 'This gateway is shutting down.',
  too_many_calls: 'This gateway has reached its limit of calls in flight (limits.callsInFlight).',
  ledger_full: 'The ledger cannot take another call: its spool is full or its disk refuses to write.',
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

/** An error's headers and body, in the shape of the dialect that the client speaks. */
export const rendered = (
  error: CallError,
  dialect: DialectName,
): { readonly headers: Readonly<Record<string, string>>; readonly body: Buffer } => {
  const body = Buffer.from(JSON.stringify(dialects[dialect].error(error)));
  return {
    headers: {
      'content-type': 'application/json',
      'content-length': String(body.length),
      'x-tollgate-error-origin': error.origin,
      ...(error.retryAfterSeconds === null
        ? {}
        : { 'retry-after': String(error.retryAfterSeconds) }),
    },
    body,
  };
};
