import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { callColumns } from '../../../../gateway/src/contract/ledger.ts';
import {
  newIncarnation,
  segmentFile,
  segmentFiles,
} from '../../../../gateway/src/edge/ledger/files.ts';
import { readLeftover } from '../../../../gateway/src/edge/ledger/recover.ts';
import { noTotals } from '../../../../gateway/src/edge/ledger/totals.ts';
import { startSpool } from '../../../../gateway/src/edge/ledger/spool.ts';
import {
  alone,
  callId,
  idOfRow,
  intentOf,
  ledgerIn,
  limits,
  scriptedSink,
  segmentsIn,
  tempDir,
  until,
  entryLine,
} from './support.ts';
import { someCall, someSettlement } from '../../model/settlements.ts';

const life = newIncarnation(1_700_000_000_000, 1);

/** What is said of a call in a segment without a head: it was written before it was told what was sent. */
const old = { sent: true, uncertain: false };

const line = (kind: 'i' | 'a' | 'p' | 'c', n: number, json = '{}'): string =>
  entryLine({ kind, callId: callId(n), seq: kind === 'c' ? n : 0, json });

/** A directory with the segments given, by number. */
const spooled = (segments: Readonly<Record<number, string>>, incarnation = life): string => {
  const dir = tempDir();
  for (const [number, text] of Object.entries(segments))
    writeFileSync(segmentFile(dir, incarnation, Number(number)).path, text);
  return dir;
};

const openIn = async (dir: string) => {
  const { open, torn, damaged } = await readLeftover(segmentFiles(dir));
  return { open: Object.fromEntries(open), torn, damaged };
};

test('a call is open when its close is in none of the segments, and its story is the last one carried', async () => {
  const dir = spooled({
    1: line('i', 1, '"old"') + line('a', 1) + line('i', 2) + line('c', 2),
    2: line('i', 1, '"carried"') + line('a', 1, '"again"') + line('p', 1, '"5"') + line('i', 3),
    3: line('c', 3) + line('p', 1, '"9"'),
  });
  expect(await openIn(dir)).toEqual({
    open: { [callId(1)]: { intent: '"carried"', further: ['"again"'], progress: '"9"', ...old } },
    torn: 0,
    damaged: 0,
  });
});

test('a line separator inside a text ends no line', async () => {
  const tags = JSON.stringify({ tag: 'a\u2028b\u2029c\u0085d' });
  const dir = spooled({ 1: line('i', 1, tags) + line('c', 2, tags) });
  const leftover = await readLeftover(segmentFiles(dir));
  expect(leftover.damaged).toBe(0);
  expect(leftover.segments[0]?.segment.closes).toBe(1);
  expect(leftover.open.get(callId(1))?.intent).toBe(tags);
});

test('lines longer than a read, cut inside their characters, are read whole', async () => {
  const long = JSON.stringify('\u20ac'.repeat(800_000));
  const dir = spooled({ 1: line('i', 1, long) + line('i', 2, long) + line('c', 2) });
  expect(await openIn(dir)).toEqual({
    open: { [callId(1)]: { intent: long, further: [], progress: null, ...old } },
    torn: 0,
    damaged: 0,
  });
});

test('closes written by recovery count even when their file is read first, because a clock went back', async () => {
  const dir = spooled({ 1: line('i', 1) + line('i', 2) });
  const earlier = newIncarnation(1_600_000_000_000, 1);
  writeFileSync(segmentFile(dir, earlier, 0).path, line('c', 1));
  expect(Object.keys((await openIn(dir)).open)).toEqual([callId(2)]);
});

test('rows of refused calls, which have no intent, are not remembered', async () => {
  const dir = spooled({ 1: line('c', 1) + line('c', 2), 2: line('c', 3) });
  const { segments, open } = await readLeftover(segmentFiles(dir));
  expect(segments.map(({ segment }) => segment.closes)).toEqual([2, 1]);
  expect(open.size).toBe(0);
});

test('a torn last line is left out and said', async () => {
  const dir = spooled({ 1: line('i', 1) + line('c', 1).slice(0, -5) });
  const { open, torn, damaged } = await openIn(dir);
  expect([Object.keys(open), torn, damaged]).toEqual([[callId(1)], 1, 0]);
});

