import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { newIncarnation } from '../../../../gateway/src/edge/ledger/files.ts';
import { readLeftover } from '../../../../gateway/src/edge/ledger/recover.ts';
import type { Sealed } from '../../../../gateway/src/edge/ledger/rotation.ts';
import { segmentFiles } from '../../../../gateway/src/edge/ledger/files.ts';
import { noTotals } from '../../../../gateway/src/edge/ledger/totals.ts';
import type { SpoolLimits } from '../../../../gateway/src/edge/ledger/spool-options.ts';
import { startSpool } from '../../../../gateway/src/edge/ledger/spool.ts';
import { alone, callId, limits, segmentsIn, tempDir, until } from './support.ts';

const spoolIn = (
  dir: string,
  less: Partial<SpoolLimits> = {},
  more: Partial<typeof alone> = {},
) => {
  const sealed: Sealed[] = [];
  const complaints: string[] = [];
  let commits = 0;
  const spool = startSpool({
    dir,
    incarnation: newIncarnation(1_700_000_000_000, 1),
    limits: { ...limits, ...less },
    ...alone,
    ...more,
    firstSegment: 1,
    firstSeq: 1,
    totals: noTotals(),
    onAllWritten: () => {},
    onSealed: (segment) => sealed.push(segment),
    onCommit: () => {
      commits += 1;
    },
    onError: (message) => complaints.push(message),
  });
  return { spool, sealed, complaints, commits: () => commits };
};

/** `i1 c1`: what a segment tells, in short. */
const told = (dir: string): Record<string, string> =>
  Object.fromEntries(
    [...segmentsIn(dir)].map(([name, entries]) => [
      name.slice(-12, -4),
      entries.map((e) => `${e.kind}${Number.parseInt(e.callId.slice(-12), 16)}`).join(' '),
    ]),
  );

test('entries of one turn are one write, in order, and on disk before anyone is answered', async () => {
  const dir = tempDir();
  const { spool, commits } = spoolIn(dir);
  const answers = [1, 2, 3].map((n) => spool.intend(callId(n), `{"n":${n}}`));
  spool.close(callId(9), (out, seq) => out.text(`["refused",${seq}]`));
  expect(told(dir)).toEqual({ '00000001': '' });
  await expect(answers[0]).resolves.toBe(true);
  expect(told(dir)).toEqual({ '00000001': 'i1 i2 i3 c9' });
  expect(await Promise.all(answers)).toEqual([true, true, true]);
  expect(commits()).toBe(1);
  await spool.stop();
});

test('a write of any size and any script is on disk as it was', async () => {
  const dir = tempDir();
  const { spool } = spoolIn(dir);
  const texts = [10, 300_000, 400_000, 700_000, 5].map((chars) => '好'.repeat(chars));
  for (const [n, value] of texts.entries())
    expect(await spool.intend(callId(n), JSON.stringify(value))).toBe(true);
  const [entries = []] = segmentsIn(dir).values();
  expect(entries.map(({ json }): unknown => JSON.parse(json))).toEqual(texts);
  await spool.stop();
});

test('a segment is sealed by its number of rows, and says what is in it', async () => {
  const dir = tempDir();
  const { spool, sealed } = spoolIn(dir, { segmentCloses: 2 });
  for (const n of [1, 2, 3]) {
    spool.close(callId(n), (out, seq) => out.text(`[${seq}]`));
    await until(() => spool.totals.bytes > 0);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => sealed.length === 1);
  expect(sealed[0]).toMatchObject({ number: 1, closes: 2 });
  expect(sealed[0]?.bytes).toBe(statSync(sealed[0]?.path ?? '').size);
  expect(told(dir)).toEqual({ '00000001': 'c1 c2', '00000002': 'c3' });
  await spool.stop();
});

test('a segment is sealed by its size', async () => {
  const { spool, sealed } = spoolIn(tempDir(), { segmentSizeBytes: 1000 });
  spool.close(callId(1), (out) => out.text(`["${'x'.repeat(990)}"]`));
  await until(() => sealed.length === 1);
  await spool.stop();
});

test('a segment is sealed by its age, but not while it holds no row', async () => {
  const dir = tempDir();
  const { spool, sealed } = spoolIn(dir, { segmentAgeMs: 1 });
  await spool.intend(callId(1), '{}');
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(sealed).toEqual([]);
  spool.close(callId(1), (out) => out.text('[]'));
  await until(() => sealed.length === 1);
  await spool.stop();
});

