/**
 * Room on the disk that is kept for the rows of calls in flight. A file takes it up until the disk refuses a row; then
 * the file goes, the row fits, and no new call is accepted before there is room for the file again. Reserving by a file
 * and not by asking for free space holds against quotas and against whoever else writes to the disk.
 */
import { randomFillSync } from 'node:crypto';
import { closeSync, existsSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Why no new call is accepted: the spool is as large as it may be, its disk refuses, or the room for rows is used up. */
export const fullReasons = ['max_spool', 'disk', 'reserve'] as const;
export type FullReason = (typeof fullReasons)[number];

export interface Reserve {
  /** Bytes it keeps; 0: none was asked for. */
  readonly bytes: number;
  /** The room is there. */
  intact(): boolean;
  /** Lets the room go to whoever needs it now; false: it had been let go before. */
  release(): boolean;
  /** Takes the room again when the disk has it; false: it has not. */
  renew(): boolean;
}

/** Of a small disk the reserves of all spools take this part at most. */
const largestShare = 1 / 8;
/** Beyond the reserve itself, so that taking it does not fill the disk. */
const slack = 1.5;
const pieceBytes = 1024 * 1024;

/**
 * @param wantedBytes what to keep; less on a disk that is small
 * @param spools so many share the disk
 */
export const startReserve = (dir: string, wantedBytes: number, spools = 1): Reserve => {
  const path = join(dir, 'reserve');
  const disk = statfsSync(dir);
  const bytes = Math.min(
    wantedBytes,
    Math.floor((disk.bsize * disk.blocks * largestShare) / spools),
  );
  let there = bytes === 0;

  const drop = (): void => rmSync(path, { force: true });
  const take = (): boolean => {
    const { bsize, bavail } = statfsSync(dir);
    if (bsize * bavail < bytes * slack) return false;
    // Random, because some file systems keep no blocks for zeros.
    const piece = randomFillSync(Buffer.allocUnsafe(Math.min(bytes, pieceBytes)));
    let fd: number | null = null;
    try {
      // There may be room, and no file left.
      fd = openSync(path, 'w', 0o600);
      for (let done = 0; done < bytes;)
        done += writeSync(fd, piece, 0, Math.min(piece.length, bytes - done));
      return true;
    } catch {
      drop();
      return false;
    } finally {
      if (fd !== null) closeSync(fd);
    }
  };
  const renew = (): boolean => (there ||= take());

  if (existsSync(path) && statSync(path).size === bytes) there = true;
  else {
    drop();
    renew();
  }
  return {
    bytes,
    intact: () => there,
    release() {
      if (bytes === 0 || !there) return false;
      there = false;
      drop();
      return true;
    },
    renew,
  };
};

/** Does something that needs the disk; when it throws, once more with room made. @throws what it throws then, or when there is no room to make */
export const withRoom = <T>(what: () => T, makeRoom: () => boolean): T => {
  try {
    return what();
  } catch (error) {
    if (!makeRoom()) throw error;
    return what();
  }
};
