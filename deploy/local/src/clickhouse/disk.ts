/** The files that front and engine exchange: bodies in, results out. Results are watched while they grow and while they are fetched. */
import { randomUUID } from 'node:crypto';
import { rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import type { Counters } from './counters.ts';
import { refusal } from './errors.ts';
import type { Refusal } from './errors.ts';
import { overflow } from './overflow.ts';
import type { DiskLimits, Overflow } from './overflow.ts';

export interface Result {
  readonly file: string;
  /** The query has ended. Returns the file's size; the file is counted until it is released. @throws Refusal when it is too large. */
  readonly whole: () => Promise<number>;
  /** Why its query was ended, when a limit did that. */
  readonly refused: () => Refusal | null;
  /** Removes the file. */
  readonly release: () => Promise<void>;
}
export interface Disk {
  /** A name for a file that holds a body. */
  readonly body: () => string;
  /** A file that a query of this user is about to write. `end` cancels the query. */
  readonly result: (user: string, end: () => void) => Result;
}

interface Watched {
  readonly user: string;
  readonly file: string;
  readonly end: () => void;
  sizeBytes: number;
  readonly startedMs: number;
  running: boolean;
  broken: Overflow | null;
}

const watchMs = 50;
const variables = {
  result_bytes: 'TOLLGATE_CLICKHOUSE_MAX_RESULT_BYTES',
  user_disk_bytes: 'TOLLGATE_CLICKHOUSE_MAX_USER_DISK_BYTES',
  disk_bytes: 'TOLLGATE_CLICKHOUSE_MAX_DISK_BYTES',
  free_disk: 'TOLLGATE_CLICKHOUSE_MIN_FREE_BYTES',
} as const satisfies Record<Overflow, string>;

const tooMuch = (limit: Overflow): Refusal =>
  refusal(
    'NOT_ENOUGH_SPACE',
    `The result takes too much of the server's disk (${variables[limit]})`,
  );

const sizeOf = async (file: string): Promise<number> => {
  try {
    return (await stat(file)).size;
  } catch {
    return 0;
  }
};

/** @param directory holds no glob character: the engine takes file names as patterns. */
export const openDisk = (directory: string, limits: DiskLimits, counters: Counters): Disk => {
  const watched = new Set<Watched>();
  let timer: NodeJS.Timeout | null = null;

  const measure = async (): Promise<void> => {
    const { bavail, blocks, bsize } = await statfs(directory);
    for (const one of watched) if (one.running) one.sizeBytes = await sizeOf(one.file);
    const nowMs = performance.now();
    const files = [...watched].map((one) => ({
      one,
      user: one.user,
      sizeBytes: one.sizeBytes,
      runningMs: one.running ? nowMs - one.startedMs : null,
    }));
    const reserve = Math.min(limits.freeBytes, (blocks * bsize) / 10);
    const ending = overflow(files, bavail * bsize, { ...limits, freeBytes: reserve });
    for (const [{ one }, why] of ending) {
      if (one.broken !== null) continue;
      one.broken = why;
      counters.add('refused', why);
      one.end();
    }
  };
  const watch = () => {
    timer ??= setTimeout(() => {
      // A directory that cannot be looked at is one that cannot be written either; the query says so.
      void measure()
        .catch(() => {})
        .finally(() => {
          timer = null;
          if ([...watched].some(({ running }) => running)) watch();
        });
    }, watchMs).unref();
  };

  return {
    body: () => path.join(directory, `${randomUUID()}.in`),
    result(user, end) {
      const file = path.join(directory, `${randomUUID()}.out`);
      const startedMs = performance.now();
      const one: Watched = {
        user,
        file,
        end,
        sizeBytes: 0,
        startedMs,
        running: true,
        broken: null,
      };
      watched.add(one);
      watch();
      return {
        file,
        async whole() {
          one.running = false;
          one.sizeBytes = await sizeOf(file);
          if (one.sizeBytes <= limits.resultBytes) return one.sizeBytes;
          counters.add('refused', 'result_bytes');
          throw tooMuch('result_bytes');
        },
        refused: () => (one.broken === null ? null : tooMuch(one.broken)),
        async release() {
          watched.delete(one);
          await rm(file, { force: true });
        },
      };
    },
  };
};
