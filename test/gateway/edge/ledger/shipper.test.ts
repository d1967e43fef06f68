import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { asideIn } from '../../../../gateway/src/edge/ledger/aside.ts';
import { segmentFile } from '../../../../gateway/src/edge/ledger/files.ts';
import { headLine } from '../../../../gateway/src/edge/ledger/identity.ts';
import { keptSegments } from '../../../../gateway/src/edge/ledger/kept.ts';
import type { Sealed } from '../../../../gateway/src/edge/ledger/rotation.ts';
import { readSegment } from '../../../../gateway/src/edge/ledger/read-segment.ts';
import { startShipper } from '../../../../gateway/src/edge/ledger/shipper.ts';
import { noTotals } from '../../../../gateway/src/edge/ledger/totals.ts';
import { callId, scriptedSink, tempDir, until, entryLine } from './support.ts';

const life = '0loyw3v28-0001';

/** Of a segment that this process sealed. */
const fresh = { refusalBytes: 0, firstRowAtMs: 1, doubtful: false, damaged: false };
const spoolId = '0123456789abcdef0123456789abcdef';

/** A segment that holds these rows, and a line that is no row. */
const segmentOf = (dir: string, number: number, rows: readonly string[]): Sealed => {
  const file = segmentFile(dir, life, number);
  const head = headLine({ spool: spoolId, replica: 'test.life', firstSeq: 0 });
  const intent = entryLine({ kind: 'i', callId: callId(0), seq: 0, json: '{}' });
  const lines = rows.map((json, i) => entryLine({ kind: 'c', callId: callId(i), seq: i, json }));
  writeFileSync(file.path, head + intent + lines.join(''));
  return { ...file, bytes: statSync(file.path).size, closes: rows.length, ...fresh };
};

const shipping = (script: ReturnType<typeof scriptedSink>, segments: (dir: string) => Sealed[]) => {
  const dir = tempDir();
  const spool = noTotals();
  const complaints: string[] = [];
  const shipper = startShipper({
    sink: script.sink,
    spoolId: 'unused',
    aside: asideIn(dir, (message) => complaints.push(message)),
    kept: keptSegments(
      0,
      () => true,
      (message) => complaints.push(message),
    ),
    spool,
    maxLooks: 2,
    onRowsLost: () => Promise.resolve(),
    onShipment: () => {},
    onSentDirectly: () => {},
    onShipped: () => {},
    onError: (message) => complaints.push(message),
  });
  const all = segments(dir);
  for (const segment of all) {
    spool.bytes += segment.bytes;
    spool.spooledRows += segment.closes;
  }
  for (const segment of all) shipper.add(segment);
  return { dir, spool, shipper, complaints, segments: all };
};

test('segments are shipped oldest first, each under its own token, and deleted', async () => {
  const script = scriptedSink();
  const { dir, spool, shipper } = shipping(script, (at) => [
    segmentOf(at, 1, ['[1]', '[2]']),
    segmentOf(at, 2, ['[3]']),
  ]);
  expect(shipper.oldestRowAtMs()).toBe(1);
  expect(await shipper.drain(10_000)).toBe(true);
  expect(script.asked).toEqual([
    { token: `${spoolId}/${life}.00000001`, rows: ['[1]', '[2]'] },
    { token: `${spoolId}/${life}.00000002`, rows: ['[3]'] },
  ]);
  expect(readdirSync(dir)).toEqual(['damaged', 'dead']);
  expect(spool).toMatchObject({ bytes: 0, spooledRows: 0 });
  expect(shipper.totals).toMatchObject({ shipped: 3, resent: 0, dead: 0, failures: 0 });
  expect(shipper.oldestRowAtMs()).toBeNull();
  await shipper.stop();
});

test('a segment without rows asks nothing of the server', async () => {
  const script = scriptedSink();
  const { dir, shipper } = shipping(script, (at) => [segmentOf(at, 1, [])]);
  expect(await shipper.drain(10_000)).toBe(true);
  expect(script.asked).toEqual([]);
  expect(readdirSync(dir)).toEqual(['damaged', 'dead']);
  await shipper.stop();
});

