import { resourceFromAttributes } from '@opentelemetry/resources';
import { expect, test } from 'vitest';
import { metrics, type MetricRow } from '../../../../gateway/src/contract/metrics.ts';
import { count } from '../../../../gateway/src/projections/metrics.ts';
import { metricProducer } from '../../../../gateway/src/edge/telemetry/otlp-view.ts';
import { metricStore } from '../../../../gateway/src/edge/telemetry/store.ts';
import { someSettlement } from '../../model/settlements.ts';

const resource = resourceFromAttributes({ 'service.name': 'test' });

const collected = async () => {
  const store = metricStore(50);
  count(store, someSettlement);
  let refreshed = 0;
  const producer = metricProducer(store, resource, () => {
    refreshed += 1;
    store.set('spoolBytes', {}, 7);
  });
  const { resourceMetrics, errors } = await producer.collect();
  return { store, producer, refreshed: () => refreshed, resourceMetrics, errors };
};

test('the same values go out under their OTLP names, with units, and only metrics that have any', async () => {
  const { resourceMetrics, errors, refreshed } = await collected();
  expect(errors).toEqual([]);
  expect(refreshed()).toBe(1);
  expect(resourceMetrics.resource).toBe(resource);
  const all = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
  const byName = new Map(all.map((metric) => [metric.descriptor.name, metric]));
  expect(all.every(({ dataPoints }) => dataPoints.length > 0)).toBe(true);
  const known = new Map(Object.values<MetricRow>(metrics).map((row) => [row.otlp, row]));
  for (const { descriptor } of all) expect(descriptor.unit).toBe(known.get(descriptor.name)?.unit);
  expect(byName.get('tollgate.calls')).toMatchObject({
    isMonotonic: true,
    dataPoints: [
      {
        value: 1,
        attributes: { caller_team: 'shop', caller_app: 'checkout', outcome: 'answered' },
      },
    ],
  });
  expect(byName.get('tollgate.cost')?.dataPoints[0]?.value).toBe(0.000_345_000_001);
  expect(byName.get('tollgate.ledger.spool')?.dataPoints[0]?.value).toBe(7);
  expect(byName.has('tollgate.waste')).toBe(false);
});

test('a histogram carries its boundaries, counts that are not cumulative, sum and count', async () => {
  const { resourceMetrics } = await collected();
  const all = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
  const duration = all.find(({ descriptor }) => descriptor.name === metrics.requestDuration.otlp);
  expect(duration?.dataPoints[0]?.value).toEqual({
    buckets: {
      boundaries: [...metrics.requestDuration.buckets],
      counts: [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    },
    sum: 0.815_75,
    count: 1,
  });
});

test('what was collected does not change when more is counted', async () => {
  const { store, resourceMetrics } = await collected();
  const before = JSON.stringify(resourceMetrics.scopeMetrics);
  count(store, someSettlement);
  expect(JSON.stringify(resourceMetrics.scopeMetrics)).toBe(before);
});

test('values are cumulative since one and the same start', async () => {
  const { store, producer } = await collected();
  count(store, someSettlement);
  const second = await producer.collect();
  const calls = second.resourceMetrics.scopeMetrics
    .flatMap((scope) => scope.metrics)
    .find(({ descriptor }) => descriptor.name === 'tollgate.calls');
  expect(calls?.dataPoints[0]?.value).toBe(2);
  const third = await producer.collect();
  const again = third.resourceMetrics.scopeMetrics
    .flatMap((scope) => scope.metrics)
    .find(({ descriptor }) => descriptor.name === 'tollgate.calls');
  expect(again?.dataPoints[0]?.startTime).toEqual(calls?.dataPoints[0]?.startTime);
});
