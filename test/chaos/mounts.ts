/** Small disks of our own, where the kernel lets us have them. Linux, and root. */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Disk {
  /** Where it is mounted. */
  readonly path: string;
  /** Takes the power away: nothing that is not on the disk now ever gets there. Every file fails from now on. */
  cut(): void;
  /** Mounts it again, as after a start of the machine; whoever has files open there is waited for. */
  comeBack(): Promise<void>;
  /** Unmounts and deletes it. */
  remove(): void;
}

const run = (command: string, ...args: readonly string[]): string | null => {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return null;
  return `${command} ${args.join(' ')}: ${error === undefined ? stderr.trim() : error.message}`;
};

/** Longer than an engine takes that nobody waits for any more. */
const mostBusyMs = 90_000;

const must = (failure: string | null): void => {
  if (failure !== null) throw new Error(failure);
};

/** `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`: https://github.com/torvalds/linux/blob/v6.12/include/uapi/linux/ext4.h */
const cutPower = `
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))`;

const python = 'python3';

/** Makes one; a text says why that is not possible here. */
const made = (
  mount: (dir: string) => string | null,
  cleanUp: () => void,
  dir: string,
): Disk | string => {
  const at = path.join(dir, 'mnt');
  mkdirSync(at);
  const failure = mount(at);
  if (failure !== null) {
    cleanUp();
    return failure;
  }
  return {
    path: at,
    cut: () => must(run(python, '-c', cutPower, at)),
    async comeBack() {
      // The engine of a front that was killed ends a little later, and holds its files until then.
      const endMs = performance.now() + mostBusyMs;
      let failure = run('umount', at);
      while (failure !== null && performance.now() < endMs) {
        await sleep(100);
        failure = run('umount', at);
      }
      must(failure);
      must(mount(at));
    },
    remove() {
      run('umount', '-l', at);
      cleanUp();
    },
  };
};

const newDir = (): string => mkdtempSync(path.join(os.tmpdir(), 'tollgate-disk-'));

/** An ext4 file system in a sparse file, whose power can be cut; a text says why there can be none. */
export const ext4Disk = (sizeBytes: number): Disk | string => {
  const missing = ['mkfs.ext4', python].find((tool) => spawnSync(tool, ['-V']).error !== undefined);
  if (missing !== undefined) return `${missing} is missing`;
  const dir = newDir();
  const image = path.join(dir, 'image');
  writeFileSync(image, '');
  truncateSync(image, sizeBytes);
  const cleanUp = (): void => rmSync(dir, { recursive: true, force: true });
  const failure = run('mkfs.ext4', '-q', image);
  if (failure !== null) {
    cleanUp();
    return failure;
  }
  return made((at) => run('mount', '-o', 'loop', image, at), cleanUp, dir);
};

/** A file system in memory, of a size and a number of files that fill up soon; a text says why there can be none. */
export const tmpfsDisk = (sizeBytes: number, files: number): Disk | string => {
  const dir = newDir();
  const cleanUp = (): void => rmSync(dir, { recursive: true, force: true });
  return made(
    (at) => run('mount', '-t', 'tmpfs', '-o', `size=${sizeBytes},nr_inodes=${files}`, 'tmpfs', at),
    cleanUp,
    dir,
  );
};

/** Somebody else's data, until not a byte is left. Returns the file to delete. */
export const fill = (disk: Pick<Disk, 'path'>): string => {
  const file = path.join(disk.path, 'somebody-elses');
  const fd = openSync(file, 'w');
  try {
    for (const piece of [Buffer.alloc(65_536), Buffer.alloc(512), Buffer.alloc(1)])
      try {
        for (;;) writeSync(fd, piece);
      } catch {
        // Full, for pieces of this size.
      }
  } finally {
    closeSync(fd);
  }
  return file;
};

/** Files of somebody else, until there can be no more. Returns the folder to delete. */
export const useUpFiles = (disk: Pick<Disk, 'path'>): string => {
  const folder = path.join(disk.path, 'many-files');
  mkdirSync(folder);
  try {
    for (let n = 0; ; n += 1) closeSync(openSync(path.join(folder, String(n)), 'w'));
  } catch {
    return folder;
  }
};
