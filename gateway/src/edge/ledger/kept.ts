/**
 * Shipped segments that are still on disk. A server says that it has rows before a power loss can no longer take them
 * away, so their file goes only after a while, and when the table was seen to have them. Held to a time and given up,
 * oldest first, when the disk is short.
 */
import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncDirectorySoon } from './files.ts';
import type { Sealed } from './rotation.ts';

/** A segment whose rows are all somewhere. */
export interface Shipment {
  readonly segment: Sealed;
  /** Value of the column `replica` in its rows. */
  readonly replica: string;
  /** No row of this life up to here is still to come. */
  readonly toSeq: number;
  /** No call of these rows began earlier; epoch milliseconds. */
  readonly sinceMs: number;
}

export interface Kept {
  keep(shipment: Shipment): void;
  /** The table was seen to have all rows of this life up to here. */
  seen(replica: string, toSeq: number): void;
  /** Segments of a life whose rows may have to be sent again; each is named once. */
  toRetry(replica: string, aboveSeq: number): readonly Shipment[];
  /** Deletes what was kept long enough. */
  tick(): void;
  /** Deletes the oldest half for the disk's sake; false: there is nothing. */
  shed(): boolean;
  bytes(): number;
}

/** A table that is never seen to have the rows keeps them no longer than this many times `keepMs`. */
const patience = 10;

/**
 * @param keepMs 0: a shipped segment is deleted as soon as it may be
 * @param mayForget whether nobody needs rows of a life up to this one any more. For the disk's sake they go all the same
 */
export const keptSegments = (
  keepMs: number,
  mayForget: (replica: string, toSeq: number) => boolean,
  onError: (message: string) => void,
): Kept => {
  let kept: { readonly shipment: Shipment; readonly sinceMs: number }[] = [];
  const retried = new Set<string>();
  const seenTo = new Map<string, number>();
  let bytes = 0;

  const remove = (shipments: readonly Shipment[]): void => {
    const dirs = new Set<string>();
    for (const { segment } of shipments) {
      rmSync(segment.path, { force: true });
      dirs.add(dirname(segment.path));
      retried.delete(segment.path);
    }
    for (const dir of dirs) syncDirectorySoon(dir, onError);
  };
  /** Oldest first and in one go, so that an intent never outlives its close on disk. */
  const removeFirst = (count: number): void => {
    const gone = kept.slice(0, count).map(({ shipment }) => shipment);
    kept = kept.slice(count);
    for (const { segment } of gone) bytes -= segment.bytes;
    remove(gone);
  };
  const isOver = ({ shipment, sinceMs }: (typeof kept)[number], nowMs: number): boolean => {
    const { replica, toSeq } = shipment;
    if (!mayForget(replica, toSeq)) return false;
    return (
      nowMs >= sinceMs + keepMs * patience ||
      (nowMs >= sinceMs + keepMs && (seenTo.get(replica) ?? 0) >= toSeq)
    );
  };

  return {
    keep(shipment) {
      if (keepMs === 0 && kept.length === 0 && mayForget(shipment.replica, shipment.toSeq))
        return remove([shipment]);
      kept.push({ shipment, sinceMs: performance.now() });
      bytes += shipment.segment.bytes;
    },
    seen(replica, toSeq) {
      seenTo.set(replica, Math.max(seenTo.get(replica) ?? 0, toSeq));
    },
    toRetry(replica, aboveSeq) {
      const mine = kept
        .map(({ shipment }) => shipment)
        .filter(
          (shipment) =>
            shipment.replica === replica &&
            shipment.toSeq > aboveSeq &&
            !retried.has(shipment.segment.path),
        );
      for (const { segment } of mine) retried.add(segment.path);
      return mine;
    },
    tick() {
      const nowMs = performance.now();
      const first = kept.findIndex((one) => !isOver(one, nowMs));
      const count = first === -1 ? kept.length : first;
      if (count > 0) removeFirst(count);
    },
    shed() {
      if (kept.length === 0) return false;
      removeFirst(Math.ceil(kept.length / 2));
      return true;
    },
    bytes: () => bytes,
  };
};
