/** What becomes of lines when the disk takes them, refuses them, or takes a little: the disk is a function here. */
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { LineKind } from '../../../../gateway/src/edge/ledger/held-rows.ts';
import type { ByteText } from '../../../../gateway/src/model/byte-text.ts';
import {
  startGroupCommit,
  type Committed,
  type GroupCommit,
} from '../../../../gateway/src/edge/ledger/group-commit.ts';
import { eventually } from '../../../fakes/journal.ts';

const putting =
  (line: string) =>
  (out: ByteText): void =>
    out.text(line);

const durable = (commit: GroupCommit, line: string): Promise<boolean> =>
  new Promise((told) => commit.durable(putting(line), told));

/** A disk that takes writes of at most `room` characters, and what was written, counted and complained about. */
const startedOn = (
  disk: { room: number; takesAfterRoomIsMade?: number },
  whenSafe: (told: (ok: boolean) => void) => void = (told) => told(true),
) => {
  const writes: string[] = [];
  const counted: Omit<Committed, 'startedMs'>[] = [];
  const errors: string[] = [];
  let commits = 0;
  let madeRoom = 0;
  let allWritten = 0;
  const commit = startGroupCommit({
    write(data) {
      if (data.length > disk.room) return 'no space';
      const text = data.toString();
      writes.push(text);
      return null;
    },
    whenSafe,
    onAllWritten: () => (allWritten += 1),
    makeRoom() {
      if (disk.takesAfterRoomIsMade === undefined) return false;
      madeRoom += 1;
      disk.room = disk.takesAfterRoomIsMade;
      delete disk.takesAfterRoomIsMade;
      return true;
    },
    onWritten: ({ startedMs: _at, ...rest }) => void counted.push(rest),
    onCommit: () => (commits += 1),
    onError: (message) => void errors.push(message),
  });
  const told: string[] = [];
  const keep = (line: string, kind: Exclude<LineKind, 'story'> = 'row'): void =>
    void commit.keep({
      put: putting(line),
      kind,
      written: (ok) => void told.push(`${line} ${ok ? 'written' : 'waits'}`),
      dropped: () => void told.push(`${line} dropped`),
    });
  return {
    commit,
    keep,
    writes,
    counted,
    errors,
    told,
    made: () => madeRoom,
    commits: () => commits,
  };
};

const full = (): { room: number; takesAfterRoomIsMade?: number } => ({ room: 0 });

test('what is written is told of when it is safe, and not told of as safe when nobody knows', async () => {
  const disk: ((ok: boolean) => void)[] = [];
  const { commit, keep, writes, told, counted } = startedOn({ room: Infinity }, (tell) => {
    disk.push(tell);
  });
  const intents = ['i1\n', 'i2\n'].map((line) => durable(commit, line));
  keep('c1\n');
  await turn();
  expect(writes).toEqual(['i1\ni2\nc1\n']);
  expect(counted).toHaveLength(1);
  expect(told).toEqual([]);
  disk[0]?.(true);
  expect(await Promise.all(intents)).toEqual([true, true]);
  expect(told).toEqual(['c1\n written']);
  keep('c2\n');
  await turn();
  disk[1]?.(false);
  expect(told).toEqual(['c1\n written', 'c2\n waits']);
});

test('lines of one turn are one write in their order, and whoever waits is told', async () => {
  const { commit, keep, writes, told, counted, errors, commits } = startedOn({ room: Infinity });
  const intent = durable(commit, 'i1\n');
  commit.offer(putting('p1\n'));
  keep('c1\n');
  keep('r1\n', 'refusal');
  expect(writes).toEqual([]);
  expect(commit.waiting()).toBe(4);
  expect(await intent).toBe(true);
  expect(writes).toEqual(['i1\np1\nc1\nr1\n']);
  expect(told).toEqual(['c1\n written', 'r1\n written']);
  expect(counted).toEqual([{ closes: 2, closeBytes: 6, refusalBytes: 3 }]);
  expect([commit.waiting(), commits(), errors, commit.refusing()]).toEqual([0, 1, [], false]);
  commit.offer(putting('p2\n'));
  await turn();
  expect(writes).toHaveLength(2);
  expect(counted[1]).toEqual({ closes: 0, closeBytes: 0, refusalBytes: 0 });
});

