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
import {
  nodeMetrics,
  shownOf,
  snapshotOf,
  type NodeMetric,
  type Shown,
  type Snapshot,
} from './snapshot.ts';
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

const linesOf = (shown: Shown, id: MetricId, row: MetricRow, name: string): Line[] =>
  row.kind === 'histogram'
    ? [...shown.histograms(id)].flatMap((series) => histogramLines(name, row.buckets ?? [], series))
    : [...shown.values(id)].map((series) => ({
        metricName: name,
        labels: { ...series.labels },
        value: row.unit === 'usd' ? usdNumber(series.picodollars) : series.value,
        ...shownExemplar(series.exemplar),
      }));

interface Declared {
  readonly name: string;
  readonly kind: string;
  readonly help: string;
}

/** The library's metric with values from elsewhere behind it: it renders, we hold them. */
class HeldMetric extends Gauge {
  readonly #read: (name: string) => readonly Line[];
  readonly #declared: Declared;
  readonly #openMetrics: boolean;
  constructor(
    { contentType }: Registry,
    declared: Declared,
    read: (name: string) => readonly Line[],
  ) {
    super({ name: declared.name, help: declared.help, registers: [] });
    this.#declared = declared;
    this.#read = read;
    this.#openMetrics = contentType === Registry.OPENMETRICS_CONTENT_TYPE;
  }
  override get(): Promise<MetricObjectWithValues<MetricValue<never>>> {
    const { name: named, help, kind } = this.#declared;
    // OpenMetrics names a counter without its suffix; the library appends it to each series again.
    const name = this.#openMetrics && kind === 'counter' ? named.replace(/_total$/, '') : named;
    const found = { name, help, type: kind, aggregator: 'sum', values: this.#read(name) };
    // The declared type knows labels only by name, not ours.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return Promise.resolve(found as unknown as MetricObjectWithValues<MetricValue<never>>);
  }
}

export interface Exposition {
  readonly contentType: string;
  text(): Promise<string>;
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- keys of the table itself
const table = Object.entries(metrics) as [MetricId, MetricRow][];

const registryFor = (openMetrics: boolean): Registry =>
  new Registry(openMetrics ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE);

const expositionOf = (registry: Registry): Exposition => ({
  contentType: registry.contentType,
  text: () => registry.metrics(),
});

const isOpenMetrics = (accept: string | undefined): boolean =>
  accept?.includes('application/openmetrics-text') === true;

/** A view of the store for a scraper that does (or does not) accept OpenMetrics. */
const exposition = (store: MetricStore, nodes: Registry, openMetrics: boolean): Exposition => {
  const registry = registryFor(openMetrics);
  for (const [id, row] of table)
    registry.registerMetric(new HeldMetric(registry, row, (name) => linesOf(store, id, row, name)));
  for (const { name } of nodes.getMetricsAsArray()) {
    const metric = nodes.getSingleMetric(name);
    if (metric !== undefined) registry.registerMetric(metric);
  }
  return expositionOf(registry);
};

/** What one of several processes has to show. */
export interface Source {
  /** Value of the label `worker`, which every series of it gets. */
  readonly worker: string;
  readonly snapshot: Snapshot;
}

/** Of Node's own metrics in a snapshot: the lines of one of them. */
const nodeLines = (nodes: readonly NodeMetric[], named: string, name: string): Line[] =>
  nodes
    .filter((metric) => metric.name === named)
    .flatMap(({ lines }) =>
      lines.map(({ suffix, labels, value }) => ({
        metricName: name + suffix,
        labels: { ...labels },
        value,
      })),
    );

/**
 * `/metrics` of several processes as one answer. Every series says whose it is, so that a process that is started again is a
 * reset of its own series and of no other's, and their sum is what was counted.
 */
export const mergedView = (sources: readonly Source[], accept: string | undefined): Exposition => {
  const registry = registryFor(isOpenMetrics(accept));
  const all = sources.map(({ worker, snapshot }) => ({
    label: (line: Line): Line => ({ ...line, labels: { worker, ...line.labels } }),
    shown: shownOf(snapshot),
    nodes: snapshot.nodes,
  }));
  for (const [id, row] of table)
    registry.registerMetric(
      new HeldMetric(registry, row, (name) =>
        all.flatMap(({ label, shown }) => linesOf(shown, id, row, name).map(label)),
      ),
    );
  const nodes = new Map(
    sources.flatMap(({ snapshot }) => snapshot.nodes.map((metric) => [metric.name, metric])),
  );
  for (const { name: named, help, type } of nodes.values())
    registry.registerMetric(
      new HeldMetric(registry, { name: named, help, kind: type }, (name) =>
        all.flatMap((one) => nodeLines(one.nodes, named, name).map(one.label)),
      ),
    );
  return expositionOf(registry);
};

/** The metrics of this process. */
export interface PrometheusView {
  /** Both formats of `/metrics`; choose by the scraper's `accept`. */
  view(accept: string | undefined): Exposition;
  snapshot(): Promise<Snapshot>;
}

/** Shows the store, and what Node says of itself. */
export const prometheusView = (store: MetricStore): PrometheusView => {
  const nodes = new Registry();
  // Its own defaults are a hundred and ten wakes a second, which is most of what an idle gateway costs.
  collectDefaultMetrics({
    register: nodes,
    eventLoopMonitoringPrecision: 100,
    eventLoopUtilizationTimeout: 5000,
  });
  const text = exposition(store, nodes, false);
  const open = exposition(store, nodes, true);
  return {
    view: (accept) => (isOpenMetrics(accept) ? open : text),
    snapshot: async () => snapshotOf(store, await nodeMetrics(nodes)),
  };
};
