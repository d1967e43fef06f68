/** The pure decisions of the embedded ClickHouse. */
import { expect, test } from 'vitest';
import { startCounters } from '../../deploy/local/src/clickhouse/counters.ts';
import { overflow } from '../../deploy/local/src/clickhouse/overflow.ts';
import { judge } from '../../deploy/local/src/clickhouse/recycle.ts';
import { tooSlow } from '../../deploy/local/src/clickhouse/watchdog.ts';
import { clickhouseMetrics } from '../../deploy/local/src/contract/metrics.ts';

const MiB = 1024 ** 2;
const limits = { keptBytes: 300 * MiB, processBytes: 4000 * MiB, strayMs: 1000, failures: 10 };
const quiet = {
  rssBytes: 400 * MiB,
  baseBytes: 300 * MiB,
  busy: 0,
  strayMs: 0,
  failures: 0,
  failedSince: 0,
  tidied: false,
};

test('memory counts as kept only when nothing runs and freed memory was given back', () => {
  const grown = { ...quiet, rssBytes: 700 * MiB };
  expect(judge(quiet, limits)).toEqual({ kind: 'keep' });
  expect(judge({ ...grown, busy: 1 }, limits)).toEqual({ kind: 'keep' });
  expect(judge(grown, limits)).toEqual({ kind: 'tidy' });
  const kept = judge({ ...grown, tidied: true }, limits);
  expect(kept).toEqual({ kind: 'recycle', why: 'kept_memory' });
});

test('an engine is replaced while queries run only for too much memory in all, or too many failures', () => {
  const huge = { ...quiet, busy: 3, rssBytes: 5000 * MiB };
  expect(judge(huge, limits)).toEqual({ kind: 'tidy' });
  expect(judge({ ...huge, tidied: true }, limits)).toEqual({ kind: 'recycle', why: 'memory' });
  const failing = judge({ ...quiet, busy: 3, failures: 11 }, limits);
  expect(failing).toEqual({ kind: 'recycle', why: 'failures' });
});

test('a query that nobody waits for is looked at again until it has been there for too long', () => {
  expect(judge({ ...quiet, failedSince: 1 }, limits)).toEqual({ kind: 'tidy' });
  expect(judge({ ...quiet, strayMs: 500 }, limits)).toEqual({ kind: 'tidy' });
  const stray = judge({ ...quiet, strayMs: 1500 }, limits);
  expect(stray).toEqual({ kind: 'recycle', why: 'stray_query' });
});

const disk = {
  resultBytes: 100 * MiB,
  userDiskBytes: 150 * MiB,
  diskBytes: 200 * MiB,
  freeBytes: 50 * MiB,
};
const file = (user: string, sizeBytes: number, runningMs: number | null = 100) => ({
  user,
  sizeBytes,
  runningMs,
});

test('the largest growing result of whoever takes too much is ended', () => {
  const [small, large, other] = [file('a', 60 * MiB), file('a', 95 * MiB), file('b', 10 * MiB)];
  expect([...overflow([small, large, other], 1000 * MiB, disk)]).toEqual([
    [large, 'user_disk_bytes'],
  ]);
  const tooLarge = file('b', 101 * MiB);
  expect([...overflow([tooLarge], 1000 * MiB, disk)]).toEqual([[tooLarge, 'result_bytes']]);
  const whole = file('a', 140 * MiB, null);
  const growing = file('b', 70 * MiB);
  expect([...overflow([whole, growing], 1000 * MiB, disk)]).toEqual([[growing, 'disk_bytes']]);
});

test('below the reserve only short queries with small results run on', () => {
  const [short, long, large] = [file('a', 0), file('a', 0, 5000), file('a', 2 * MiB)];
  const fetched = file('a', 90 * MiB, null);
  const ending = overflow([short, long, large, fetched], 10 * MiB, disk);
  expect([...ending]).toEqual([
    [long, 'free_disk'],
    [large, 'free_disk'],
  ]);
});

test('a transfer may stall for a while, not lag for longer, and has an end', () => {
  const pace = { transferMs: 60_000, bytesPerSecond: 1000, stallMs: 10_000 };
  expect(tooSlow(10_000, 0, pace)).toBe(false);
  expect(tooSlow(12_000, 1999, pace)).toBe(true);
  expect(tooSlow(12_000, 2000, pace)).toBe(false);
  expect(tooSlow(60_001, 10 ** 9, pace)).toBe(true);
});

test('metrics are all there from the start, each with every value of its label', () => {
  const counters = startCounters();
  const gauges = { engine_up: 1, engine_pid: 7, engine_resident_bytes: 8, engine_walled: 0 };
  const before = counters.render(gauges);
  for (const { name, kind, labels, values } of Object.values(clickhouseMetrics)) {
    expect(before).toContain(`# TYPE ${name} ${kind}\n`);
    for (const value of values) expect(before).toContain(`\n${name}{${labels[0]}="${value}"} 0\n`);
  }
  expect(before).toContain('\ntollgate_clickhouse_engine_up 1\n');
  counters.add('refused', 'free_disk');
  counters.add('engine_starts');
  const after = counters.render(gauges);
  expect(after).toContain('\ntollgate_clickhouse_refused_total{why="free_disk"} 1\n');
  expect(after).toContain('\ntollgate_clickhouse_engine_starts_total 1\n');
  expect(after.split('\n')).toHaveLength(before.split('\n').length);
});