test('while the server is away the segment stays; then it goes under the same token, byte by byte', async () => {
  let away = true;
  const script = scriptedSink(() => (away ? 'try_again' : 'done'));
  const { shipper, complaints, segments } = shipping(script, (at) => [
    segmentOf(at, 1, ['[1]', '["\u2028"]']),
  ]);
  await until(() => shipper.totals.failures >= 2);
  expect(existsSync(segments[0]?.path ?? '')).toBe(true);
  away = false;
  expect(await shipper.drain(20_000)).toBe(true);
  expect(script.asked).toHaveLength(2);
  expect(new Set(script.asked.map((insert) => JSON.stringify(insert))).size).toBe(1);
  expect(shipper.totals.resent).toBe(2);
  expect(complaints).toHaveLength(1);
  await shipper.stop();
});

test('a server that cannot take rows as it is set up: they stay, and it is said once although waiting had begun before', async () => {
  const answers = ['try_again', 'cannot', 'try_again', 'cannot'] as const;
  const script = scriptedSink(({ token }, earlier) =>
    token === 'find' ? 'done' : (answers[earlier.length] ?? 'done'),
  );
  const { shipper, complaints } = shipping(script, (at) => [segmentOf(at, 1, ['[1]'])]);
  expect(await shipper.drain(60_000)).toBe(true);
  expect(script.rows()).toEqual(['[1]']);
  expect(complaints).toEqual([
    'ClickHouse did not take 1 rows, trying again: scripted: try_again',
    'ClickHouse cannot take 1 rows as it is set up, trying again until it can: scripted: cannot',
  ]);
  await shipper.stop();
});

test('an answer lost after the commit: the table is asked, and what it has is not sent again', async () => {
  const script = scriptedSink((_insert, earlier) => (earlier.length === 0 ? 'lost' : 'done'));
  const { shipper } = shipping(script, (at) => [segmentOf(at, 1, ['[1]', '[2]'])]);
  expect(await shipper.drain(10_000)).toBe(true);
  expect(script.asked.map(({ token }) => token)).toEqual([`${spoolId}/${life}.00000001`]);
  expect(script.rows()).toEqual(['[1]', '[2]']);
  expect(shipper.totals).toMatchObject({ shipped: 2, resent: 0, dead: 0, failures: 1 });
  await shipper.stop();
});

test('a server that knows the token and has lost the rows gets them under another one', async () => {
  const script = scriptedSink((_insert, earlier) => (earlier.length === 0 ? 'lost' : 'done'));
  const { shipper } = shipping(script, (at) => [segmentOf(at, 1, ['[1]', '[2]'])]);
  await until(() => script.asked.length === 1);
  // A power loss: the log of tokens was on its disk, the part was not.
  script.taken.set(`${spoolId}/${life}.00000001`, []);
  expect(await shipper.drain(60_000)).toBe(true);
  expect(script.asked.map(({ token }) => token)).toEqual([
    `${spoolId}/${life}.00000001`,
    `${spoolId}/${life}.00000001`,
    `${spoolId}/${life}.00000001/again-1`,
  ]);
  expect(script.rows()).toEqual(['[1]', '[2]']);
  expect(shipper.totals).toMatchObject({ shipped: 2, dead: 0 });
  await shipper.stop();
}, 90_000);

test('halves keep their names for life: a table repaired in between gets no row twice', async () => {
  let repaired = false;
  const script = scriptedSink((insert) =>
    insert.token.endsWith('/b') && !repaired
      ? 'try_again'
      : insert.rows.length > 2
        ? 'rows_refused'
        : 'done',
  );
  const rows = ['[1]', '[2]', '[3]', '[4]'];
  const { dir, shipper, segments } = shipping(script, (at) => [segmentOf(at, 1, rows)]);
  await until(() => script.asked.some(({ token }) => token.endsWith('/b')));
  await shipper.stop();
  expect(script.rows()).toEqual(['[1]', '[2]']);

  // The next start, with a table that takes everything. The token alone must do: it is asked for nothing.
  repaired = true;
  const again = startShipper({
    sink: script.sink,
    spoolId: 'unused',
    aside: asideIn(dir, () => {}),
    kept: keptSegments(
      0,
      () => true,
      () => {},
    ),
    spool: noTotals(),
    onRowsLost: () => Promise.resolve(),
    onShipment: () => {},
    onSentDirectly: () => {},
    onShipped: () => {},
    onError: () => {},
  });
  for (const segment of segments) again.add(segment);
  expect(await again.drain(10_000)).toBe(true);
  await again.stop();
  expect(script.rows().toSorted()).toEqual(rows);
  expect(readdirSync(dir)).toEqual(['damaged', 'dead']);
});

