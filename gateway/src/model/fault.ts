import type { ErrorCode } from '../contract/errors.ts';

/** How an attempt at a provider failed, as metrics and ledger name it. */
export type FaultKind = 'server' | 'rate_limited' | 'timeout' | 'network' | 'auth' | 'caller';

export interface Fault {
  readonly kind: FaultKind;
  readonly code: ErrorCode;
  /** HTTP status of the provider; 0 when none arrived. */
  readonly status: number;
  readonly message: string;
  readonly param: string | null;
  /** What the provider asked for in `retry-after`. */
  readonly retryAfterMs: number | null;
  /** The provider may have worked on it and may bill it, although we have no usage: the request went out and no refusal came back. */
  readonly mayBeBilled: boolean;
}
