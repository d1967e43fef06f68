/**
 * Every way a call can end, and what that means to the wire, the trace and the log.
 * `status` is the default of an ending; a row of `errors.ts` may be more precise.
 */
// oxfmt-ignore
export const outcomes = {
  answered:     { status: 200, span: 'ok',    log: 'info' },
  abandoned:    { status: 499, span: 'unset', log: 'info' }, // the client hung up
  unidentified: { status: 401, span: 'unset', log: 'warn' },
  refused:      { status: 403, span: 'unset', log: 'warn' }, // the caller's own mistake, ours or the provider's word for it
  throttled:    { status: 429, span: 'unset', log: 'warn' },
  blocked:      { status: 400, span: 'unset', log: 'warn' },
  exhausted:    { status: 502, span: 'error', log: 'error' }, // no provider gave an answer
  broken:       { status: 502, span: 'error', log: 'error' }, // an answer began and did not end
  crashed:      { status: 500, span: 'error', log: 'error' }, // our bug, or our death
} as const;

export type OutcomeKind = keyof typeof outcomes;

/** Who is to blame for an error, as sent in `x-tollgate-error-origin`. */
export type ErrorOrigin = 'gateway' | 'provider' | 'network' | 'client';

/** How a streamed reply ended, and who ended it. Empty for a reply that was not a stream. */
export type StreamOutcome = '' | 'complete' | 'cut' | 'stalled' | 'abandoned' | 'failed';
