/** Tokens that were verified, so that each is verified once: a signature costs as much as the rest of a call. */

/** So many tokens are in use at once at most; past it the one that was used longest ago is verified anew. */
const maxRemembered = 10_000;

interface Entry<K, V> {
  readonly value: V;
  /** What it was verified with. */
  readonly by: K;
  readonly endsAtMs: number;
}

export interface Remembered<K, V> {
  /** Null: not verified with these keys, or over. */
  find(digest: string, isCurrent: (by: K) => boolean, nowMs: number): V | null;
  /** @param endsAtMs when the token itself ends, epoch milliseconds */
  keep(
    digest: string,
    entry: { readonly value: V; readonly by: K; readonly endsAtMs: number },
  ): void;
}

/** Nothing yet. Tokens are named by their digests: none of them is kept. */
export const remembered = <K, V>(most = maxRemembered): Remembered<K, V> => {
  // In the order of their last use: a Map keeps that in which keys were set.
  const entries = new Map<string, Entry<K, V>>();
  return {
    find(digest, isCurrent, nowMs) {
      const entry = entries.get(digest);
      if (entry === undefined) return null;
      entries.delete(digest);
      if (nowMs >= entry.endsAtMs || !isCurrent(entry.by)) return null;
      entries.set(digest, entry);
      return entry.value;
    },
    keep(digest, entry) {
      entries.delete(digest);
      entries.set(digest, entry);
      if (entries.size <= most) return;
      const [oldest] = entries.keys();
      if (oldest !== undefined) entries.delete(oldest);
    },
  };
};
