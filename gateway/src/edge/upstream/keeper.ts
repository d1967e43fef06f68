/** What outlives a configuration: it goes on as long as somebody uses one of the same identity. */

export interface Lease<T> {
  readonly value: T;
  /** Its end, when nobody else holds it; once. */
  release(): Promise<void>;
}

export interface Keeper<S, T> {
  /** The one for these settings: that which runs already, or a new one. */
  lease(settings: S): Lease<T>;
}

/** @param identity equal for settings that one and the same serves */
export const keeper = <S, T>(
  identity: (settings: S) => string,
  start: (settings: S) => T,
  stop: (value: T) => Promise<void>,
): Keeper<S, T> => {
  const kept = new Map<string, { readonly value: T; uses: number }>();
  return {
    lease(settings) {
      const key = identity(settings);
      const one = kept.get(key) ?? { value: start(settings), uses: 0 };
      kept.set(key, one);
      one.uses += 1;
      let isHeld = true;
      return {
        value: one.value,
        async release() {
          if (!isHeld) return;
          isHeld = false;
          one.uses -= 1;
          if (one.uses > 0) return;
          kept.delete(key);
          await stop(one.value);
        },
      };
    },
  };
};
