import { plain } from '../decide/refuse.ts';
import type { DialectName, Problem } from '../model/call.ts';
import type { Refusal } from '../model/refusal.ts';
import { clientDialects } from '../dialects/registry.ts';
import { headerText } from '../decide/header-text.ts';

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
  refusal: Refusal,
  dialect: DialectName,
): { readonly contentType: string; readonly bytes: Uint8Array } =>
  refusal.said?.dialect === dialect && refusal.said.body !== null
    ? refusal.said.body
    : {
        contentType: 'application/json',
        bytes: Buffer.from(JSON.stringify(clientDialects[dialect].error(refusal))),
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
  refusal: Refusal,
  dialect: DialectName,
): { readonly headers: Readonly<Record<string, string>>; readonly body: Uint8Array } => {
  const { contentType, bytes } = bodyOf(refusal, dialect);
  return {
    headers: {
      ...refusal.headers,
      ...refusal.said?.headers,
      'content-type': headerText(contentType),
      'content-length': String(bytes.length),
      'x-tollgate-error-origin': refusal.origin,
      'x-tollgate-error-code': refusal.code,
      ...retryHeaders(refusal.retryAfterMs),
    },
    body: bytes,
  };
};
