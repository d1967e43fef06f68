/** A segment as it is read for shipping: every row that can be read, and how many lines cannot. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { EntryKind } from '../../../../gateway/src/edge/ledger/entry.ts';
import { headLine } from '../../../../gateway/src/edge/ledger/identity.ts';
import { readSegment } from '../../../../gateway/src/edge/ledger/read-segment.ts';
import { callId, tempDir, entryLine } from './support.ts';

const head = { spool: 'spool-1', replica: 'replica-1', firstSeq: 1 };
const line = (kind: EntryKind, n: number): string =>
  entryLine({ kind, callId: callId(n), seq: kind === 'c' ? n : 0, json: `["row ${n}"]` });
const story = (n: number): string =>
  line('i', n) + line('s', n) + line('p', n) + line('a', n) + line('c', n);

/** Reads a file with this text. */
const read = (text: string, expected: number) => {
  const path = join(tempDir(), '1.seg');
  writeFileSync(path, text);
  return readSegment(path, expected);
};
/** The text with a bit flipped in one character of the nth line that begins with `kind`. */
const flipped = (text: string, kind: string, nth: number, at: number): string => {
  const lines = text.split('\n');
  const index = lines.flatMap((one, i) => (one.startsWith(kind) ? [i] : []))[nth] ?? -1;
  const bytes = Buffer.from(lines[index] ?? '');
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  lines[index] = bytes.toString('latin1');
  return lines.join('\n');
};
const rowsOf = (contents: Awaited<ReturnType<typeof readSegment>>) =>
  contents?.rows.map(({ seq, json }) => `${seq} ${json.toString()}`);

test('its rows in their order, and who wrote them', async () => {
  const contents = await read(headLine(head) + story(1) + story(2), 2);
  expect(contents).toMatchObject({ head, mended: 0, damaged: 0 });
  expect(rowsOf(contents)).toEqual(['1 ["row 1"]', '2 ["row 2"]']);
  expect(contents?.rows[0]?.callId).toBe(callId(1));
});

test('one without a head, of an earlier version, and an empty one are read too', async () => {
  expect(await read(story(1), 1)).toMatchObject({ head: null, rows: [{ seq: 1 }], damaged: 0 });
  expect(await read('', 0)).toEqual({ head: null, rows: [], mended: 0, damaged: 0 });
});

test('one that somebody deleted is none; one that cannot be read is an error', async () => {
  const dir = tempDir();
  expect(await readSegment(join(dir, 'gone.seg'), 1)).toBeNull();
  mkdirSync(join(dir, 'folder.seg'));
  await expect(readSegment(join(dir, 'folder.seg'), 1)).rejects.toThrow('EISDIR');
});

test('a bit that flipped in a row, its checksum or its kind is turned back', async () => {
  const text = headLine(head) + story(1) + story(2) + story(3);
  for (const at of [0, 2, 5, 15, 55]) {
    const contents = await read(flipped(text, 'c', 1, at), 3);
    expect({ at, ...contents, rows: rowsOf(contents) }).toEqual({
      at,
      head,
      rows: ['1 ["row 1"]', '2 ["row 2"]', '3 ["row 3"]'],
      mended: 1,
      damaged: 0,
    });
  }
});

test('a row whose kind turned into another kind of line is missed, and looked for', async () => {
  // `c` with the second bit flipped is `a`: a further attempt, which nobody reads here.
  const text = story(1).replace(/^c/m, 'a') + story(2);
  const contents = await read(text, 2);
  expect(rowsOf(contents)).toEqual(['1 ["row 1"]', '2 ["row 2"]']);
  expect(contents).toMatchObject({ mended: 1, damaged: 0 });
  // Without a row being missed, lines of other kinds are not read at all.
  expect(await read(flipped(story(1), 'p', 0, 20), 1)).toMatchObject({ mended: 0, damaged: 0 });
});

test('what is beyond mending is counted, and the rest is read', async () => {
  const text = headLine(head) + story(1) + story(2).replaceAll('row 2', 'XXXXX') + story(3);
  const contents = await read(text, 3);
  expect(rowsOf(contents)).toEqual(['1 ["row 1"]', '3 ["row 3"]']);
  // Five lines of that call, of which nothing can be told.
  expect(contents).toMatchObject({ head, mended: 0, damaged: 5 });
});

test('a head that is damaged beyond mending, or is none of ours, is no head', async () => {
  const strange = entryLine({ kind: 'h', callId: '-', seq: 0, json: '{"spool":1}' });
  expect(await read(strange + story(1), 1)).toMatchObject({ head: null, damaged: 0 });
  const damaged = await read(headLine(head).replace('spool-1', 'XXXXXXX') + story(1), 1);
  expect(damaged).toMatchObject({ head: null, rows: [{ seq: 1 }], damaged: 1 });
});

test('a last line without its end was cut short by a crash, which is no damage', async () => {
  const text = story(1) + story(2);
  const contents = await read(text.slice(0, -5), 1);
  expect(contents).toMatchObject({ rows: [{ seq: 1 }], mended: 0, damaged: 0 });
});

test('a file with more damage than a flipped bit or two is not tried line by line for ever', async () => {
  const many = Array.from({ length: 230 }, (_, i) => line('c', i + 1)).join('');
  const flippedAll = many.replaceAll('"row ', '"rnw ');
  const contents = await read(flippedAll, 230);
  expect(contents).toMatchObject({ mended: 200, damaged: 30 });
  expect(contents?.rows).toHaveLength(200);
});
