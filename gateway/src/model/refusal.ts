import type { ErrorOrigin } from '../contract/outcomes.ts';
import type { Problem } from './call.ts';
import type { ProviderError } from './fault.ts';

/** Why a call has no answer, as its client reads it. */
export interface Refusal extends Problem {
  readonly status: number;
  readonly origin: ErrorOrigin;
  /** For the client's `retry-after`. */
  readonly retryAfterMs: number | null;
  /** What else its head says. */
  readonly headers: Readonly<Record<string, string>>;
  /** The provider's own words, which the client reads instead of ours; null: it has none, or they are not for the client. */
  readonly said: ProviderError | null;
}
