/** `/metrics`: the store as the Prometheus library writes it, in text or OpenMetrics (with exemplars). */
import {
  collectDefaultMetrics,
  Gauge,
  Registry,
  type MetricObjectWithValues,
  type MetricValue,
} from 'prom-client';
import { metrics, type MetricId, type MetricRow } from '../../contract/metrics.ts';
import { usdNumber } from '../../model/money.ts';
import type { Exemplar, HistogramSeries, MetricStore } from './store.ts';

interface Line {
  readonly metricName: string;
  readonly labels: Record<string, string | number>;
  readonly value: number;
  readonly exemplar?: { labelSet: { trace_id: string }; value: number; timestamp: number };
}

const shownExemplar = (exemplar: Exemplar | null | undefined): Pick<Line, 'exemplar'> =>
  exemplar === null || exemplar === undefined
    ? {}
    : {
        exemplar: {
          labelSet: { trace_id: exemplar.traceId },
          value: exemplar.value,
          timestamp: exemplar.atSeconds,
        },
      };

/** Cumulative buckets, sum and count of one series. */
const histogramLines = (
  name: string,
  boundaries: readonly number[],
  series: HistogramSeries,
): Line[] => {
  const lines: Line[] = [];
  let total = 0;
  for (const [i, boundary] of [...boundaries, '+Inf'].entries()) {
    total += series.counts[i] ?? 0;
    lines.push({
      metricName: `${name}_bucket`,
      labels: { le: boundary, ...series.labels },
      value: total,
      ...shownExemplar(series.exemplars[i]),
    });
  }
  lines.push({ metricName: `${name}_sum`, labels: series.labels, value: series.sum });
  lines.push({ metricName: `${name}_count`, labels: series.labels, value: series.count });
  return lines;
};

const linesOf = (store: MetricStore, id: MetricId, row: MetricRow, name: string): Line[] =>
  row.kind === 'histogram'
    ? [...store.histograms(id)].flatMap((series) => histogramLines(name, row.buckets ?? [], series))
    : [...store.values(id)].map((series) => ({
        metricName: name,
        labels: { ...series.labels },
        value: row.unit === 'usd' ? usdNumber(series.picodollars) : series.value,
        ...shownExemplar(series.exemplar),
      }));

/** The library's metric with our store behind it: it renders, we hold the values. */
class StoredMetric extends Gauge {
  readonly #read: (name: string) => Line[];
  readonly #row: MetricRow;
  constructor(row: MetricRow, registry: Registry, read: (name: string) => Line[]) {
    super({ name: row.name, help: row.help, registers: [registry] });
    this.#row = row;
    this.#read = read;
  }
  override get(): Promise<MetricObjectWithValues<MetricValue<never>>> {
    // OpenMetrics names a counter without its suffix; the library appends it to each series again.
    const openMetrics = this.#registryIsOpen;
    const name =
      openMetrics && this.#row.kind === 'counter'
        ? this.#row.name.replace(/_total$/, '')
        : this.#row.name;
    const found = {
      name,
      help: this.#row.help,
      type: this.#row.kind,
      aggregator: 'sum',
      values: this.#read(name),
    };
    // The declared type knows labels only by name, not ours.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return Promise.resolve(found as unknown as MetricObjectWithValues<MetricValue<never>>);
  }
  #registryIsOpen = false;
  /** Says which of the two formats this instance is for. */
  open(): this {
    this.#registryIsOpen = true;
    return this;
  }
}

export interface Exposition {
  readonly contentType: string;
  text(): Promise<string>;
}

/** A view of the store for a scraper that does (or does not) accept OpenMetrics. */
const exposition = (store: MetricStore, openMetrics: boolean): Exposition => {
  const registry = new Registry(
    openMetrics ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE,
  );
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- keys of the table itself
  for (const [id, row] of Object.entries(metrics) as [MetricId, MetricRow][]) {
    const metric = new StoredMetric(row, registry, (name) => linesOf(store, id, row, name));
    if (openMetrics) metric.open();
  }
  collectDefaultMetrics({ register: registry });
  return { contentType: registry.contentType, text: () => registry.metrics() };
};

/** Both formats of `/metrics`; choose by the scraper's `accept`. */
export const prometheusView = (
  store: MetricStore,
): ((accept: string | undefined) => Exposition) => {
  const text = exposition(store, false);
  const open = exposition(store, true);
  return (accept) => (accept?.includes('application/openmetrics-text') === true ? open : text);
};
