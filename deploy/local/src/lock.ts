/**
 * Who is at work in a data directory: one lock file for the start itself and one for each part. The lock is SQLite's own
 * file lock, which the kernel lets go of when the process ends, however it ends; a pid in a file would also name a
 * zombie, or a stranger who got the number later. The gateway's spool is locked the same way.
 */
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export type Lock = { readonly kind: 'locked'; release(): void } | { readonly kind: 'held' };

/** The lock of a start, or of one part. */
export const lockFile = (dataDir: string, name: string): string =>
  path.join(dataDir, 'locks', `${name}.lock`);

// https://sqlite.org/rescode.html#busy
const sqliteBusy = 5;

/** Takes the lock if nobody has it. @throws Error when the file cannot be used. */
export const takeLock = (file: string): Lock => {
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return { kind: 'locked', release: () => database.close() };
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy)
      return { kind: 'held' };
    throw error;
  }
};

/** `(pid N)` of whoever has the lock, as the kernel lists it; empty where it does not say. For messages only. */
export const holderOf = (file: string): string => {
  try {
    const { ino } = statSync(file);
    const row = new RegExp(`^\\d+: POSIX +ADVISORY +\\w+ +(\\d+) [\\da-f]+:[\\da-f]+:${ino} `, 'm');
    const [, pid] = row.exec(readFileSync('/proc/locks', 'utf8')) ?? [];
    return pid === undefined ? '' : ` (pid ${pid})`;
  } catch {
    return '';
  }
};
