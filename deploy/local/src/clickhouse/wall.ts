/**
 * A wall around the engine's process: the kernel refuses it every file but its own, every connection and every program,
 * whatever a statement talks the engine into. Landlock (Linux 5.13 and later) needs no root and no package, only three
 * system calls, which Node 26 can make through `node:ffi`. https://docs.kernel.org/userspace-api/landlock.html
 */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import path from 'node:path';

export type Wall =
  | { readonly kind: 'up'; readonly keepOpen: (fd: number) => void }
  | { readonly kind: 'none'; readonly why: string };

/** Places the process may still use; one that does not exist is left out. */
export interface Places {
  /** Read, write, make, rename and remove. ClickHouse names its databases and tables by symbolic links. */
  readonly owned: readonly string[];
  /** The same without links: another process reads here, and must not be led elsewhere. */
  readonly exchanged: readonly string[];
  readonly readable: readonly string[];
  /** Read, and run as a program. */
  readonly programs: readonly string[];
}

// include/uapi/linux/landlock.h
const right = {
  execute: 1n << 0n,
  writeFile: 1n << 1n,
  readFile: 1n << 2n,
  readDirectory: 1n << 3n,
  removeDirectory: 1n << 4n,
  removeFile: 1n << 5n,
  makeDirectory: 1n << 7n,
  makeFile: 1n << 8n,
  makeLink: 1n << 12n,
  rename: 1n << 13n,
  truncate: 1n << 14n,
} as const;
const read = right.readFile | right.readDirectory;
const exchange =
  read |
  right.writeFile |
  right.removeDirectory |
  right.removeFile |
  right.makeDirectory |
  right.makeFile |
  right.rename |
  right.truncate;
const own = exchange | right.makeLink;
const onFiles = right.execute | right.writeFile | right.readFile | right.truncate;

/** What each version of Landlock can refuse: rights on files (how many of them), TCP (bind, connect), signals and abstract sockets. */
const refusable = (version: number): readonly [files: bigint, net: bigint, scopes: bigint] => {
  const count = version >= 5 ? 16n : version >= 3 ? 15n : version >= 2 ? 14n : 13n;
  return [(1n << count) - 1n, version >= 4 ? 3n : 0n, version >= 6 ? 3n : 0n];
};

// The same numbers on every architecture.
const [createRuleset, addRule, restrictSelf] = [444n, 445n, 446n];
const [prSetNoNewPrivileges, fSetDescriptorFlags, oPath] = [38n, 2n, 0o10000000];

/** The C library's functions, or why they cannot be called. */
const bind = async () => {
  try {
    const { dlopen, getRawPointer } = await import('node:ffi');
    const word = 'int64';
    const { functions } = dlopen(null, {
      syscall: { arguments: [word, word, word, word, word], return: word },
      prctl: { arguments: [word, word, word, word, word], return: 'int32' },
      fcntl: { arguments: ['int32', word, word], return: 'int32' },
    });
    return { ...functions, getRawPointer };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

/**
 * Raises the wall around the calling thread and every thread and program that it starts from now on; it cannot be taken
 * down. Threads that run already stay outside: follow it with `execve`.
 */
export const raiseWall = async (places: Places): Promise<Wall> => {
  if (process.platform !== 'linux') return { kind: 'none', why: 'not Linux' };
  const library = await bind();
  if (typeof library === 'string') return { kind: 'none', why: `no node:ffi (${library})` };
  const { syscall, prctl, fcntl, getRawPointer } = library;
  const version = Number(syscall(createRuleset, 0n, 0n, 1n, 0n));
  if (version < 1) return { kind: 'none', why: 'this kernel has no Landlock' };

  const [files, net, scopes] = refusable(version);
  const attributes = Buffer.alloc(24);
  for (const [i, value] of [files, net, scopes].entries())
    attributes.writeBigUInt64LE(value, i * 8);
  // An older kernel knows a shorter structure.
  const sizeBytes = version >= 6 ? 24n : version >= 4 ? 16n : 8n;
  const ruleset = syscall(createRuleset, getRawPointer(attributes), sizeBytes, 0n, 0n);
  if (ruleset < 0n) return { kind: 'none', why: 'Landlock is switched off' };

  const allow = (place: string, rights: bigint): boolean => {
    let fd: number;
    try {
      fd = openSync(place, constants.O_RDONLY | oPath);
    } catch {
      return true;
    }
    const rule = Buffer.alloc(12);
    const fitting = fstatSync(fd).isDirectory() ? rights : rights & onFiles;
    rule.writeBigUInt64LE(fitting & files, 0);
    rule.writeInt32LE(fd, 8);
    const done = syscall(addRule, ruleset, 1n, getRawPointer(rule), 0n);
    closeSync(fd);
    return done === 0n;
  };
  const allowed = [
    ...places.owned.map((place) => allow(place, own)),
    ...places.exchanged.map((place) => allow(place, exchange)),
    ...places.readable.map((place) => allow(place, read)),
    ...places.programs.map((place) => allow(place, read | right.execute)),
    allow('/dev/null', right.readFile | right.writeFile),
  ];
  if (allowed.includes(false)) return { kind: 'none', why: 'Landlock refused a rule' };
  if (
    prctl(prSetNoNewPrivileges, 1n, 0n, 0n, 0n) !== 0 ||
    syscall(restrictSelf, ruleset, 0n, 0n, 0n) !== 0n
  ) {
    return { kind: 'none', why: 'Landlock refused the ruleset' };
  }
  closeSync(Number(ruleset));
  return { kind: 'up', keepOpen: (fd) => void fcntl(fd, fSetDescriptorFlags, 0n) };
};

/** What the engine needs of a machine: itself, its libraries, time zones, and how much memory and how many processors there are. */
export const enginePlaces = (engineDir: string, scratchDir: string): Places => {
  const root = path.resolve(import.meta.dirname, '../../../..');
  const inCheckout = [
    'node_modules',
    'package.json',
    'deploy/local/node_modules',
    'deploy/local/package.json',
  ];
  return {
    owned: [engineDir],
    exchanged: [scratchDir],
    readable: [
      ...inCheckout.map((place) => path.join(root, place)),
      import.meta.dirname,
      path.join(import.meta.dirname, '../lock.ts'),
      '/usr/share/zoneinfo',
      '/etc/localtime',
      '/etc/ld.so.cache',
      '/proc/self',
      '/proc/meminfo',
      '/proc/cpuinfo',
      '/proc/stat',
      '/sys/fs/cgroup',
      '/sys/devices/system/cpu',
      '/dev/urandom',
    ],
    programs: [process.execPath, '/lib', '/lib64', '/usr/lib', '/usr/lib64'],
  };
};
