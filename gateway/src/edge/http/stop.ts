/** Word to all calls under way that the gateway stops now. */
export interface Stop {
  isOver(): boolean;
  /** Runs `listener` when the gateway stops; returns how to stop listening. */
  listen(listener: () => void): () => void;
  now(): void;
}

interface Place {
  readonly listener: () => void;
  index: number;
}

/**
 * A list of its own. An AbortSignal takes as long to forget a listener as it has others. And a Set that calls come to and go
 * from makes a new table every few calls; an old table that has reached the old generation keeps all later ones alive, and
 * every call that stood in one of them, until the next full collection.
 */
export const startStop = (): Stop => {
  const places: Place[] = [];
  let over = false;
  return {
    isOver: () => over,
    listen(listener) {
      const place: Place = { listener, index: places.length };
      places.push(place);
      return () => {
        if (places[place.index] !== place) return;
        const last = places.pop();
        if (last === undefined || last === place) return;
        last.index = place.index;
        places[place.index] = last;
      };
    },
    now() {
      over = true;
      // Listeners leave the list while they run.
      const listeners = places.map(({ listener }) => listener);
      for (const listener of listeners) listener();
    },
  };
};
