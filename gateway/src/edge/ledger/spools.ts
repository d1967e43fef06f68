/**
 * Where the spools of several workers lie, and what they are called. The first one has the directory and the name of a
 * gateway that is alone, the others have theirs inside and beside it; so a gateway that gets more workers, or fewer, finds all there is.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const folder = /^worker-([1-9][0-9]{0,3})$/;

/** The spool of a worker, by its number from 1. */
export const spoolOf = (dataDir: string, worker: number): string =>
  worker === 1 ? join(dataDir, 'ledger') : join(dataDir, 'ledger', `worker-${worker}`);

/** What the lives on a spool are called in the ledger, with the life's own name behind it. */
export const replicaOf = (replica: string, worker: number): string =>
  worker === 1 ? replica : `${replica}.w${worker}`;

/** Workers beyond so many that have a spool here: nobody writes to it any more. */
export const otherSpools = (dataDir: string, workers: number): readonly number[] => {
  let names: readonly string[];
  try {
    names = readdirSync(join(dataDir, 'ledger'));
  } catch {
    // Not made yet.
    return [];
  }
  return names
    .flatMap((name) => Number(folder.exec(name)?.[1] ?? []))
    .filter((worker) => worker > Math.max(1, workers))
    .toSorted((a, b) => a - b);
};