test('a new segment begins with all that is known of the calls still open', async () => {
  const dir = tempDir();
  const { spool } = spoolIn(dir);
  await spool.intend(callId(1), '{"first":1}');
  await spool.further(callId(1), '{"second":1}');
  spool.progress(callId(1), '{"tokens":5}');
  spool.progress(callId(1), '{"tokens":9}');
  await spool.intend(callId(2), '{}');
  spool.close(callId(2), (out) => out.text('[]'));
  await until(() => told(dir)['00000001'] === 'i1 a1 p1 p1 i2 c2');
  spool.seal();
  const second = [...segmentsIn(dir).values()][1];
  expect(second?.map(({ kind, json }) => kind + json)).toEqual([
    'i{"first":1}',
    'a{"second":1}',
    'p{"tokens":9}',
  ]);
  await spool.stop();
});

test('an entry that still waits keeps its segment from being sealed', async () => {
  const dir = tempDir();
  const { spool, sealed } = spoolIn(dir);
  await spool.intend(callId(1), '{}');
  spool.close(callId(2), (out) => out.text('[]'));
  await until(() => told(dir)['00000001'] === 'i1 c2');
  spool.close(callId(1), (out) => out.text('[]'));
  spool.seal();
  expect(Object.keys(told(dir))).toEqual(['00000001']);
  await spool.stop();
  expect(sealed.map(({ closes }) => closes)).toEqual([2]);
  expect(told(dir)).toEqual({ '00000001': 'i1 c2 c1' });
});