test('a file without rows is deleted once the calls in it are accounted for elsewhere', async () => {
  const dir = spooled({ 1: line('i', 1, intentOf(1)) });
  const { sink, rows } = scriptedSink();
  const { ledger } = await ledgerIn(dir, sink);
  expect(ledger.recovered).toBe(1);
  expect((await ledger.stop(10_000)).allShipped).toBe(true);
  expect(rows().map(idOfRow)).toEqual([callId(1)]);
  expect([...segmentsIn(dir).keys()]).toEqual([]);
});

test('a call that died is a crashed row: estimated, unbilled attempts kept, priced at nothing unknown', async () => {
  const dir = spooled({
    1: line('i', 1, intentOf(1)) + line('p', 1, '{"elapsedMs":1500,"outputTokens":40}'),
  });
  const { sink, rows } = scriptedSink();
  const { ledger } = await ledgerIn(dir, sink);
  await ledger.stop(10_000);
  const values: unknown = JSON.parse(rows()[0] ?? '[]');
  const row = Object.fromEntries(
    callColumns.map((column, i) => [column, Array.isArray(values) ? values[i] : null]),
  );
  expect(row).toMatchObject({
    outcome: 'crashed',
    error_code: 'internal_error',
    error_origin: 'gateway',
    http_status: 500,
    input_uncached: 100,
    output_text: 40,
    usage_source: 'partial',
    price_status: 'unpriced',
    cost_usd: '0',
    duration_ms: 1500,
    'attempts.status': [0],
    'attempts.error': ['network'],
    'attempts.usage_source': ['partial'],
  });
});

interface Step {
  readonly kind: 'intend' | 'further' | 'progress' | 'close' | 'refuse' | 'seal';
  readonly call: number;
}

const anyStory = fc.array(
  fc.record({
    kind: fc.constantFrom<Step['kind']>('intend', 'further', 'progress', 'close', 'refuse', 'seal'),
    call: fc.nat(5),
  }),
  { minLength: 3, maxLength: 30 },
);

/** Plays a story on a real spool and returns the bytes of its directory after each of its writes. */
const played = async (story: readonly Step[]) => {
  const dir = tempDir();
  const spool = startSpool({
    dir,
    incarnation: life,
    limits,
    ...alone,
    firstSegment: 1,
    firstSeq: 1,
    totals: noTotals(),
    onAllWritten: () => {},
    onSealed: () => {},
    onCommit: () => {},
    onError: (message) => {
      throw new Error(message);
    },
  });
  const open = new Map<number, number>();
  const intended = new Set<string>();
  const closed: string[] = [];
  let fresh = 0;
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const moments: Map<string, Buffer>[] = [];
  const moment = (): void => {
    moments.push(
      new Map(segmentFiles(dir).map((f) => [path.basename(f.path), readFileSync(f.path)])),
    );
  };
  for (const { kind, call } of story) {
    const n = open.get(call);
    const id = callId(n ?? 0);
    if (kind === 'intend' && n === undefined) {
      fresh += 1;
      open.set(call, fresh);
      intended.add(callId(fresh));
      await spool.intend(callId(fresh), intentOf(fresh));
    } else if (kind === 'refuse') {
      fresh += 1;
      const refused = callId(fresh);
      spool.close(refused, (out, seq) => out.text(JSON.stringify([seq, refused, '\u2028'])));
      closed.push(refused);
      await turn();
    } else if (kind === 'seal') {
      spool.seal();
    } else if (n !== undefined && kind === 'progress') {
      spool.progress(id, '{"elapsedMs":5,"outputTokens":7}');
      await turn();
    } else if (n !== undefined && kind === 'close') {
      spool.close(id, (out, seq) => out.text(JSON.stringify([seq, id])));
      open.delete(call);
      closed.push(id);
      await turn();
    }
    moment();
  }
  await spool.stop();
  moment();
  return { moments, intended, closed };
};

/** Rows by call after starting a ledger on these bytes and stopping it again; `crashed` says how many died open. */
const recovered = async (dir: string, sink = scriptedSink()) => {
  const { ledger } = await ledgerIn(dir, sink.sink);
  await ledger.stop(10_000);
  return { crashed: ledger.recovered, ids: sink.rows().map(idOfRow) };
};

