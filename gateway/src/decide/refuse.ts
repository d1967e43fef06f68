/** Problems and faults -> what the client reads of them. */
import { errors, type ErrorCode } from '../contract/errors.ts';
import type { DialectName, Problem } from '../model/call.ts';
import type { Fault } from '../model/fault.ts';
import type { Refusal } from '../model/refusal.ts';

/** An error of our own table, with the words for this case. */
export const refusalFor = ({ code, message, param }: Problem): Refusal => ({
  code,
  message,
  param,
  status: errors[code].status,
  origin: errors[code].origin,
  retryAfterMs: null,
  headers: {},
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
export const refusalForFault = (fault: Fault, dialect: DialectName): Refusal => {
  const { code, message, retryAfterMs, said } = fault;
  const refusal = {
    ...refusalFor({ code, message, param: said?.param ?? null }),
    retryAfterMs,
    said,
  };
  const isBroken = errors[code].outcome === 'broken';
  if (said === null || isBroken) return refusal;
  const keeps =
    said.dialect === dialect || code === 'provider_refused' || commonStatuses.has(said.status);
  return keeps ? { ...refusal, status: said.status } : refusal;
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
