/** What went wrong upstream without a word of the provider: connections, clocks, replies that break off, clients that leave. */
import type { Fault } from '../model/fault.ts';

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

/** What is known of an attempt whose connection failed. */
export interface Failed {
  readonly status: number;
  /** Content had reached the client's side already. */
  readonly begun: boolean;
  /** The server had closed the connection before it read the request. */
  readonly wasUnread: boolean;
}

/** The connection failed. */
export const networkFault = (error: unknown, { status, begun, wasUnread }: Failed): Fault => {
  const code = codeOf(error);
  const rest = {
    status,
    recourse: 'again',
    retryAfterMs: null,
    mayBeBilled: !unsent.has(code) && !wasUnread,
    said: null,
  } as const;
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
    message: unsent.has(code)
      ? `The provider could not be reached (${code}).`
      : 'The connection to the provider was lost.',
  };
};

/**
 * A clock of ours that ended an attempt. `silence`: nothing has arrived for too long. `first_content`: what arrived was no
 * content. `total`: the attempt has taken too long.
 */
export type LateClock = 'silence' | 'first_content' | 'total';

/** How long each clock waits. */
export interface ClockTimes {
  readonly firstByteMs: number;
  readonly firstContentMs: number | null;
  readonly idleMs: number;
  readonly totalMs: number;
}

/** What a client and the ledger read of a clock that ran out. */
export const lateMessage = (
  clock: LateClock,
  { firstByteMs, firstContentMs, idleMs, totalMs }: ClockTimes,
  hasContent: boolean,
): string => {
  switch (clock) {
    case 'silence':
      return `The provider sent nothing within ${hasContent ? idleMs : firstByteMs} ms.`;
    case 'first_content':
      return `The provider sent no content within ${firstContentMs} ms.`;
    case 'total':
      return `The provider did not finish within ${totalMs} ms.`;
  }
};

/** One of our own clocks ran out. */
export const timeoutFault = (status: number, begun: boolean, message: string): Fault => ({
  kind: 'timeout',
  code: begun ? 'stream_stalled' : 'provider_timeout',
  status,
  message,
  recourse: 'again',
  retryAfterMs: null,
  mayBeBilled: true,
  said: null,
});

/** The body ended, and the reply in it had not. */
export const unendedFault = (status: number, begun: boolean): Fault => ({
  kind: 'network',
  code: begun ? 'stream_cut' : 'provider_invalid',
  status,
  message: 'The provider ended its reply before it was whole.',
  recourse: 'again',
  retryAfterMs: null,
  mayBeBilled: true,
  said: null,
});

/** The gateway is being stopped, and the time for calls to end is over. */
export const stoppedFault = (status: number, isSent: boolean): Fault => ({
  kind: 'gateway',
  code: 'gateway_stopped',
  status,
  message: 'The gateway was stopped before the reply was whole.',
  recourse: 'none',
  retryAfterMs: null,
  mayBeBilled: isSent,
  said: null,
});

/** There is no credential to call with: the server that gives them is away, or refuses. */
export const noCredentialFault: Fault = {
  kind: 'auth',
  code: 'provider_auth',
  status: 0,
  message: 'The gateway has no credential for the provider at the moment.',
  recourse: 'elsewhere',
  retryAfterMs: null,
  mayBeBilled: false,
  said: null,
};

/** The client left, or took nothing any more. `caller`, because a provider's error rate must not count it. */
export const abandonment = (status: number, isSlow: boolean): Fault => ({
  kind: 'caller',
  code: 'client_closed',
  status,
  message: isSlow ? 'The client stopped reading its reply.' : 'The client closed the connection.',
  recourse: 'none',
  retryAfterMs: null,
  mayBeBilled: true,
  said: null,
});