test('whatever moment the process dies at, and wherever its last write is torn, every intent ends in one row', async () => {
  await fc.assert(
    fc.asyncProperty(anyStory, fc.nat(), fc.nat(), async (story, when, where) => {
      const { moments } = await played(story);
      const at = when % moments.length;
      const before = moments[at - 1];
      const bytes = moments[at] ?? new Map<string, Buffer>();
      const dir = mkdtempSync(path.join(tempDir(), 'life-'));
      for (const [name, whole] of bytes) {
        // Only what this moment added can be torn; what was there before had been written.
        const old = before?.get(name)?.length ?? 0;
        const length = old + (where % (whole.length - old + 1));
        writeFileSync(path.join(dir, name), whole.subarray(0, length));
      }
      const onDisk = [...segmentsIn(dir).values()].flat();
      const expected = new Set(
        onDisk.filter(({ kind }) => kind === 'i' || kind === 'c').map((e) => e.callId),
      );

      // Once with a ClickHouse that is away, so that the second start finds the first one's work.
      const away = scriptedSink(() => 'try_again');
      const { ledger } = await ledgerIn(dir, away.sink);
      await ledger.stop(0);
      const second = await recovered(dir);
      expect(second.crashed).toBe(0);
      expect(second.ids.toSorted()).toEqual([...expected].toSorted());
      expect((await recovered(dir)).ids).toEqual([]);
      rmSync(dir, { recursive: true });
    }),
    { numRuns: 60 },
  );
});

test('a recovery that died while it wrote is completed by the next one', async () => {
  const intents = line('i', 1, intentOf(1)) + line('i', 2, intentOf(2));
  const dir = spooled({ 1: intents });
  const first = await ledgerIn(dir, scriptedSink(() => 'try_again').sink);
  await first.ledger.stop(0);
  const [recovery] = segmentFiles(dir);
  const text = readFileSync(recovery?.path ?? '', 'utf8');
  writeFileSync(segmentFile(dir, life, 1).path, intents);
  // Its head and the first of its two rows came to the disk, the second one was torn.
  writeFileSync(
    recovery?.path ?? '',
    text.slice(0, text.indexOf('\n', text.indexOf('\n') + 1) + 40),
  );
  const second = await recovered(dir);
  expect(second.crashed).toBe(1);
  expect(second.ids.toSorted()).toEqual([callId(1), callId(2)]);
});

