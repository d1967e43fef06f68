/** The same store over OTLP: a metric producer of the OpenTelemetry SDK, read and exported by its own reader. */
import { ValueType, type HrTime } from '@opentelemetry/api';
import { millisToHrTime } from '@opentelemetry/core';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-grpc';
import type { Resource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  PeriodicExportingMetricReader,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import { metrics, type MetricId, type MetricRow } from '../../contract/metrics.ts';
import { usdNumber } from '../../model/money.ts';
import type { MetricStore } from './store.ts';

const metricData = (
  store: MetricStore,
  id: MetricId,
  startTime: HrTime,
  endTime: HrTime,
): MetricData => {
  const row: MetricRow = metrics[id];
  const descriptor = {
    name: row.otlp,
    description: row.help,
    unit: row.unit,
    valueType: ValueType.DOUBLE,
  };
  const aggregationTemporality = AggregationTemporality.CUMULATIVE;
  if (row.kind === 'histogram') {
    return {
      descriptor,
      aggregationTemporality,
      dataPointType: DataPointType.HISTOGRAM,
      dataPoints: [...store.histograms(id)].map((series) => ({
        startTime,
        endTime,
        attributes: series.labels,
        value: {
          buckets: { boundaries: [...(row.buckets ?? [])], counts: [...series.counts] },
          sum: series.sum,
          count: series.count,
        },
      })),
    };
  }
  const dataPoints = [...store.values(id)].map((series) => ({
    startTime,
    endTime,
    attributes: series.labels,
    value: row.unit === 'usd' ? usdNumber(series.picodollars) : series.value,
  }));
  return row.kind === 'counter'
    ? {
        descriptor,
        aggregationTemporality,
        dataPointType: DataPointType.SUM,
        isMonotonic: true,
        dataPoints,
      }
    : { descriptor, aggregationTemporality, dataPointType: DataPointType.GAUGE, dataPoints };
};

/** All metrics of the store that have a value, as the SDK's readers collect them. */
export const metricProducer = (
  store: MetricStore,
  resource: Resource,
  refresh: () => void,
): MetricProducer => {
  const startTime = millisToHrTime(Date.now());
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- keys of the table itself
  const ids = Object.keys(metrics) as MetricId[];
  return {
    collect: () => {
      refresh();
      const endTime = millisToHrTime(Date.now());
      return Promise.resolve({
        errors: [],
        resourceMetrics: {
          resource,
          scopeMetrics: [
            {
              scope: { name: '@tollgate/gateway' },
              metrics: ids
                .map((id) => metricData(store, id, startTime, endTime))
                .filter(({ dataPoints }) => dataPoints.length > 0),
            },
          ],
        },
      });
    },
  };
};

export interface MetricExport {
  stop(): Promise<void>;
}

/** Sends the store to an OTLP/gRPC endpoint every `intervalMs`, and once more at the end. */
export const startMetricExport = (options: {
  readonly store: MetricStore;
  readonly resource: Resource;
  readonly endpoint: string;
  readonly intervalMs: number;
  /** Brings in what others count themselves; called before the store is read. */
  refresh(): void;
}): MetricExport => {
  const reader = new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter({ url: options.endpoint }),
    exportIntervalMillis: options.intervalMs,
    exportTimeoutMillis: Math.min(options.intervalMs, 10_000),
  });
  reader.setMetricProducer(
    metricProducer(options.store, options.resource, () => options.refresh()),
  );
  return {
    // A collector that is away must not keep the gateway from stopping.
    stop: () => reader.shutdown().catch(() => {}),
  };
};