test('rows that are refused are found by halving and set aside; all others arrive once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }), async (bad) => {
      const rows = bad.map((isBad, i) => JSON.stringify([isBad ? 'bad' : 'good', i]));
      const script = scriptedSink((insert) =>
        insert.rows.some((row) => row.includes('bad')) ? 'rows_refused' : 'done',
      );
      const { dir, spool, shipper } = shipping(script, (at) => [segmentOf(at, 1, rows)]);
      expect(await shipper.drain(10_000)).toBe(true);
      await shipper.stop();
      const dead = readdirSync(path.join(dir, 'dead')).map((name) =>
        readFileSync(path.join(dir, 'dead', name), 'utf8').trim(),
      );
      expect(script.rows()).toEqual(rows.filter((row) => row.includes('good')));
      expect(dead.toSorted()).toEqual(rows.filter((row) => row.includes('bad')).toSorted());
      expect(shipper.totals).toMatchObject({ shipped: script.rows().length, dead: dead.length });
      expect(spool).toMatchObject({ bytes: 0, spooledRows: 0 });
      // A token names its rows: no two inserts under one token differ.
      expect(new Set(script.asked.map(({ token }) => token)).size).toBe(script.asked.length);
    }),
    { numRuns: 40 },
  );
});

test('a dead row is named after its segment and its half, so that a second try writes the same file', async () => {
  const script = scriptedSink((insert) => (insert.rows.includes('[3]') ? 'rows_refused' : 'done'));
  const { dir, shipper, complaints } = shipping(script, (at) => [
    segmentOf(at, 1, ['[1]', '[2]', '[3]', '[4]']),
  ]);
  await shipper.drain(10_000);
  expect(readdirSync(path.join(dir, 'dead'))).toEqual([`${life}.00000001.ba.json`]);
  expect(complaints).toEqual([
    `ClickHouse refused a ledger row, set aside as dead/${life}.00000001.ba.json: scripted: rows_refused`,
  ]);
  await shipper.stop();
});

test('a row that cannot be set aside holds its segment; what was counted is counted once', async () => {
  const script = scriptedSink((insert) => (insert.rows.includes('[2]') ? 'rows_refused' : 'done'));
  const { dir, spool, shipper, complaints } = shipping(script, (at) => {
    rmSync(path.join(at, 'dead'), { recursive: true });
    writeFileSync(path.join(at, 'dead'), '');
    return [segmentOf(at, 1, ['[1]', '[2]'])];
  });
  await until(() => complaints.length > 0);
  expect(complaints[0]).toMatch(
    /^cannot ship 0loyw3v28-0001\.00000001\.seg, trying again: .*ENOTDIR/,
  );
  rmSync(path.join(dir, 'dead'));
  mkdirSync(path.join(dir, 'dead'));
  expect(await shipper.drain(20_000)).toBe(true);
  expect(shipper.totals).toMatchObject({ shipped: 1, dead: 1 });
  expect(script.rows()).toEqual(['[1]']);
  expect(spool).toMatchObject({ bytes: 0, spooledRows: 0 });
  await shipper.stop();
});

test('a row damaged on disk is left out, counted and said, and its segment is set aside whole', async () => {
  const script = scriptedSink();
  const { dir, spool, shipper, complaints, segments } = shipping(script, (at) => {
    const segment = segmentOf(at, 1, ['[1]', '["two"]', '[3]']);
    writeFileSync(segment.path, readFileSync(segment.path, 'utf8').replace('"two"', '"2WO"'));
    return [segment];
  });
  const damaged = readFileSync(segments[0]?.path ?? '');
  expect(await shipper.drain(10_000)).toBe(true);
  expect(script.rows()).toEqual(['[1]', '[3]']);
  expect(shipper.totals).toMatchObject({ shipped: 2, resent: 0, dead: 0, damaged: 1, mended: 0 });
  expect(spool.spooledRows).toBe(0);
  const name = `${life}.00000001.seg`;
  expect(complaints).toEqual([
    `${name} is damaged (1 rows cannot be read); it is kept as damaged/${name}`,
  ]);
  expect(readFileSync(path.join(dir, 'damaged', name))).toEqual(damaged);
  await shipper.stop();
});