test('segments that cannot be read are set aside and said; the others are shipped', async () => {
  const dir = spooled({ 3: line('c', 3, JSON.stringify(['', callId(3)])) });
  mkdirSync(segmentFile(dir, life, 1).path);
  symlinkSync(path.join(dir, 'nowhere'), segmentFile(dir, life, 2).path);
  const { sink, rows } = scriptedSink();
  const { ledger, complaints } = await ledgerIn(dir, sink);
  await ledger.stop(10_000);
  expect(rows().map(idOfRow)).toEqual([callId(3)]);
  expect(readdirSync(path.join(dir, 'damaged')).toSorted()).toEqual(
    [1, 2].map((number) => path.basename(segmentFile(dir, life, number).path)),
  );
  expect(ledger.aside.lying()).toEqual({ dead: 0, damaged: 2 });
  expect(
    complaints.filter((said) => /is damaged .* it is kept as damaged\//.test(said)),
  ).toHaveLength(2);
});

test('a file named as if from a far future hides no later segment', async () => {
  const dir = spooled({ 1: line('i', 1, intentOf(1)) });
  writeFileSync(
    segmentFile(dir, 'zzzzzzzzz-0000', 1).path,
    line('c', 2, JSON.stringify(['', callId(2)])),
  );
  writeFileSync(path.join(dir, 'not-one-of-ours.seg'), '');
  const away = scriptedSink(() => 'try_again');
  const first = await ledgerIn(dir, away.sink);
  expect(first.complaints.some((said) => said.includes('not-one-of-ours.seg'))).toBe(true);
  expect(await first.ledger.spool.intend(callId(3), intentOf(3))).toBe(true);
  await first.ledger.stop(0);
  const { crashed, ids } = await recovered(dir);
  expect(crashed).toBe(1);
  expect(ids.toSorted()).toEqual([callId(1), callId(2), callId(3)]);
});

test('one flipped bit in its close leaves an answered call answered', async () => {
  const row = JSON.stringify(['1', callId(1), 'test.life', 1, 'answered']);
  const text = line('i', 1, intentOf(1)) + line('c', 1, row);
  const at = text.indexOf('answered') + 2;
  const flipped = Buffer.from(text);
  flipped[at] = (flipped[at] ?? 0) ^ 4;
  const dir = spooled({ 1: '' });
  writeFileSync(segmentFile(dir, life, 1).path, flipped);
  const { sink, rows } = scriptedSink();
  const { ledger, complaints } = await ledgerIn(dir, sink);
  await ledger.stop(10_000);
  expect(ledger.recovered).toBe(0);
  expect(rows()).toEqual([row]);
  expect(
    readFileSync(path.join(dir, 'damaged', path.basename(segmentFile(dir, life, 1).path))),
  ).toEqual(flipped);
  expect(complaints[0]).toBe(`1 lines in ${dir} had a flipped bit and were mended`);
});

test('a close that is damaged for good is a row that says so, and its segment is kept', async () => {
  const text = line('i', 1, intentOf(1)) + line('i', 2, intentOf(2)) + line('c', 1, '["answered"]');
  const dir = spooled({ 1: text.replace('answered', 'XXXXXXXX') });
  const { sink, rows } = scriptedSink();
  const { ledger } = await ledgerIn(dir, sink);
  await ledger.stop(10_000);
  const codes = rows().map((row) => {
    const values: unknown = JSON.parse(row);
    return Array.isArray(values) ? [values[1], values[callColumns.indexOf('error_code')]] : [];
  });
  expect(codes).toEqual([
    [callId(1), 'record_damaged'],
    [callId(2), 'internal_error'],
  ]);
  expect(ledger.shipper.totals.damaged).toBe(1);
  expect(ledger.aside.lying()).toEqual({ dead: 0, damaged: 1 });
});

test('the same spool under another name ships nothing twice, whether its answer was lost or never came', async () => {
  for (const answer of ['lost', 'try_again'] as const) {
    const dir = tempDir();
    let away = true;
    const script = scriptedSink((_insert, earlier) =>
      away ? (earlier.length === 0 ? answer : 'try_again') : 'done',
    );
    const first = await ledgerIn(dir, script.sink, {
      replica: 'pod-a',
      limits: { segmentCloses: 1 },
    });
    for (const n of [1, 2]) await first.ledger.spool.intend(callId(n), intentOf(n));
    first.ledger.settle({ ...someSettlement, call: { ...someCall, id: callId(1) } });
    await until(() => script.asked.length > 0);
    await first.ledger.stop(0);
    away = false;
    const second = await ledgerIn(dir, script.sink, { replica: 'pod-b' });
    expect((await second.ledger.stop(10_000)).allShipped).toBe(true);
    expect(script.rows().map(idOfRow).toSorted()).toEqual([callId(1), callId(2)]);
    const [sent, again] = script.asked.filter(({ rows }) =>
      rows.some((row) => idOfRow(row) === callId(1)),
    );
    if (again !== undefined) expect(again.token).toBe(sent?.token);
  }
});

test('a table that is not told of a row that was spared is told again; one that cannot take it holds nothing up', async () => {
  for (const [refusal, told] of [
    ['try_again', 1],
    ['cannot', 0],
  ] as const) {
    const dir = spooled({ 1: line('i', 1, intentOf(1)) });
    let refusals = 0;
    const script = scriptedSink(({ token }) =>
      token === 'spare' && (refusal === 'cannot' || refusals === 0)
        ? ((refusals += 1), refusal)
        : 'done',
    );
    script.taken.set('earlier', [JSON.stringify(['1', callId(1), 'test.life', 1])]);
    const { ledger, complaints } = await ledgerIn(dir, script.sink);
    expect((await ledger.stop(10_000)).allShipped).toBe(true);
    expect([refusals, script.spared.length]).toEqual([1, told]);
    expect(complaints.join()).toContain(
      refusal === 'cannot' ? 'will look missing to `ledger verify`' : 'trying again',
    );
  }
});

test('a call that has a row in the table gets no second one, though its close did not come to this disk', async () => {
  const dir = spooled({ 1: line('i', 1, intentOf(1)) });
  const script = scriptedSink();
  script.taken.set('earlier', [JSON.stringify(['1', callId(1), 'test.life', 1])]);
  const { ledger } = await ledgerIn(dir, script.sink);
  expect((await ledger.stop(10_000)).allShipped).toBe(true);
  expect(script.rows()).toHaveLength(1);
});

test('shipped segments that are kept are not shipped again by the next life; what the table lost of them is', async () => {
  const dir = tempDir();
  const script = scriptedSink();
  const limits = { segmentCloses: 1, keepShippedMs: 3_600_000 };
  const first = await ledgerIn(dir, script.sink, { limits });
  for (const n of [1, 2, 3]) {
    await first.ledger.spool.intend(callId(n), intentOf(n));
    first.ledger.settle({ ...someSettlement, call: { ...someCall, id: callId(n) } });
    await until(() => first.ledger.shipper.totals.shipped === n);
  }
  await first.ledger.stop(10_000);
  expect(first.ledger.kept.bytes()).toBeGreaterThan(0);
  const inserts = script.asked.length;

  const second = await ledgerIn(dir, script.sink, { limits });
  await second.ledger.reconciler.check();
  expect(second.ledger.reconciler.difference()).toEqual({ missing: 0, double: 0 });
  await second.ledger.stop(10_000);
  expect(script.asked.length).toBe(inserts);

  // A server without its own syncs loses power: an insert that it had answered is gone.
  const [lost = ''] = [...script.taken.keys()].slice(1);
  script.taken.delete(lost);
  const third = await ledgerIn(dir, script.sink, { limits });
  await until(() => script.rows().length === 3);
  await third.ledger.reconciler.check();
  expect(third.ledger.reconciler.difference()).toEqual({ missing: 0, double: 0 });
  await third.ledger.stop(10_000);
  expect(script.rows().map(idOfRow).toSorted()).toEqual([1, 2, 3].map(callId));
});

test('a close that is damaged before it is shipped is a row that says so, without a restart', async () => {
  const dir = tempDir();
  let away = true;
  const script = scriptedSink(() => (away ? 'try_again' : 'done'));
  const { ledger } = await ledgerIn(dir, script.sink);
  // The first is still open when the segment is sealed and ends later, the second and the third end in it.
  for (const n of [1, 2, 3]) await ledger.spool.intend(callId(n), intentOf(n));
  const settle = (n: number): void =>
    ledger.settle({ ...someSettlement, call: { ...someCall, id: callId(n) } });
  settle(2);
  settle(3);
  const [segment] = segmentFiles(dir);
  const at = segment?.path ?? '';
  await until(() => readFileSync(at, 'utf8').split('answered').length === 3);
  ledger.spool.seal();
  settle(1);
  const text = readFileSync(at, 'utf8');
  writeFileSync(at, text.replace('answered', 'XXXXXXXX'));
  away = false;
  await until(() => {
    ledger.spool.seal();
    return script.rows().length === 3;
  });
  const codes = script.rows().map((row): readonly [unknown, unknown] => {
    const values: unknown = JSON.parse(row);
    return Array.isArray(values)
      ? [values[1], values[callColumns.indexOf('error_code')]]
      : ['', ''];
  });
  expect(new Map(codes)).toEqual(
    new Map([
      [callId(1), ''],
      [callId(2), 'record_damaged'],
      [callId(3), ''],
    ]),
  );
  expect(ledger.shipper.totals).toMatchObject({ damaged: 1, shipped: 3 });
  expect(ledger.aside.lying()).toEqual({ dead: 0, damaged: 1 });
  // Its own number is gone from the table; what stands for it has another.
  await ledger.reconciler.check();
  expect(ledger.reconciler.difference()).toEqual({ missing: 1, double: 0 });
  await ledger.stop(10_000);
});
