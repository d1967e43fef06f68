/** Word to all calls under way that the gateway stops now. */
export interface Stop {
  isOver(): boolean;
  /** Runs `listener` when the gateway stops; returns how to stop listening. */
  listen(listener: () => void): () => void;
  now(): void;
}

/** A list of its own: an AbortSignal takes as long to forget a listener as it has others. */
export const startStop = (): Stop => {
  const listeners = new Set<() => void>();
  let over = false;
  return {
    isOver: () => over,
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    now() {
      over = true;
      for (const listener of listeners) listener();
    },
  };
};
