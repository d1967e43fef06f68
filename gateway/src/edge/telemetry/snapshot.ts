/** The metrics of one process at one moment, as a value that can be handed to another process. */
import type { Registry } from 'prom-client';
import { metrics, type MetricId } from '../../contract/metrics.ts';
import { metricStore, type HistogramSeries, type MetricStore, type ValueSeries } from './store.ts';

/** One of Node's own metrics. */
export interface NodeMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly lines: readonly {
    /** Behind the metric's name, such as `_bucket`. */
    readonly suffix: string;
    readonly labels: Readonly<Record<string, string | number>>;
    readonly value: number;
  }[];
}

export interface Snapshot {
  readonly values: ReadonlyMap<MetricId, readonly ValueSeries[]>;
  readonly histograms: ReadonlyMap<MetricId, readonly HistogramSeries[]>;
  readonly nodes: readonly NodeMetric[];
}

/** What may be shown: a store, or a snapshot of one. */
export type Shown = Pick<MetricStore, 'values' | 'histograms'>;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- keys of the table itself
const ids = Object.keys(metrics) as MetricId[];

type Labels = Readonly<Record<string, string | number | undefined>>;

/** The labels that have a value; the library leaves the map out where there are none, whatever its type says. */
const labelsOf = ({ labels = {} }: { readonly labels?: Labels }): Record<string, string | number> =>
  Object.fromEntries(
    Object.entries(labels).flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])),
  );

/** What Node says of itself, from the registry of its metrics. */
export const nodeMetrics = async (registry: Registry): Promise<readonly NodeMetric[]> =>
  (await registry.getMetricsAsJSON()).map(({ name, help, type, values }) => ({
    name,
    help,
    type,
    lines: values.map((value) => ({
      suffix: 'metricName' in value ? String(value.metricName).slice(name.length) : '',
      labels: labelsOf(value),
      value: value.value,
    })),
  }));

/** @param nodes Node's own metrics of the same process */
export const snapshotOf = (store: MetricStore, nodes: readonly NodeMetric[]): Snapshot => ({
  values: new Map(ids.map((id) => [id, [...store.values(id)]])),
  histograms: new Map(ids.map((id) => [id, [...store.histograms(id)]])),
  nodes,
});

/** A snapshot as what is shown. */
export const shownOf = ({ values, histograms }: Snapshot): Shown => ({
  values: (metric) => values.get(metric) ?? [],
  histograms: (metric) => histograms.get(metric) ?? [],
});

/** Of a worker that gave no answer: that it gave none, and how often it was started again. */
export const absent = (restarts: number): Snapshot => {
  const store = metricStore(1);
  store.set('workerUp', {}, 0);
  store.add('workerRestarts', {}, restarts);
  return snapshotOf(store, []);
};
