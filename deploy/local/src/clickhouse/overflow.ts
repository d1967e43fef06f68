/** Which results must end because they take too much of the disk: a pure decision on what was measured. */

export interface ResultFile {
  readonly user: string;
  readonly sizeBytes: number;
  /** How long its query has been running; null: the result is whole and being fetched. */
  readonly runningMs: number | null;
}
export interface DiskLimits {
  readonly resultBytes: number;
  readonly userDiskBytes: number;
  readonly diskBytes: number;
  readonly freeBytes: number;
}
export type Overflow = 'result_bytes' | 'user_disk_bytes' | 'disk_bytes' | 'free_disk';

/** Short queries with small results run on when the disk is short: someone is looking why it is. */
const [smallBytes, shortMs] = [1024 ** 2, 2000];

const sum = (files: readonly ResultFile[]) =>
  files.reduce((all, { sizeBytes }) => all + sizeBytes, 0);

/** The files whose queries are to be cancelled, each with the limit that it broke. */
export const overflow = <File extends ResultFile>(
  files: readonly File[],
  freeBytes: number,
  limits: DiskLimits,
): ReadonlyMap<File, Overflow> => {
  const ending = new Map<File, Overflow>();
  const largest = (of: readonly File[]) =>
    of
      .filter(({ runningMs, sizeBytes }) => runningMs !== null && sizeBytes > smallBytes)
      .toSorted((a, b) => b.sizeBytes - a.sizeBytes)[0];
  for (const user of new Set(files.map((file) => file.user))) {
    const theirs = files.filter((file) => file.user === user);
    const worst = sum(theirs) > limits.userDiskBytes ? largest(theirs) : undefined;
    if (worst !== undefined) ending.set(worst, 'user_disk_bytes');
  }
  const worst = sum(files) > limits.diskBytes ? largest(files) : undefined;
  if (worst !== undefined) ending.set(worst, 'disk_bytes');
  for (const file of files) {
    if (file.runningMs === null) continue;
    if (file.sizeBytes > limits.resultBytes) ending.set(file, 'result_bytes');
    // A query that sorts on disk takes room elsewhere than in its result.
    const taking = file.sizeBytes > smallBytes || file.runningMs > shortMs;
    if (freeBytes < limits.freeBytes && taking) ending.set(file, 'free_disk');
  }
  return ending;
};
