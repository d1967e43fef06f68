import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { metrics } from '../../../../gateway/src/contract/metrics.ts';
import { metricStore } from '../../../../gateway/src/edge/telemetry/store.ts';

test('counts with the same labels are one series, in whatever order the labels are given', () => {
  const store = metricStore(10);
  store.add('calls', { caller_team: 't', caller_app: 'a', outcome: 'answered' }, 1);
  store.add('calls', { outcome: 'answered', caller_app: 'a', caller_team: 't' }, 2);
  store.add('calls', { caller_team: 'a', caller_app: 't', outcome: 'answered' }, 4);
  expect([...store.values('calls')].map(({ value }) => value)).toEqual([3, 4]);
  expect([...store.values('calls')][0]?.labels).toEqual({
    caller_team: 't',
    caller_app: 'a',
    outcome: 'answered',
  });
});

test('values past the cap of a label are counted as other, each time, and what was known stays', () => {
  const store = metricStore(2);
  for (const team of ['a', 'b', 'c', 'd', 'a', 'c']) {
    store.add('calls', { caller_team: team, caller_app: 'x', outcome: 'answered' }, 1);
  }
  const byTeam = [...store.values('calls')].map((s) => [s.labels['caller_team'], s.value]);
  expect(byTeam).toEqual([
    ['a', 2],
    ['b', 1],
    ['other', 3],
  ]);
  expect([...store.values('overflow')].map((s) => [s.labels, s.value])).toEqual([
    [{ metric: 'tollgate_calls_total', label: 'caller_team' }, 3],
  ]);
});

test('nothing is lost over the cap, and no label has more values than it and other', () => {
  const anyLabels = fc.record({
    caller_team: fc.stringMatching(/^[a-f]$/),
    caller_app: fc.stringMatching(/^[a-f]$/),
    outcome: fc.constantFrom('answered', 'other'),
  });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(anyLabels, fc.nat(5)), { maxLength: 60 }),
      fc.integer({ min: 1, max: 4 }),
      (counts, cap) => {
        const store = metricStore(cap);
        for (const [labels, n] of counts) store.add('calls', labels, n);
        const series = [...store.values('calls')];
        expect(series.reduce((sum, { value }) => sum + value, 0)).toBe(
          counts.reduce((sum, [, n]) => sum + n, 0),
        );
        for (const name of metrics.calls.labels) {
          const values = new Set(series.map(({ labels }) => labels[name]));
          values.delete('other');
          expect(values.size).toBeLessThanOrEqual(cap);
        }
        const keys = series.map(({ labels }) => JSON.stringify(labels));
        expect(new Set(keys).size).toBe(keys.length);
      },
    ),
  );
});

test('an observation falls into the first bucket that is not below it, on its boundary too', () => {
  const store = metricStore(10);
  const boundaries = metrics.overhead.buckets;
  for (const boundary of boundaries) store.observe('overhead', { operation: 'chat' }, boundary);
  store.observe('overhead', { operation: 'chat' }, 0);
  store.observe('overhead', { operation: 'chat' }, 1e9);
  const [series] = [...store.histograms('overhead')];
  expect(series?.counts).toEqual([2, ...boundaries.slice(1).map(() => 1), 1]);
  expect(series?.count).toBe(boundaries.length + 2);
});

test('money is kept whole: a million thousandths of a thousandth of a cent lose nothing', () => {
  const store = metricStore(10);
  for (let i = 0; i < 100_000; i += 1) {
    store.addMoney('cost', { caller_team: 't', caller_app: 'a' }, 333_333_333_333_333n);
  }
  expect([...store.values('cost')][0]?.picodollars).toBe(33_333_333_333_333_300_000n);
});

test('an exemplar is the last point with a trace, and stands at the bucket it fell into', () => {
  const store = metricStore(10);
  const labels = { caller_team: 't', caller_app: 'a', outcome: 'answered' };
  store.add('calls', labels, 1, 'trace-1');
  store.add('calls', labels, 1);
  expect([...store.values('calls')][0]?.exemplar).toMatchObject({ traceId: 'trace-1', value: 1 });
  store.observe('overhead', { operation: 'chat' }, 0.00007, 'trace-2');
  const [series] = [...store.histograms('overhead')];
  expect(series?.exemplars[1]).toMatchObject({ traceId: 'trace-2', value: 0.00007 });
  expect(series?.exemplars.filter((one) => one !== null)).toHaveLength(1);
});

test('a gauge is set, moved and cleared; clearing forgets its labels too', () => {
  const store = metricStore(1);
  store.set('config', { hash: 'a' }, 1);
  store.clear('config');
  store.set('config', { hash: 'b' }, 1);
  expect([...store.values('config')].map(({ labels }) => labels)).toEqual([{ hash: 'b' }]);
  store.move('inflight', { provider: 'p' }, 2);
  store.move('inflight', { provider: 'p' }, -1);
  expect([...store.values('inflight')][0]?.value).toBe(1);
  expect([...store.values('overflow')]).toEqual([]);
});

test('what was never counted has no series', () => {
  const store = metricStore(1);
  expect([...store.values('calls')]).toEqual([]);
  expect([...store.histograms('overhead')]).toEqual([]);
});
