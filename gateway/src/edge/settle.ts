/**
 * Settlements -> projections, a turn of the event loop at a time: first the rows of all calls that ended in it, then
 * all their metrics, spans and lines. One kind of work at a time stays in the processor's caches; call by call it took
 * a third more CPU.
 */
import type { Settlement } from '../model/settlement.ts';
import { turn } from './turn.ts';

/** Told once whether a call's row is on disk, where it outlives this process. */
export type Written = (durable: boolean) => void;

/** What is made of a settlement; only the one that writes the row has something to tell. */
export type Project = (settlement: Settlement, written: Written | undefined) => void;

interface Ended {
  readonly settlement: Settlement;
  readonly written: Written | undefined;
}

export interface Settler {
  /** Projects a settlement at the end of this turn. */
  settle(settlement: Settlement, written?: Written): void;
  /** Projects what waits now. */
  flush(): void;
}

/**
 * @param projections in the order in which a turn is worked off; one that throws for a call is passed over for that call
 * @param onBug told of a projection that threw
 */
export const settler = (
  projections: readonly Project[],
  onBug: (settlement: Settlement, error: unknown) => void,
): Settler => {
  const { add, flush } = turn<Ended>((ended) => {
    for (const project of projections) {
      for (const { settlement, written } of ended) {
        try {
          project(settlement, written);
        } catch (error) {
          // Whoever waits for the row waits no longer; the first word counts.
          written?.(false);
          onBug(settlement, error);
        }
      }
    }
  });
  return { settle: (settlement, written) => add({ settlement, written }), flush };
};