test('a line that cannot be put down leaves nothing of itself behind', async () => {
  const { commit, keep, writes } = startedOn({ room: Infinity });
  keep('c1\n');
  expect(() =>
    commit.offer((out) => {
      out.text('half a li');
      throw new Error('no line');
    }),
  ).toThrow('no line');
  keep('c2\n');
  await turn();
  expect(writes).toEqual(['c1\nc2\n']);
});

test('a turn that brings much is written in pieces of a mebibyte, in order; a longer line is a piece of its own', async () => {
  const { commit, keep, writes } = startedOn({ room: Infinity });
  const line = (name: string, kibi: number): string => `${name}${'x'.repeat(kibi * 1024 - 2)}\n`;
  const lines = [line('a', 2000), line('b', 400), line('c', 400), line('d', 224), line('e', 1)];
  for (const one of lines) keep(one);
  await turn();
  // b, c and d are a mebibyte together, which is not too much.
  expect(writes.map((text) => text.replaceAll(/x|\n/g, ''))).toEqual(['a', 'bcd', 'e']);
  expect(writes.join('')).toBe(lines.join(''));
  expect(commit.waiting()).toBe(0);
});

test('a disk that refuses: who waits for an intent is told no at once, rows are held, all else is left out', async () => {
  const { commit, keep, writes, told, errors, made } = startedOn(full());
  const intent = durable(commit, 'i1\n');
  commit.offer(putting('p1\n'));
  keep('c1\n');
  expect(await intent).toBe(false);
  expect([commit.refusing(), commit.waiting(), errors, made()]).toEqual([true, 1, ['no space'], 0]);
  expect(told).toEqual(['c1\n waits']);
  // While it refuses nobody waits for a try.
  expect(await durable(commit, 'i2\n')).toBe(false);
  commit.offer(putting('p2\n'));
  keep('c2\n');
  expect(told).toEqual(['c1\n waits', 'c2\n waits']);
  await turn();
  expect([commit.waiting(), writes]).toEqual([2, []]);
});

test('held rows are written once the disk takes them again, before all that came since, and nobody is told twice', async () => {
  const disk = full();
  const { commit, keep, writes, told, counted } = startedOn(disk);
  keep('c1\n');
  await turn();
  keep('c2\n', 'refusal');
  disk.room = Infinity;
  await eventually(() => !commit.refusing(), 'the disk is tried again');
  expect(writes.join('')).toBe('c1\nc2\n');
  expect(told).toEqual(['c1\n waits', 'c2\n waits']);
  expect(counted.reduce((sum, { closes }) => sum + closes, 0)).toBe(2);
  expect(counted.reduce((sum, { refusalBytes }) => sum + refusalBytes, 0)).toBe(3);
  expect(await durable(commit, 'i1\n')).toBe(true);
});

test('a disk with room for a little takes small pieces; what it takes is not written again', async () => {
  const disk = { room: 70 * 1024, takesAfterRoomIsMade: 70 * 1024 };
  const { keep, writes, told, errors, made } = startedOn(disk);
  const lines = ['a', 'b', 'c', 'd'].map((name) => `${name}${'x'.repeat(30 * 1024)}\n`);
  for (const line of lines) keep(line);
  await turn();
  // All four together were too much; two of them are not.
  expect(writes.map((text) => text.replaceAll(/x|\n/g, ''))).toEqual(['ab', 'cd']);
  expect([errors, made()]).toEqual([[], 1]);
  expect(told.filter((text) => text.endsWith('waits'))).toHaveLength(4);
});

