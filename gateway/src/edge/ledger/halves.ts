/** Which parts of a refused segment are put in by halves: decided once, on disk before a half is sent, and kept with it. */
import { readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { replaceFile } from './identity.ts';

export interface Halves {
  /** The rows at `part` (`ab`: the second half of the first half) go in by halves. */
  isSplit(part: string): boolean;
  /** Remembers for good that they do. Throws when the disk does not take it. */
  split(part: string): void;
}

const planPath = (segmentPath: string): string => `${segmentPath}.halves`;

/** The plan of a segment; nothing is split yet when it has none. */
export const halvesOf = (segmentPath: string): Halves => {
  const path = planPath(segmentPath);
  let parts = new Set<string>();
  try {
    parts = new Set(readFileSync(path, 'utf8').split('\n').slice(0, -1));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  return {
    isSplit: (part) => parts.has(part),
    split(part) {
      parts.add(part);
      replaceFile(path, [...parts, ''].join('\n'), dirname(path));
    },
  };
};

/** The segment is gone, and so is its plan. */
export const forgetHalves = (segmentPath: string): void =>
  rmSync(planPath(segmentPath), { force: true });
