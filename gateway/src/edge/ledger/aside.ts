/** What could not go into the ledger and is kept for a person: refused rows in `dead/`, damaged segments in `damaged/`. */
import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { syncDirectory } from './files.ts';

export interface Aside {
  /** Keeps a row that the table does not take. Throws when the disk does not take it. */
  bury(name: string, row: Buffer, reason: string): void;
  /** Takes a segment out of the spool's way, whole. False: it could not be moved. */
  quarantine(path: string, why: string): boolean;
  /** Files that lie there now, also from earlier lives. */
  lying(): { readonly dead: number; readonly damaged: number };
}

const newline = Buffer.from('\n');

/** Makes the two directories. Throws when it cannot. */
export const asideIn = (dir: string, onError: (message: string) => void): Aside => {
  const [dead, damaged] = [join(dir, 'dead'), join(dir, 'damaged')];
  for (const sub of [dead, damaged]) mkdirSync(sub, { recursive: true, mode: 0o700 });
  const count = (of: string): number => {
    try {
      return readdirSync(of).length;
    } catch {
      // Somebody has tidied the whole directory away.
      return 0;
    }
  };
  return {
    bury(name, row, reason) {
      writeFileSync(join(dead, `${name}.json`), Buffer.concat([row, newline]), {
        mode: 0o600,
        flush: true,
      });
      onError(`ClickHouse refused a ledger row, set aside as dead/${name}.json: ${reason}`);
    },
    quarantine(path, why) {
      const name = basename(path);
      try {
        mkdirSync(damaged, { recursive: true, mode: 0o700 });
        renameSync(path, join(damaged, name));
        syncDirectory(damaged);
        syncDirectory(dir);
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return true;
        onError(`${name} is damaged (${why}) and cannot be set aside: ${String(error)}`);
        return false;
      }
      onError(`${name} is damaged (${why}); it is kept as damaged/${name}`);
      return true;
    },
    lying: () => ({ dead: count(dead), damaged: count(damaged) }),
  };
};
