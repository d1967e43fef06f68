import { spawnSync } from 'node:child_process';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { metrics, type MetricRow } from '../../../../gateway/src/contract/metrics.ts';
import { count } from '../../../../gateway/src/projections/metrics.ts';
import {
  mergedView,
  prometheusView,
} from '../../../../gateway/src/edge/telemetry/prometheus-view.ts';
import { absent, type Snapshot } from '../../../../gateway/src/edge/telemetry/snapshot.ts';
import { metricStore } from '../../../../gateway/src/edge/telemetry/store.ts';
import { anySettlement } from '../../model/any-settlement.ts';
import { someAttempt, someSettlement } from '../../model/settlements.ts';
import { readExposition, type Family } from './exposition.ts';

const openMetrics = 'application/openmetrics-text; version=1.0.0';
const plain = 'text/plain';

const store = metricStore(50);
const { view } = prometheusView(store);
count(store, someSettlement);
count(store, {
  ...someSettlement,
  attempts: [{ ...someAttempt, error: 'server', wasteReason: 'retry' }, someAttempt],
});
store.set('conservation', { quantity: 'calls' }, 0);
store.set('config', { hash: 'a"b\\c\nd' }, 1);

const shown = async (accept: string | undefined): Promise<Map<string, Family>> =>
  readExposition(await view(accept).text(), accept === openMetrics);

test('the scraper gets the format it accepts, and is told which', async () => {
  expect(view(undefined).contentType).toMatch(/^text\/plain/);
  expect(view(plain).contentType).toMatch(/^text\/plain/);
  expect(view(openMetrics).contentType).toMatch(/^application\/openmetrics-text; version=1\.0\.0/);
  expect(view(`${openMetrics},${plain};q=0.5`).contentType).toMatch(/^application\/openmetrics/);
  expect(await view(openMetrics).text()).toMatch(/# EOF\n$/);
});

test.each([plain, openMetrics])(
  'every metric of the contract is there with its type: %s',
  async (accept) => {
    const families = await shown(accept);
    for (const row of Object.values<MetricRow>(metrics)) {
      const name =
        accept === openMetrics && row.kind === 'counter'
          ? row.name.replace(/_total$/, '')
          : row.name;
      expect([name, families.get(name)?.type]).toEqual([name, row.kind]);
    }
  },
);

test('money is shown in dollars, labels come back as they went in', async () => {
  const families = await shown(plain);
  expect(families.get('tollgate_cost_usd_total')?.samples).toMatchObject([
    { labels: { caller_team: 'shop', caller_app: 'checkout' }, value: 0.001_035_000_003 },
  ]);
  expect(families.get('tollgate_config_info')?.samples).toMatchObject([
    { labels: { hash: 'a"b\\c\nd' }, value: 1 },
  ]);
});

test('counters keep one name in both formats', async () => {
  const [text, open] = await Promise.all([shown(plain), shown(openMetrics)]);
  const namesOf = (family: Family | undefined) => [...new Set(family?.samples.map((s) => s.name))];
  expect(namesOf(text.get('tollgate_calls_total'))).toEqual(['tollgate_calls_total']);
  expect(namesOf(open.get('tollgate_calls'))).toEqual(['tollgate_calls_total']);
});

test('histograms are cumulative up to their count, with the boundaries of the contract', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anySettlement, { maxLength: 6 }), async (settlements) => {
      const some = metricStore(50);
      for (const settlement of settlements) count(some, settlement);
      const families = readExposition(await prometheusView(some).view(plain).text(), false);
      for (const row of Object.values<MetricRow>(metrics)) {
        if (row.kind !== 'histogram') continue;
        const samples = families.get(row.name)?.samples ?? [];
        for (const total of samples.filter((s) => s.name === `${row.name}_count`)) {
          const series = samples.filter(
            (s) =>
              s.name === `${row.name}_bucket` &&
              row.labels.every((l) => s.labels[l] === total.labels[l]),
          );
          const values = series.map((s) => s.value);
          expect(series.map((s) => s.labels['le'])).toEqual([
            ...(row.buckets ?? []).map(String),
            '+Inf',
          ]);
          expect(values).toEqual(values.toSorted((a, b) => a - b));
          expect(values.at(-1)).toBe(total.value);
        }
      }
    }),
    { numRuns: 15 },
  );
});