test('segments are handed over in the order of their numbers, however many are sealed at once', async () => {
  const { spool, sealed } = spoolIn(tempDir(), { segmentCloses: 1 });
  for (let n = 1; n <= 60; n += 1) {
    spool.close(callId(n), (out) => out.text(`["${'x'.repeat(n % 7 === 0 ? 200_000 : 10)}"]`));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await spool.stop();
  expect(sealed.map(({ number }) => number)).toEqual(sealed.map((_, i) => i + 1));
  expect(sealed.reduce((sum, { closes }) => sum + closes, 0)).toBe(60);
});

test('a full spool refuses intents, takes the rows of calls in flight, and counts refusals without recording them', async () => {
  const dir = tempDir();
  const { spool } = spoolIn(dir, { maxSpoolBytes: 400 });
  expect(await spool.intend(callId(1), JSON.stringify({ text: 'x'.repeat(400) }))).toBe(true);
  expect(spool.full()).toBe('max_spool');
  expect(await spool.intend(callId(2), '{}')).toBe(false);
  expect(await spool.further(callId(1), '{}')).toBe(false);
  let dropped = 0;
  const drop = (): void => {
    dropped += 1;
  };
  for (let n = 2; n < 100; n += 1)
    spool.close(callId(n), (out) => out.text('["refused"]'), undefined, drop);
  spool.close(callId(1), (out) => out.text('[]'), undefined, drop);
  await until(() => told(dir)['00000001'] === 'i1 c1');
  expect(spool.totals).toMatchObject({ intents: 1, closedIntents: 1, closes: 1, dropped: 98 });
  expect(dropped).toBe(98);
  expect(spool.openCalls()).toBe(0);
  await spool.stop();
});

test('rows of refused calls have a share of the spool; the rest of it is for calls that reach a provider', async () => {
  const dir = tempDir();
  const { spool, sealed } = spoolIn(dir, { maxRefusalsBytes: 1000 });
  for (let n = 1; n <= 1000; n += 1)
    spool.close(callId(n), (out) => out.text(`["${'x'.repeat(50)}"]`));
  expect(spool.totals.closes + spool.totals.dropped).toBe(1000);
  expect(spool.totals.refusalBytes).toBeLessThan(1200);
  expect(await spool.intend(callId(1001), '{}')).toBe(true);
  spool.close(callId(1001), (out) => out.text('["answered"]'));
  await until(() => told(dir)['00000001']?.endsWith('i1001 c1001') === true);
  spool.seal();
  await until(() => sealed.length === 1);
  expect(sealed[0]?.refusalBytes).toBe(spool.totals.refusalBytes);
  await spool.stop();
});

test('without its reserve it refuses calls, and kept segments stand back until the reserve is there again', async () => {
  let kept = 3;
  let intact = false;
  const reserve = {
    bytes: 1_000_000,
    intact: () => intact,
    release: () => false,
    renew: () => (intact = kept === 0),
  };
  const shed = (): boolean => {
    kept -= 1;
    return true;
  };
  const { spool } = spoolIn(tempDir(), {}, { reserve, shed });
  expect(spool.full()).toBe('reserve');
  expect(await spool.intend(callId(1), '{}')).toBe(false);
  await until(() => spool.full() === null);
  expect(kept).toBe(0);
  expect(await spool.intend(callId(2), '{}')).toBe(true);
  await spool.stop();
});

test('no more calls are in flight than the reserve has room for', async () => {
  const reserve = { bytes: 5_000, intact: () => true, release: () => false, renew: () => true };
  const { spool } = spoolIn(tempDir(), {}, { reserve });
  const taken: boolean[] = [];
  for (let n = 1; n <= 5; n += 1) taken.push(await spool.intend(callId(n), '{}'));
  expect(taken).toEqual([true, true, true, false, false]);
  expect(spool.full()).toBe('reserve');
  spool.close(callId(1), (out) => out.text('[]'));
  expect(await spool.intend(callId(6), '{}')).toBe(true);
  await spool.stop();
});

test('whoever asks is told once his row is in the file', async () => {
  const dir = tempDir();
  const { spool } = spoolIn(dir);
  await spool.intend(callId(1), '{}');
  const durable = await new Promise((resolve) => {
    spool.close(callId(1), (out) => out.text('[]'), resolve);
    expect(told(dir)).toEqual({ '00000001': 'i1' });
  });
  expect(durable).toBe(true);
  expect(told(dir)).toEqual({ '00000001': 'i1 c1' });
  await spool.stop();
  expect(
    await new Promise((resolve) => spool.close(callId(2), (out) => out.text('[]'), resolve)),
  ).toBe(false);
});

test('asked to survive a power cut, it tells of each line once a sync has followed it, however segments end', async () => {
  const dir = tempDir();
  const { spool, sealed } = spoolIn(dir, { durability: 'power', segmentCloses: 7 });
  const calls = Array.from({ length: 100 }, (_, n) => n + 1);
  const durable = calls.map(async (n) => {
    const intended = await spool.intend(callId(n), '{}');
    const closed = await new Promise((resolve) =>
      spool.close(callId(n), (out) => out.text('[]'), resolve),
    );
    return [intended, closed];
  });
  expect(await Promise.all(durable)).toEqual(calls.map(() => [true, true]));
  await spool.stop();
  expect(sealed.reduce((sum, { closes }) => sum + closes, 0)).toBe(100);
});

test('told to go on when it is full, it lets calls pass, writes what there is room for when they end, and counts the rest', async () => {
  const dir = tempDir();
  const { spool } = spoolIn(dir, { whenFull: 'go_on', maxSpoolBytes: 400 });
  await spool.intend(callId(1), JSON.stringify({ text: 'x'.repeat(400) }));
  expect([spool.full(), spool.refuses()]).toEqual(['max_spool', null]);
  expect(await spool.intend(callId(2), '{}')).toBe(true);
  expect(await spool.further(callId(2), '{}')).toBe(true);
  expect(await spool.further(callId(1), '{}')).toBe(true);
  spool.sent(callId(2));
  let dropped = 0;
  const written = await new Promise((resolve) =>
    spool.close(
      callId(2),
      (out) => out.text('[]'),
      resolve,
      () => (dropped += 1),
    ),
  );
  expect([written, dropped, spool.totals.dropped]).toEqual([false, 1, 1]);
  spool.close(callId(1), (out) => out.text('[]'));
  await until(() => told(dir)['00000001'] === 'i1 c1');
  expect(spool.openCalls()).toBe(0);
  await spool.stop();
  expect(await spool.intend(callId(3), '{}')).toBe(false);
});

test('a row after a quiet time is sealed after one age, those of a trickle less often', async () => {
  const sealedMs: number[] = [];
  const { spool, sealed } = spoolIn(
    tempDir(),
    { segmentAgeMs: 100 },
    { onSeal: () => void sealedMs.push(performance.now()) },
  );
  const startedMs = performance.now();
  for (let n = 1; sealedMs.length < 3; n += 1) {
    spool.close(callId(n), (out) => out.text('[]'));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const [first = 0, second = 0, third = 0] = sealedMs;
  expect(first - startedMs).toBeGreaterThanOrEqual(99);
  expect([second - first >= 499, third - second >= 499]).toEqual([true, true]);
  await spool.stop();
  expect(sealed.length).toBeGreaterThanOrEqual(3);
});

test('what was sent of an attempt moves along with its call', async () => {
  const dir = tempDir();
  const { spool } = spoolIn(dir);
  await spool.intend(callId(1), '{}');
  spool.sent(callId(1));
  spool.close(callId(2), (out) => out.text('[]'));
  await until(() => told(dir)['00000001'] === 'i1 s1 c2');
  spool.seal();
  expect(told(dir)['00000002']).toBe('i1 s1');
  await spool.stop();
});

test('a further attempt that was refused is not carried on', async () => {
  const dir = tempDir();
  const { spool } = spoolIn(dir, { maxSpoolBytes: 300 });
  await spool.intend(callId(2), '{}');
  await spool.intend(callId(1), JSON.stringify({ text: 'x'.repeat(300) }));
  expect(await spool.further(callId(1), '{}')).toBe(false);
  spool.close(callId(2), (out) => out.text('[]'));
  await until(() => told(dir)['00000001'] === 'i2 i1 c2');
  spool.seal();
  expect(told(dir)['00000002']).toBe('i1');
  await spool.stop();
});

test('after the end nothing is written, and open calls are left for the next start', async () => {
  const dir = tempDir();
  const { spool } = spoolIn(dir);
  await spool.intend(callId(1), '{}');
  spool.close(callId(2), (out) => out.text('[]'));
  await spool.stop();
  const before = told(dir);
  spool.close(callId(1), (out) => out.text('[]'));
  spool.progress(callId(1), '{}');
  expect(await spool.intend(callId(3), '{}')).toBe(false);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(told(dir)).toEqual(before);
  expect([...(await readLeftover(segmentFiles(dir))).open.keys()]).toEqual([callId(1)]);
});

test('a clean end with no call open leaves no file behind that nobody was handed', async () => {
  const dir = tempDir();
  const { spool, sealed } = spoolIn(dir);
  await spool.intend(callId(1), '{}');
  spool.close(callId(1), (out) => out.text('[]'));
  await spool.stop();
  expect(readdirSync(dir)).toEqual(sealed.map((segment) => path.basename(segment.path)));
});

const prlimit = spawnSync('prlimit', ['--version']).status === 0;

/** A process whose spool does as told, one command a line, and whose files the test can keep from growing. */
const spoolElsewhere = (dir: string) => {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'spool-child.ts'), dir], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const next = async (): Promise<string> => {
    await until(() => said.includes('\n'));
    const line = said.slice(0, said.indexOf('\n'));
    said = said.slice(line.length + 1);
    return line;
  };
  return {
    ask(command: string): Promise<string> {
      child.stdin.write(`${command}\n`);
      return next();
    },
    limit(bytes: number | 'unlimited'): void {
      const { status } = spawnSync('prlimit', [`--pid=${child.pid}`, `--fsize=${bytes}:`]);
      expect(status).toBe(0);
    },
    async end(): Promise<void> {
      const gone = once(child, 'exit');
      child.stdin.end();
      await gone;
    },
  };
};

