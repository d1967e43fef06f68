/**
 * Every metric's values, kept once. `/metrics` and OTLP are two views of this one store, so they cannot disagree.
 * Money is kept as whole pico-dollars and becomes dollars only when shown.
 */
import { metrics, type LabelOf, type MetricId, type MetricRow } from '../../contract/metrics.ts';

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

type Counter = {
  [M in MetricId]: (typeof metrics)[M]['kind'] extends 'counter' ? M : never;
}[MetricId];
type Gauge = { [M in MetricId]: (typeof metrics)[M]['kind'] extends 'gauge' ? M : never }[MetricId];
type Histogram = {
  [M in MetricId]: (typeof metrics)[M]['kind'] extends 'histogram' ? M : never;
}[MetricId];
type Money = { [M in MetricId]: (typeof metrics)[M]['unit'] extends 'usd' ? M : never }[MetricId];
type Labels<M extends MetricId> = Readonly<Record<LabelOf<M>, string>>;

export interface MetricStore {
  add<M extends Counter>(metric: M, labels: Labels<M>, amount: number, traceId?: string): void;
  addMoney<M extends Counter & Money>(
    metric: M,
    labels: Labels<M>,
    picodollars: bigint,
    traceId?: string,
  ): void;
  set<M extends Gauge>(metric: M, labels: Labels<M>, value: number): void;
  /** Adds to a gauge. */
  move<M extends Gauge>(metric: M, labels: Labels<M>, by: number): void;
  observe<M extends Histogram>(metric: M, labels: Labels<M>, value: number, traceId?: string): void;
  /** Forgets all series of a gauge, for one whose label is a version or hash. */
  clear(metric: Gauge): void;
  values(metric: MetricId): Iterable<ValueSeries>;
  histograms(metric: MetricId): Iterable<HistogramSeries>;
}

const overflowed = 'other';

interface Kept<S> {
  readonly row: MetricRow;
  readonly series: Map<string, S>;
  /** Values seen per label, for the cap. */
  readonly seen: readonly Set<string>[];
}

/**
 * An empty store.
 * @param maxLabelValues distinct values of one label of one metric; the next one counts as `other`
 */
export const metricStore = (maxLabelValues: number): MetricStore => {
  const keep = <S>(row: MetricRow): Kept<S> => ({
    row,
    series: new Map(),
    seen: row.labels.map(() => new Set<string>()),
  });
  const values = new Map<MetricId, Kept<ValueSeries>>();
  const histograms = new Map<MetricId, Kept<HistogramSeries>>();
  const kept = <S>(all: Map<MetricId, Kept<S>>, metric: MetricId): Kept<S> => {
    let found = all.get(metric);
    if (found === undefined) all.set(metric, (found = keep(metrics[metric])));
    return found;
  };

  /** The series for these labels; a value past its label's cap is folded into `other`. */
  const seriesOf = <S>(
    { row, series, seen }: Kept<S>,
    labels: Readonly<Record<string, string>>,
    fresh: (labels: Readonly<Record<string, string>>) => S,
  ): S => {
    let key = '';
    for (const name of row.labels) key += `${labels[name] ?? ''}\u0000`;
    const found = series.get(key);
    if (found !== undefined) return found;
    let folded = false;
    const bounded: Record<string, string> = {};
    for (const [i, name] of row.labels.entries()) {
      const value = labels[name] ?? '';
      const known = seen[i];
      if (known !== undefined && !known.has(value) && known.size >= maxLabelValues) {
        bounded[name] = overflowed;
        folded ||= value !== overflowed;
        if (row.name !== metrics.overflow.name)
          store.add('overflow', { metric: row.name, label: name }, 1);
      } else {
        known?.add(value);
        bounded[name] = value;
      }
    }
    if (folded) return seriesOf({ row, series, seen: [] }, bounded, fresh);
    const made = fresh(bounded);
    series.set(key, made);
    return made;
  };

  const freshValue = (labels: Readonly<Record<string, string>>): ValueSeries => ({
    labels,
    value: 0,
    picodollars: 0n,
    exemplar: null,
  });
  const exemplarOf = (traceId: string | undefined, value: number): Exemplar | null =>
    traceId === undefined ? null : { traceId, value, atSeconds: Date.now() / 1000 };

  const store: MetricStore = {
    add(metric, labels, amount, traceId) {
      const series = seriesOf(kept(values, metric), labels, freshValue);
      series.value += amount;
      if (traceId !== undefined) series.exemplar = exemplarOf(traceId, amount);
    },
    addMoney(metric, labels, picodollars, traceId) {
      const series = seriesOf(kept(values, metric), labels, freshValue);
      series.picodollars += picodollars;
      if (traceId !== undefined) series.exemplar = exemplarOf(traceId, Number(picodollars) / 1e12);
    },
    set(metric, labels, value) {
      seriesOf(kept(values, metric), labels, freshValue).value = value;
    },
    move(metric, labels, by) {
      seriesOf(kept(values, metric), labels, freshValue).value += by;
    },
    observe(metric, labels, value, traceId) {
      const all = kept(histograms, metric);
      const boundaries = all.row.buckets ?? [];
      const series = seriesOf(all, labels, (bounded) => ({
        labels: bounded,
        counts: Array.from({ length: boundaries.length + 1 }, () => 0),
        exemplars: Array.from({ length: boundaries.length + 1 }, () => null),
        sum: 0,
        count: 0,
      }));
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
    values: (metric) => values.get(metric)?.series.values() ?? [],
    histograms: (metric) => histograms.get(metric)?.series.values() ?? [],
  };
  return store;
};

/** Pico-dollars as the nearest number of dollars. */
export const dollars = (picodollars: bigint): number => {
  const whole = picodollars / 1_000_000_000_000n;
  const rest = (picodollars - whole * 1_000_000_000_000n).toString().padStart(12, '0');
  return Number(`${whole}.${rest}`);
};
