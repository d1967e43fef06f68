import type { Settlement } from '../../model/settlement.ts';

/** Somebody who must know of every row, in the order of their numbers, and whom segments wait for. */
export interface RowObserver {
  /** The directory is ours from now on. */
  onStart(): Promise<void>;
  /** A row that an earlier life left in the spool. Before the first call. @param json its values, a JSON array */
  onLeftRow(replica: string, seq: number, json: Buffer): void;
  /** The row of this call has this number, and will be in the spool. */
  onNumbered(settlement: Settlement, replica: string, seq: number): void;
  /** All rows that have a number are in the spool, where they survive kill -9. */
  onAllWritten(): void;
  /** Whether rows of a life up to this one are not needed any more: their segment may be deleted. */
  mayForget(replica: string, toSeq: number): boolean;
  /** The directory is about to be somebody else's. */
  onStop(): Promise<void>;
}

export const noObserver: RowObserver = {
  onStart: () => Promise.resolve(),
  onLeftRow: () => {},
  onNumbered: () => {},
  onAllWritten: () => {},
  mayForget: () => true,
  onStop: () => Promise.resolve(),
};