test('nothing is let go of for lines that may be left out', async () => {
  const { commit, made, errors } = startedOn({ room: 0, takesAfterRoomIsMade: 100 });
  expect(await durable(commit, 'i1\n')).toBe(false);
  expect([made(), errors, commit.waiting()]).toEqual([0, ['no space'], 0]);
});

test('held rows are lent, oldest first and to one at a time; what is done with is gone', async () => {
  const { commit, keep } = startedOn(full());
  expect(commit.lend(2)).toBeNull();
  for (const name of ['c1\n', 'c2\n', 'c3\n']) keep(name, name === 'c2\n' ? 'refusal' : 'row');
  await turn();
  const lent = commit.lend(2);
  expect(lent?.lines.map(String)).toEqual(['c1\n', 'c2\n']);
  expect(lent?.refusalBytes).toBe(3);
  expect([commit.lend(2), commit.waiting()]).toEqual([null, 3]);
  lent?.done();
  expect(commit.waiting()).toBe(1);
  const last = commit.lend(2);
  expect(last?.lines.map(String)).toEqual(['c3\n']);
  last?.done();
  expect([commit.lend(2), commit.waiting()]).toEqual([null, 0]);
});

test('rows that come back stand before all others, and are lent together again, whoever asks for how many', async () => {
  const disk = full();
  const { commit, keep, writes } = startedOn(disk);
  for (const name of ['c1\n', 'c2\n', 'c3\n']) keep(name);
  await turn();
  commit.lend(2)?.giveBack();
  keep('c4\n');
  await turn();
  const again = commit.lend(100);
  expect(again?.lines.map(String)).toEqual(['c1\n', 'c2\n']);
  again?.giveBack();
  disk.room = Infinity;
  await eventually(() => !commit.refusing(), 'the disk is tried again');
  expect(writes.join('')).toBe('c1\nc2\nc3\nc4\n');
  // What came back has been written: the next ones are other rows.
  disk.room = 0;
  for (const name of ['c5\n', 'c6\n', 'c7\n']) keep(name);
  await turn();
  expect(commit.lend(3)?.lines.map(String)).toEqual(['c5\n', 'c6\n', 'c7\n']);
});

test('rows that are lent are not written meanwhile', async () => {
  const disk = full();
  const { commit, keep, writes } = startedOn(disk);
  keep('c1\n');
  keep('c2\n');
  await turn();
  const lent = commit.lend(1);
  disk.room = Infinity;
  await eventually(() => !commit.refusing(), 'the disk is tried again');
  expect([writes.join(''), commit.waiting()]).toEqual(['c2\n', 1]);
  lent?.giveBack();
  keep('c3\n');
  await turn();
  expect(writes.join('')).toBe('c2\nc1\nc3\n');
});

test('a stop writes what waits at once, once more also to a disk that refused, and takes no intent after it', async () => {
  const disk = full();
  const { commit, keep, writes } = startedOn(disk);
  keep('c1\n');
  await turn();
  disk.room = Infinity;
  commit.stop();
  expect(writes).toEqual(['c1\n']);
  expect(await durable(commit, 'i1\n')).toBe(false);
  commit.offer(putting('p1\n'));
  await turn();
  expect(writes).toEqual(['c1\n']);
  // A row is not lost because it came late.
  keep('c2\n');
  await turn();
  expect(writes).toEqual(['c1\n', 'c2\n']);
});

test('what nobody took by the end is given up, and whose it is hears it', async () => {
  const { commit, keep, told } = startedOn(full());
  keep('c1\n');
  keep('c2\n');
  await turn();
  commit.stop();
  expect(commit.abandon()).toBe(2);
  expect(told.slice(-2)).toEqual(['c1\n dropped', 'c2\n dropped']);
  expect([commit.waiting(), commit.abandon()]).toEqual([0, 0]);
});
