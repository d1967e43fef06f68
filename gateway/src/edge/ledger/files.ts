/** The spool's directory: one writer at a time, segments by name in the order they were written. */
import {
  closeSync,
  createReadStream,
  fsync,
  fsyncSync,
  mkdirSync,
  open,
  openSync,
  readdirSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseSync } from 'node:sqlite';

/** Wider than what we write: a number or a time that outgrew its digits is still one of ours. */
const segmentName = /^([0-9a-z]{9,12}-[0-9a-f]{4})\.(\d{8,15})\.seg$/;

/** A segment file: the incarnation of the process that wrote it, and its number there. */
export interface SegmentFile {
  readonly path: string;
  readonly incarnation: string;
  readonly number: number;
}

/** Where segment `number` of an incarnation lives. */
export const segmentFile = (dir: string, incarnation: string, number: number): SegmentFile => ({
  path: join(dir, `${incarnation}.${String(number).padStart(8, '0')}.seg`),
  incarnation,
  number,
});

/** When an incarnation began, by its own clock. */
const beganMs = (incarnation: string): number =>
  Number.parseInt(incarnation.slice(0, incarnation.indexOf('-')), 36);

const replicaName = /\.([0-9a-z]{9,}-[0-9a-f]{4})$/;

/** When the life of a gateway that calls itself so in its rows began, by its own clock, epoch milliseconds; null: the name does not say. */
export const lifeBeganMs = (replica: string): number | null => {
  const incarnation = replicaName.exec(replica)?.[1];
  return incarnation === undefined ? null : beganMs(incarnation);
};

/** No clock is wrong by so much: a name from later than this was not made by us, and must not push ours out of sight. */
const latestBeganMs = Date.UTC(2200, 0, 1);
const isOdd = (incarnation: string): boolean => beganMs(incarnation) >= latestBeganMs;

/** Odd ones first, so that no intent in them outlives a close that stands elsewhere. */
const inOrder = (a: SegmentFile, b: SegmentFile): number =>
  Number(isOdd(b.incarnation)) - Number(isOdd(a.incarnation)) ||
  beganMs(a.incarnation) - beganMs(b.incarnation) ||
  (a.incarnation < b.incarnation ? -1 : a.incarnation > b.incarnation ? 1 : 0) ||
  a.number - b.number;

/** All segments in the directory, oldest first: an incarnation begins with the time of its start. */
export const segmentFiles = (dir: string): readonly SegmentFile[] =>
  readdirSync(dir)
    .flatMap((name) => {
      const [, incarnation, number] = segmentName.exec(name) ?? [];
      return incarnation === undefined || number === undefined
        ? []
        : [{ path: join(dir, name), incarnation, number: Number(number) }];
    })
    .toSorted(inOrder);

/** Files that end like segments and are named like none: nobody will read them. */
export const strangeFiles = (dir: string): readonly string[] =>
  readdirSync(dir).filter((name) => name.endsWith('.seg') && !segmentName.test(name));

/**
 * A name for this process's life: never used before, and later than all whose files are still here. The second half
 * must hold when the clock has gone back: files ship in the order of their names, and an intent that outlives its
 * close would be accounted for twice.
 */
export const newIncarnation = (
  nowMs: number,
  random16Bits: number,
  earlier: readonly SegmentFile[] = [],
): string => {
  const ms = earlier
    .filter(({ incarnation }) => !isOdd(incarnation))
    .reduce((latest, { incarnation }) => Math.max(latest, beganMs(incarnation) + 1), nowMs);
  return `${ms.toString(36).padStart(9, '0')}-${random16Bits.toString(16).padStart(4, '0')}`;
};

/** A created or deleted file survives power loss only when its directory is synced. */
export const syncDirectory = (dir: string): void => {
  const fd = openSync(dir, 'r');
  fsyncSync(fd);
  closeSync(fd);
};

/** The same behind the back of whoever is busy. */
export const syncDirectorySoon = (dir: string, onError: (message: string) => void): void => {
  const complain = (error: Error | null): void => {
    if (error !== null) onError(`${dir} may not survive a power loss: ${error.message}`);
  };
  open(dir, 'r', (failed, fd) => {
    if (failed !== null) return complain(failed);
    fsync(fd, (error) => {
      closeSync(fd);
      complain(error);
    });
  });
};

