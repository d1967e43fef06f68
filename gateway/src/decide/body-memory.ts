/** Memory for the bodies of all calls in flight: bounded in total and for each key, whoever comes first. */

export interface BodyMemoryLimits {
  readonly bodiesInFlightBytes: number;
  readonly bodiesPerKeyBytes: number;
}

export type Growth = 'fits' | 'key_full' | 'full';

/** What the body of one call takes. */
export interface Share {
  /** It takes so many more bytes, unless there is no room. */
  grow(bytes: number): Growth;
  /** Gives back all of it. */
  release(): void;
}

export interface BodyMemory {
  share(keyId: string): Share;
  takenBytes(): number;
}

/**
 * Nothing is taken yet.
 * @param freeBytes what every call may take whatever others hold, so that large bodies never keep out small ones
 */
export const startBodyMemory = (limits: () => BodyMemoryLimits, freeBytes: number): BodyMemory => {
  const byKey = new Map<string, number>();
  let total = 0;
  return {
    takenBytes: () => total,
    share(keyId) {
      let own = 0;
      const move = (bytes: number): void => {
        own += bytes;
        total += bytes;
        const ofKey = (byKey.get(keyId) ?? 0) + bytes;
        if (ofKey > 0) byKey.set(keyId, ofKey);
        else byKey.delete(keyId);
      };
      return {
        grow(bytes) {
          const { bodiesInFlightBytes, bodiesPerKeyBytes } = limits();
          const next = own + bytes;
          if (next > freeBytes) {
            const ofKey = byKey.get(keyId) ?? 0;
            // One body at least always fits, however small the limit.
            if (ofKey > own && ofKey + bytes > bodiesPerKeyBytes) return 'key_full';
            if (total > own && total + bytes > bodiesInFlightBytes) return 'full';
          }
          move(bytes);
          return 'fits';
        },
        release() {
          move(-own);
        },
      };
    },
  };
};