test('a row with one flipped bit, wherever it is, arrives as it was written', async () => {
  const script = scriptedSink();
  const rows = ['["first",1]', '["second",2]'];
  const whole = segmentOf(tempDir(), 1, rows);
  const bytes = readFileSync(whole.path);
  const from = bytes.indexOf('second') - 60;
  // Every bit of the second row's line but its newline, one segment each.
  const bits = Array.from(
    { length: (bytes.length - 1 - bytes.lastIndexOf('\n', from + 10) - 1) * 8 },
    (_, i) => i,
  ).filter((i) => i % 7 === 0);
  const start = bytes.lastIndexOf('\n', from + 10) + 1;
  const { shipper } = shipping(script, (at) =>
    bits.map((bit, i) => {
      const segment = segmentOf(at, i + 1, rows);
      const flipped = Buffer.from(bytes);
      const byte = start + (bit >> 3);
      flipped[byte] = (flipped[byte] ?? 0) ^ (1 << (bit & 7));
      writeFileSync(segment.path, flipped);
      return segment;
    }),
  );
  expect(await shipper.drain(60_000)).toBe(true);
  expect(script.asked.filter((insert) => insert.rows.join('') !== rows.join(''))).toEqual([]);
  expect(shipper.totals).toMatchObject({
    shipped: 2 * bits.length,
    damaged: 0,
    mended: bits.length,
  });
  await shipper.stop();
}, 90_000);

test('a segment that somebody deleted holds up none of the others', async () => {
  const script = scriptedSink();
  const { shipper, complaints } = shipping(script, (at) => {
    const gone = segmentOf(at, 1, ['[1]']);
    rmSync(gone.path);
    return [gone, segmentOf(at, 2, ['[2]'])];
  });
  expect(await shipper.drain(10_000)).toBe(true);
  expect(script.rows()).toEqual(['[2]']);
  expect(shipper.totals).toMatchObject({ shipped: 1, damaged: 1 });
  expect(complaints).toHaveLength(1);
  await shipper.stop();
});

test('stopping gives up an insert that nobody answers, and leaves its segment', async () => {
  const script = scriptedSink();
  const asked: (AbortSignal | undefined)[] = [];
  const silent: typeof script.sink = {
    ...script.sink,
    insert: (_rows, _token, signal) =>
      new Promise((resolve) => {
        asked.push(signal);
        signal?.addEventListener('abort', () => resolve({ kind: 'try_again', message: '' }));
      }),
  };
  const { shipper, segments, complaints } = shipping({ ...script, sink: silent }, (at) => [
    segmentOf(at, 1, ['[1]']),
  ]);
  await until(() => asked.length === 1);
  expect(await shipper.drain(10)).toBe(false);
  await shipper.stop();
  expect(existsSync(segments[0]?.path ?? '')).toBe(true);
  expect(complaints).toEqual([]);
});

test('rows are read as they were written, whatever stands between them', async () => {
  const lines = ['["a\u2028b"]', '["\\n"]'].map((json, i) =>
    entryLine({ kind: 'c', callId: callId(i), seq: i, json }),
  );
  const file = path.join(tempDir(), 'some.seg');
  writeFileSync(file, `${lines.join('garbage\n')}c torn`);
  expect((await readSegment(file, 0))?.rows.map(({ json }) => json.toString())).toEqual([
    '["a\u2028b"]',
    '["\\n"]',
  ]);
});

test('rows of a segment that is larger than what is read at a time come whole and in order', async () => {
  const rows = Array.from({ length: 900 }, (_, i) => JSON.stringify([i, 'ü'.repeat(700 + i)]));
  const file = path.join(tempDir(), 'large.seg');
  writeFileSync(
    file,
    rows.map((json, i) => entryLine({ kind: 'c', callId: callId(i), seq: i, json })).join(''),
  );
  expect((await readSegment(file, 0))?.rows.map(({ json }) => json.toString())).toEqual(rows);
});
