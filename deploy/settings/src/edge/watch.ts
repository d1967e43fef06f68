/**
 * Follows a configuration file and the secret files it names. Watches their directories, not the files: Kubernetes swaps
 * the `..data` link beside them, and editors rename a new file over the old one; a watch on the file misses the first
 * and works once for the second. A slow poll is the net below (network file systems, links into other directories).
 */
import { watch, type FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import type { ConfigProblem } from '../document.ts';
import { currentFingerprint, type Read, type Sources } from './read.ts';

export interface WatchOptions<T> {
  /** Reads the configuration anew. */
  read(): Promise<Read<T>>;
  /** Called with every configuration that was read and found good, after the first; swap it whole. */
  onChange(config: T, sources: Sources): void;
  /** Called with what is wrong with a new text; keep the old configuration. */
  onRejected(problems: readonly ConfigProblem[]): void;
  /** Quiet time after a change before it is read: writers write in steps. */
  readonly settleMs?: number;
  readonly pollMs?: number;
}

export interface Watching {
  /** Looks now, for example on SIGHUP; resolves when what changed has been handed over. */
  look(): Promise<void>;
  /** Resolves when nothing will be called any more. */
  close(): Promise<void>;
}

/** A look comes at the latest after so many quiet times, however busy the directory is. */
const mostSettles = 10;

/**
 * Starts following the files that `options.read` reads. `sources` are those of the running configuration, so that a change
 * since it was read is seen too. One look runs at a time; nothing is called after `close` has resolved.
 */
export const watchSettings = <T>(options: WatchOptions<T>, sources: Sources): Watching => {
  const { settleMs = 100, pollMs = 5000 } = options;
  const watchers = new Map<string, FSWatcher>();
  let current = sources;
  let closed = false;
  let settling: NodeJS.Timeout | undefined;
  /** Of the events that no look has followed yet. */
  let firstEventMs: number | null = null;
  let looking: Promise<void> = Promise.resolve();

  const lookOnce = async () => {
    arm();
    if (closed || (await currentFingerprint(current)) === current.fingerprint) return;
    const read = await options.read();
    if (closed || read.sources.fingerprint === current.fingerprint) return;
    current = read.sources;
    arm();
    if (read.kind === 'ok') options.onChange(read.config, read.sources);
    else options.onRejected(read.problems);
  };
  const look = () => {
    const result = looking.then(lookOnce);
    // A listener that throws is told to who asked; the next look runs all the same.
    looking = result.catch(() => {});
    return result;
  };
  const soon = () => {
    clearTimeout(settling);
    if (closed) return;
    firstEventMs ??= performance.now();
    // In a directory that is never quiet a look must come all the same.
    const leftMs = firstEventMs + settleMs * mostSettles - performance.now();
    settling = setTimeout(
      () => {
        firstEventMs = null;
        void look();
      },
      Math.max(0, Math.min(settleMs, leftMs)),
    );
  };

  /** Watches the directories of all files; one that cannot be watched is tried again with the next look. */
  function arm() {
    const wanted = new Set(closed ? [] : current.files.map((file) => dirname(file)));
    for (const [directory, watcher] of watchers) {
      if (wanted.has(directory)) continue;
      watcher.close();
      watchers.delete(directory);
    }
    for (const directory of wanted) {
      if (watchers.has(directory)) continue;
      try {
        const watcher = watch(directory, soon);
        watcher.on('error', () => {
          watcher.close();
          watchers.delete(directory);
        });
        watchers.set(directory, watcher);
      } catch {
        // The directory is gone or may not be watched: the poll still looks.
      }
    }
  }

  arm();
  const poll = setInterval(() => void look(), pollMs);
  poll.unref();
  return {
    look,
    close: async () => {
      closed = true;
      clearInterval(poll);
      clearTimeout(settling);
      arm();
      await looking;
    },
  };
};