test('a disk that is full: intents are refused, rows are held, and written whole when there is room again', async ({
  skip,
}) => {
  if (!prlimit) skip('prlimit is not here (Linux, Debian package util-linux)');
  const dir = tempDir();
  const child = spoolElsewhere(dir);
  expect(await child.ask('intend 1')).toBe('true');
  const [name = ''] = readdirSync(dir);
  // Room for half an entry: what a full disk lets through of a write must be cut off again.
  const sizeBytes = statSync(path.join(dir, name)).size;
  child.limit(sizeBytes + 20);
  expect(await child.ask('intend 2')).toBe('false');
  expect(await child.ask('intend 3')).toBe('false');
  expect(await child.ask('close 1')).toBe('closed');
  // Refused: with the disk so short it is counted, not recorded.
  expect(await child.ask('close 2')).toBe('closed');
  // Long enough for the rows to have been refused themselves, more than once.
  await expect.poll(() => child.ask('errors'), { timeout: 30_000 }).toMatch(/^errors [4-9]/);
  expect(told(dir)).toEqual({ '00000001': 'i1' });
  expect(statSync(path.join(dir, name)).size).toBe(sizeBytes);
  child.limit('unlimited');
  await until(() => told(dir)['00000001'] === 'i1 c1');
  expect(await child.ask('intend 4')).toBe('true');
  expect(told(dir)['00000001']).toBe('i1 c1 i4');
  expect(readFileSync(path.join(dir, name), 'utf8').split('\n')).toHaveLength(5);
  expect(await child.ask('totals')).toBe('intents 2 closed 1 closes 1 dropped 1 open 1');
  await child.end();
});

test('a disk with no room for the open calls of the next segment goes on with this one, without litter', async ({
  skip,
}) => {
  if (!prlimit) skip('prlimit is not here (Linux, Debian package util-linux)');
  const dir = tempDir();
  const child = spoolElsewhere(dir);
  expect(await child.ask('intend 1')).toBe('true');
  expect(await child.ask('close 2')).toBe('closed');
  await until(() => told(dir)['00000001'] === 'i1 c2');
  child.limit(0);
  expect(await child.ask('seal')).toBe('sealed');
  expect(await child.ask('seal')).toBe('sealed');
  expect(Object.keys(told(dir))).toEqual(['00000001']);
  child.limit('unlimited');
  // It leaves the disk alone for a while after a failure; and a new file is there before its first line.
  await until(() => {
    void child.ask('seal');
    return told(dir)['00000002'] === 'i1';
  });
  expect(told(dir)).toEqual({ '00000001': 'i1 c2', '00000002': 'i1' });
  await child.end();
});
