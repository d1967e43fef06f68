/**
 * Every metric's values, kept once. `/metrics` and OTLP are two views of this one store, so they cannot disagree.
 * Money is kept as whole pico-dollars and becomes dollars only when shown.
 */
import {
  metrics,
  type Gauge,
  type Labels,
  type MetricId,
  type MetricRow,
} from '../../contract/metrics.ts';
import type { Tally } from '../../projections/metrics.ts';
import { usdNumber } from '../../model/money.ts';
import { seriesSet, type Fresh, type SeriesSet } from './series.ts';

/** What links a point of a metric to a trace. */
export interface Exemplar {
  readonly traceId: string;
  readonly value: number;
  readonly atSeconds: number;
}

export interface ValueSeries {
  readonly labels: Readonly<Record<string, string>>;
  value: number;
  /** For money: the exact amount; `value` is not used. */
  picodollars: bigint;
  exemplar: Exemplar | null;
}

export interface HistogramSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Not cumulative; one more than there are boundaries. */
  readonly counts: number[];
  readonly exemplars: (Exemplar | null)[];
  sum: number;
  count: number;
}

export interface MetricStore extends Tally {
  set<M extends Gauge>(metric: M, labels: Labels<M>, value: number): void;
  /** Adds to a gauge. */
  move<M extends Gauge>(metric: M, labels: Labels<M>, by: number): void;
  /** Forgets all series of a gauge, for one whose label is a version or hash. */
  clear(metric: Gauge): void;
  values(metric: MetricId): Iterable<ValueSeries>;
  histograms(metric: MetricId): Iterable<HistogramSeries>;
}

const freshValue = (labels: Readonly<Record<string, string>>): ValueSeries => ({
  labels,
  value: 0,
  picodollars: 0n,
  exemplar: null,
});

const freshHistogram =
  (buckets: number) =>
  (labels: Readonly<Record<string, string>>): HistogramSeries => ({
    labels,
    counts: Array.from({ length: buckets }, () => 0),
    exemplars: Array.from({ length: buckets }, () => null),
    sum: 0,
    count: 0,
  });

/**
 * An empty store.
 * @param maxLabelValues distinct values of one label of one metric; the next one counts as `other`
 */
export const metricStore = (maxLabelValues: number): MetricStore => {
  const values = new Map<MetricId, SeriesSet<ValueSeries>>();
  const histograms = new Map<MetricId, SeriesSet<HistogramSeries>>();
  const setOf = <S>(metric: MetricId, fresh: Fresh<S>): SeriesSet<S> => {
    const { name, labels }: MetricRow = metrics[metric];
    return seriesSet(labels, fresh, maxLabelValues, (label) => {
      if (metric !== 'overflow') store.add('overflow', { metric: name, label }, 1);
    });
  };
  const valueOf = (metric: MetricId, labels: Readonly<Record<string, string>>): ValueSeries => {
    let all = values.get(metric);
    if (all === undefined) values.set(metric, (all = setOf(metric, freshValue)));
    return all.of(labels);
  };
  const histogramOf = (
    metric: MetricId,
    labels: Readonly<Record<string, string>>,
    boundaries: readonly number[],
  ): HistogramSeries => {
    let all = histograms.get(metric);
    if (all === undefined) {
      all = setOf(metric, freshHistogram(boundaries.length + 1));
      histograms.set(metric, all);
    }
    return all.of(labels);
  };

  const exemplarOf = (traceId: string, value: number): Exemplar => ({
    traceId,
    value,
    atSeconds: Date.now() / 1000,
  });

  const store: MetricStore = {
    add(metric, labels, amount, traceId) {
      const series = valueOf(metric, labels);
      series.value += amount;
      if (traceId !== undefined) series.exemplar = exemplarOf(traceId, amount);
    },
    addMoney(metric, labels, picodollars, traceId) {
      const series = valueOf(metric, labels);
      series.picodollars += picodollars;
      if (traceId !== undefined) series.exemplar = exemplarOf(traceId, usdNumber(picodollars));
    },
    set(metric, labels, value) {
      valueOf(metric, labels).value = value;
    },
    move(metric, labels, by) {
      valueOf(metric, labels).value += by;
    },
    observe(metric, labels, value, traceId) {
      const row: MetricRow = metrics[metric];
      const boundaries = row.buckets ?? [];
      const series = histogramOf(metric, labels, boundaries);
      let bucket = 0;
      while (bucket < boundaries.length && value > (boundaries[bucket] ?? 0)) bucket += 1;
      series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
      if (traceId !== undefined) series.exemplars[bucket] = exemplarOf(traceId, value);
      series.sum += value;
      series.count += 1;
    },
    clear(metric) {
      values.delete(metric);
    },
    values: (metric) => values.get(metric)?.all() ?? [],
    histograms: (metric) => histograms.get(metric)?.all() ?? [],
  };
  return store;
};