test('exemplars link to the trace, in OpenMetrics only, and each inside its bucket', async () => {
  const families = await shown(openMetrics);
  const { traceId } = someSettlement.call.trace;
  const withExemplar = [...families.values()].flatMap(({ samples }) =>
    samples.filter(({ exemplar }) => exemplar !== null),
  );
  expect(withExemplar.length).toBeGreaterThan(4);
  for (const { name, labels, exemplar } of withExemplar) {
    expect(exemplar?.labels).toEqual({ trace_id: traceId });
    const row = Object.values<MetricRow>(metrics).find((one) => name.startsWith(one.name));
    expect([name, row?.exemplars]).toEqual([name, true]);
    const le = labels['le'];
    if (le !== undefined && le !== '+Inf') expect(exemplar?.value).toBeLessThanOrEqual(Number(le));
  }
});

/** As it comes from another process: copied, not shared. */
const sent = async (settlements: Parameters<typeof count>[1][]): Promise<Snapshot> => {
  const own = metricStore(50);
  for (const settlement of settlements) count(own, settlement);
  own.set('workerUp', {}, 1);
  return structuredClone(await prometheusView(own).snapshot());
};

test.each([plain, openMetrics])(
  'several processes show every series of each with its name, and their sum is what one process would show: %s',
  async (accept) => {
    const calls = [
      someSettlement,
      someSettlement,
      { ...someSettlement, outcome: 'broken' },
    ] as const;
    const sources = [
      { worker: '1', snapshot: await sent(calls.slice(0, 1)) },
      { worker: '2', snapshot: await sent(calls.slice(1)) },
    ];
    const merged = mergedView(sources, accept);
    const families = readExposition(await merged.text(), accept === openMetrics);
    const alone = await sent([...calls]);
    const one = readExposition(
      await mergedView([{ worker: 'all', snapshot: alone }], accept).text(),
      accept === openMetrics,
    );
    expect([...families.keys()].toSorted()).toEqual([...one.keys()].toSorted());
    for (const [name, { type, samples }] of families) {
      expect(one.get(name)?.type).toBe(type);
      for (const { labels } of samples) expect(['1', '2']).toContain(labels['worker']);
      if (!/^(?:tollgate|gen_ai)/.test(name) || type === 'gauge') continue;
      const sums = new Map<string, number>();
      for (const { name: series, labels, value } of samples) {
        const key = JSON.stringify([series, { ...labels, worker: 'all' }]);
        sums.set(key, (sums.get(key) ?? 0) + value);
      }
      for (const { name: series, labels, value } of one.get(name)?.samples ?? [])
        expect(sums.get(JSON.stringify([series, labels]))).toBeCloseTo(value, 9);
    }
    expect(families.get('process_start_time_seconds')?.samples.length).toBe(2);
  },
);

test('a process that gives no answer is told to be away, and has no other series', async () => {
  const sources = [
    { worker: '1', snapshot: await sent([someSettlement]) },
    { worker: '2', snapshot: structuredClone(absent(3)) },
  ];
  const families = readExposition(await mergedView(sources, plain).text(), false);
  expect(families.get('tollgate_worker_up')?.samples).toMatchObject([
    { labels: { worker: '1' }, value: 1 },
    { labels: { worker: '2' }, value: 0 },
  ]);
  const ofSecond = [...families.values()].flatMap(({ samples }) =>
    samples
      .filter(({ labels }) => labels['worker'] === '2')
      .map(({ name, value }) => [name, value]),
  );
  expect(ofSecond).toEqual([
    ['tollgate_worker_up', 0],
    ['tollgate_worker_restarts_total', 3],
  ]);
});

// Comes with Prometheus, which not every machine has.
const tool = 'promtool';
const installed = spawnSync(tool, ['--version']).status === 0;
test('promtool reads the text and finds no fault with it', async ({ skip }) => {
  if (!installed) skip('promtool is not installed here (Debian package prometheus)');
  const { stdout, stderr, status } = spawnSync(tool, ['check', 'metrics'], {
    input: await view(plain).text(),
    encoding: 'utf8',
  });
  // Advice about names of Node's own metrics is none of our business.
  const ours = `${stdout}${stderr}`.split('\n').filter((line) => /tollgate|gen_ai/.test(line));
  expect({ ours, readable: status === 0 || status === 3 }).toEqual({ ours: [], readable: true });
});
