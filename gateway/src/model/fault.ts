import type { ErrorCode } from '../contract/errors.ts';
import type { Recourse, RefusalRow } from '../contract/provider-errors.ts';

/**
 * How an attempt at a provider failed, as metrics and ledger name it. `gateway` is no failure of the provider: we ended
 * the attempt ourselves.
 */
export type FaultKind = RefusalRow['kind'] | 'gateway';

/**
 * A provider's own account of its error, cleaned of every credential that we know. It is for the client alone: it may
 * quote the prompt, so nothing of it is written down.
 */
export interface ProviderError {
  /** The provider's HTTP status, or the one that its error inside a reply amounts to. */
  readonly status: number;
  /** The name of the dialect that its answer is in. */
  readonly dialect: string;
  /** Empty where it said none. */
  readonly type: string;
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
  /** Headers of its answer that pass, under the names under which they pass. */
  readonly headers: Readonly<Record<string, string>>;
  /** Its answer as it is, for a client of the same dialect; null: it can only be said again in our form. */
  readonly body: { readonly contentType: string; readonly bytes: Uint8Array } | null;
}

export interface Fault {
  readonly kind: FaultKind;
  readonly code: ErrorCode;
  /** HTTP status of the provider; 0 when none arrived. */
  readonly status: number;
  /** In our own words, which may be written down. */
  readonly message: string;
  readonly recourse: Recourse;
  /** What the provider asked for in `retry-after`. */
  readonly retryAfterMs: number | null;
  /** The provider may have worked on it and may bill it, although we have no usage: the request went out and no refusal came back. */
  readonly mayBeBilled: boolean;
  /** What the client may read of the provider's own words; null: nothing, ours are better or all there is. */
  readonly said: ProviderError | null;
}