export type LockedOrNot =
  | { readonly kind: 'locked'; release(): void }
  | { readonly kind: 'failed'; readonly message: string };
/** `held`: by another gateway, which may be on its way out. */
export type Locked = LockedOrNot | { readonly kind: 'held'; readonly message: string };

/**
 * Makes the directory and takes it for this process alone. The lock is SQLite's own file lock, which the
 * operating system lets go of when the process dies, however it dies.
 */
export const lockDirectory = (dir: string): Locked => {
  try {
    mkdirSync(join(dir, 'dead'), { recursive: true, mode: 0o700 });
  } catch (error) {
    return {
      kind: 'failed',
      message: `cannot write to the ledger directory ${dir}: ${String(error)}`,
    };
  }
  try {
    const database = new DatabaseSync(join(dir, 'lock'), { timeout: 0 });
    // Its journal in memory: nothing is ever written, and a full disk must not keep us from starting.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return { kind: 'locked', release: () => database.close() };
  } catch (error) {
    return /locked|busy/i.test(String(error))
      ? { kind: 'held', message: `the ledger directory ${dir} is in use by another gateway` }
      : {
          kind: 'failed',
          message: `the ledger directory ${dir} cannot be locked: ${String(error)}`,
        };
  }
};

const lockPollMs = 50;

/** The same, but waits for a gateway that has the directory; `onWait` is called once, when there is one. */
export const awaitDirectory = async (
  dir: string,
  withinMs: number,
  onWait: (message: string) => void,
): Promise<LockedOrNot> => {
  const untilMs = performance.now() + withinMs;
  for (let tries = 0; ; tries += 1) {
    const lock = lockDirectory(dir);
    if (lock.kind !== 'held') return lock;
    if (performance.now() > untilMs)
      return { kind: 'failed', message: `${lock.message}, after ${withinMs} ms of waiting for it` };
    if (tries === 0) onWait(`${lock.message}; waiting for it to end...`);
    await sleep(lockPollMs);
  }
};

/** Read at a time: what is done with it holds up calls in flight for less than a millisecond. */
const readBytes = 512 * 1024;
const newline = 0x0a;
const empty: Buffer = Buffer.alloc(0);

/** A line of a file, without its newline: from `from` to before `to` of `bytes`, which it shares with other lines. */
export interface Line {
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;
}

/** A line by itself. */
export const bytesOf = ({ bytes, from, to }: Line): Buffer => bytes.subarray(from, to);

/** Some lines of a file. */
export interface Lines {
  readonly lines: readonly Line[];
  /** False: the one line here has no newline behind it, so its write may have been cut short. */
  readonly whole: boolean;
}

const everyLine = (): boolean => true;

/**
 * The lines of a file, some at a time. Cut as bytes, because a chunk may end inside a character.
 * @param wants whether a line that begins with this byte is wanted; the others are left out
 */
export async function* readLines(
  path: string,
  wants: (first: number) => boolean = everyLine,
): AsyncGenerator<Lines> {
  let rest = empty;
  for await (const chunk of createReadStream(path, { highWaterMark: readBytes })) {
    if (!Buffer.isBuffer(chunk)) continue;
    const lines: Line[] = [];
    let from = 0;
    for (let to = chunk.indexOf(newline); to !== -1; to = chunk.indexOf(newline, from)) {
      // Only the line that two chunks share is put together: a copy of all of it cost a tenth of a record.
      if (rest.length > 0) {
        const bytes = Buffer.concat([rest, chunk.subarray(from, to)]);
        lines.push({ bytes, from: 0, to: bytes.length });
        rest = empty;
      } else if (wants(chunk[from] ?? newline)) lines.push({ bytes: chunk, from, to });
      from = to + 1;
    }
    const tail = chunk.subarray(from);
    rest = rest.length === 0 ? tail : Buffer.concat([rest, tail]);
    yield { lines, whole: true };
  }
  if (rest.length > 0) yield { lines: [{ bytes: rest, from: 0, to: rest.length }], whole: false };
}
