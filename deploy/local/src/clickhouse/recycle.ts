/** When an engine's process should be replaced by a new one: a pure decision on what was measured. */

export interface Measured {
  readonly rssBytes: number;
  /** What the process held when it had just started and done nothing yet. */
  readonly baseBytes: number;
  /** Requests that hold a connection. */
  readonly busy: number;
  /** How long queries have been running that nobody waits for; 0: there are none. */
  readonly strayMs: number;
  /** Failed and cancelled queries since the process started. */
  readonly failures: number;
  /** Those since freed memory was given back last. */
  readonly failedSince: number;
  /** Freed memory was given back after the last query had ended: what is held now is held for good. */
  readonly tidied: boolean;
}

export interface RecycleLimits {
  /** More than at the start, with nothing to do. */
  readonly keptBytes: number;
  /** In all, whatever runs. */
  readonly processBytes: number;
  readonly strayMs: number;
  readonly failures: number;
}

export type RecycleReason = 'memory' | 'kept_memory' | 'stray_query' | 'failures';
export type Verdict =
  | { readonly kind: 'keep' | 'tidy' }
  | { readonly kind: 'recycle'; readonly why: RecycleReason };

const recycle = (why: RecycleReason): Verdict => ({ kind: 'recycle', why });

/** The engine's allocator keeps freed memory for some seconds, so memory counts as lost only after it was told to give it back. */
export const judge = (measured: Measured, limits: RecycleLimits): Verdict => {
  const { tidied } = measured;
  if (measured.rssBytes > limits.processBytes) return tidied ? recycle('memory') : { kind: 'tidy' };
  if (measured.failures > limits.failures) return recycle('failures');
  if (measured.busy > 0) return { kind: 'keep' };
  if (measured.strayMs > limits.strayMs) return recycle('stray_query');
  const grown = measured.rssBytes - measured.baseBytes > limits.keptBytes;
  const suspect = grown || measured.failedSince > 0 || measured.strayMs > 0;
  if (!tidied) return { kind: suspect ? 'tidy' : 'keep' };
  return grown ? recycle('kept_memory') : { kind: 'keep' };
};
