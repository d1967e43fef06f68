/**
 * Every way a call can end, and what that means to the wire, the trace, the log and the bill.
 * `status` and `error` are the defaults of an ending; a row of `errors.ts` may be more precise.
 */
// oxfmt-ignore
export const outcomes = {
  answered:     { status: 200, span: 'ok',    log: 'info',  mayCost: true  },
  abandoned:    { status: 499, span: 'unset', log: 'info',  mayCost: true  }, // the client hung up
  unidentified: { status: 401, span: 'unset', log: 'warn',  mayCost: false },
  refused:      { status: 403, span: 'unset', log: 'warn',  mayCost: false }, // the caller's own mistake, ours or the provider's word for it
  throttled:    { status: 429, span: 'unset', log: 'warn',  mayCost: true  }, // nothing, unless it was between two attempts
  blocked:      { status: 400, span: 'unset', log: 'warn',  mayCost: true  },
  exhausted:    { status: 502, span: 'error', log: 'error', mayCost: true  }, // no provider gave an answer
  broken:       { status: 502, span: 'error', log: 'error', mayCost: true  }, // an answer began and did not end
  crashed:      { status: 500, span: 'error', log: 'error', mayCost: true  }, // our bug, or our death
} as const;

export type OutcomeKind = keyof typeof outcomes;

/** Who is to blame for an error, as sent in `x-tollgate-error-origin`. */
export type ErrorOrigin = 'gateway' | 'provider' | 'network' | 'client';

/** How a streamed reply ended, and who ended it. Empty for a reply that was not a stream. */
export type StreamOutcome = '' | 'complete' | 'cut' | 'stalled' | 'abandoned' | 'failed';
