import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import {
  lockDirectory,
  newIncarnation,
  segmentFile,
  segmentFiles,
} from '../../../../gateway/src/edge/ledger/files.ts';
import { tempDir } from './support.ts';

const files = path.resolve(import.meta.dirname, '../../../../gateway/src/edge/ledger/files.ts');

test('segments are listed in the order they were written, other files left out', () => {
  const dir = tempDir();
  const written = [
    segmentFile(dir, newIncarnation(1_700_000_000_000, 0xffff), 9),
    segmentFile(dir, newIncarnation(1_700_000_000_000, 0xffff), 10),
    segmentFile(dir, newIncarnation(1_700_000_000_001, 0), 0),
    segmentFile(dir, newIncarnation(1_900_000_000_000, 1), 1),
  ];
  for (const file of written.toReversed()) writeFileSync(file.path, '');
  for (const other of ['lock', 'notes.txt', '0abc.seg']) writeFileSync(path.join(dir, other), '');
  expect(segmentFiles(dir)).toEqual(written);
});

test('a life that begins before an earlier one by its clock is named after it all the same', () => {
  const dir = tempDir();
  const earlier = segmentFile(dir, newIncarnation(1_900_000_000_000, 0xffff), 3);
  writeFileSync(earlier.path, '');
  const later = segmentFile(dir, newIncarnation(1_700_000_000_000, 0, segmentFiles(dir)), 0);
  writeFileSync(later.path, '');
  expect(segmentFiles(dir)).toEqual([earlier, later]);
});

/** Another process that tries to take the directory and prints what came of it. */
const lockElsewhere = (dir: string, before = ''): string =>
  spawnSync(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `${before}
      const { lockDirectory } = await import(${JSON.stringify(files)});
      const lock = lockDirectory(${JSON.stringify(dir)});
      process.stdout.write('message' in lock ? lock.message : lock.kind);`,
    ],
    { encoding: 'utf8' },
  ).stdout;

test('a directory in use is refused to a second process by name, and free again after its release', () => {
  const dir = tempDir();
  const lock = lockDirectory(dir);
  expect(lock.kind).toBe('locked');
  expect(lockElsewhere(dir)).toBe(`the ledger directory ${dir} is in use by another gateway`);
  if (lock.kind === 'locked') lock.release();
  expect(lockElsewhere(dir)).toBe('locked');
});

test('a directory that cannot be made is refused with its name and the reason', () => {
  const file = path.join(tempDir(), 'file');
  writeFileSync(file, '');
  const lock = lockDirectory(path.join(file, 'ledger'));
  expect(lock).toMatchObject({ kind: 'failed' });
  expect(lock.kind === 'failed' && lock.message).toMatch(
    /^cannot write to the ledger directory .*\/file\/ledger: .*ENOTDIR/,
  );
});

// Only root can become somebody who may not write; anybody else already is one.
test('a directory without the right to write is refused with its name and the reason', () => {
  const dir = path.join(tempDir(), 'ledger');
  mkdirSync(path.join(dir, 'dead'), { recursive: true, mode: 0o555 });
  const message = lockElsewhere(
    dir,
    process.getuid?.() === 0 ? 'process.setgid(65534); process.setuid(65534);' : '',
  );
  expect(message).toMatch(/^(cannot write to )?the ledger directory .*\/ledger/);
  expect(message).not.toBe('locked');
});
