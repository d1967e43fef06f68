/**
 * PromQL from the contracts' metrics. A metric comes as its row of a `contract/metrics.ts`, so a label it lacks, a rate
 * of a gauge or a quantile of a counter does not compile. An expression knows which labels its series keep, so that
 * `on (...)` is never written by hand. By default an expression is for a board: Grafana's window and the board's
 * variables; rules pass `in: rules`.
 */
import type { MetricRow } from '@tollgate/gateway/contract/metrics';

/** What an expression has to know of a metric: a row of the gateway's contract, or of the embedded ClickHouse's. */
type Metric = Pick<MetricRow, 'name' | 'kind' | 'labels' | 'buckets'>;
type Counter = Metric & { readonly kind: 'counter' };
type Gauge = Metric & { readonly kind: 'gauge' };
type Histogram = Metric & { readonly kind: 'histogram' };
type LabelIn<M extends Metric> = M['labels'][number];

/** PromQL text, and the labels that its series keep. */
export interface Expr<L extends string = string> {
  readonly text: string;
  readonly labels: readonly L[];
}

type Operator = '=' | '!=' | '=~' | '!~';
interface Matcher {
  readonly operator: Operator;
  readonly value: string;
}

export const is = (value: string): Matcher => ({ operator: '=', value });
export const noneOf = (...values: readonly string[]): Matcher => ({
  operator: '!~',
  value: values.join('|'),
});
export const oneOf = (...values: readonly string[]): Matcher => ({
  operator: '=~',
  value: values.join('|'),
});

/** Where an expression lives: the range it looks back over, and whether the board's variables narrow it. */
interface Place {
  readonly window: string;
  readonly variables: boolean;
}
const board: Place = { window: '$__rate_interval', variables: true };
/** Rules look back over five minutes, on every caller, provider and model. */
export const rules: Place = { window: '5m', variables: false };
/** On a board, over a fixed range instead of the one that follows the zoom. */
export const over = (window: string): Place => ({ ...board, window });

interface Options<M extends Metric, L extends LabelIn<M>> {
  readonly by?: readonly L[];
  readonly where?: { readonly [K in LabelIn<M>]?: Matcher };
  readonly in?: Place;
}

/**
 * The board variable that narrows a label. Boards filter on these labels only, and on whichever a metric has.
 * `gen_ai_provider_name` is not among them: it is the vendor, while `provider` is a name from the configuration.
 */
const variableOfLabel: Readonly<Record<string, string>> = {
  caller_team: 'team',
  caller_app: 'app',
  provider: 'provider',
  model: 'model',
  gen_ai_request_model: 'model',
};

const matcher = (label: string, { operator, value }: Matcher): string =>
  `${label}${operator}"${value}"`;

/** Prometheus 3 stores `le="5.0"` for what 2.x stores as `le="5"`; a whole number has to match both. */
const upTo = (bound: number): string =>
  Number.isInteger(bound) ? matcher('le', oneOf(`${bound}`, `${bound}[.]0`)) : `le="${bound}"`;

interface Selection<M extends Metric, L extends LabelIn<M>> {
  readonly metric: M;
  readonly options: Options<M, L>;
  readonly suffix?: '_bucket' | '_count';
  readonly bound?: number;
}

const selector = <M extends Metric, L extends LabelIn<M>>(chosen: Selection<M, L>): string => {
  const { metric, options, suffix = '', bound } = chosen;
  const { variables } = options.in ?? board;
  const matchers = [
    ...(bound === undefined ? [] : [upTo(bound)]),
    ...Object.entries<Matcher | undefined>(options.where ?? {}).flatMap(([label, wanted]) =>
      wanted === undefined ? [] : [matcher(label, wanted)],
    ),
    ...metric.labels.flatMap((label) => {
      const variable = variables ? variableOfLabel[label] : undefined;
      return variable === undefined ? [] : [matcher(label, oneOf(`$${variable}`))];
    }),
  ];
  return `${metric.name}${suffix}${matchers.length > 0 ? `{${matchers.join(',')}}` : ''}`;
};

const grouped = (operator: string, by: readonly string[], inner: string): string =>
  `${operator}${by.length > 0 ? ` by (${by.join(', ')}) ` : ''}(${inner})`;

const windowed = <M extends Metric, L extends LabelIn<M>>(
  call: 'rate' | 'increase',
  selection: Selection<M, L>,
): Expr<L> => {
  const { by = [], in: place = board } = selection.options;
  const text = grouped('sum', by, `${call}(${selector(selection)}[${place.window}])`);
  return { text, labels: by };
};

/** Per second, summed by the named labels. */
export const rate = <M extends Counter, const L extends LabelIn<M> = never>(
  metric: M,
  options: Options<M, L> = {},
): Expr<L> => windowed('rate', { metric, options });

/** How many in the window, summed by the named labels. */
export const increase = <M extends Counter, const L extends LabelIn<M> = never>(
  metric: M,
  options: Options<M, L> = {},
): Expr<L> => windowed('increase', { metric, options });

/** How many observations in the window, summed by the named labels. */
export const observed = <M extends Histogram, const L extends LabelIn<M> = never>(
  metric: M,
  options: Options<M, L> = {},
): Expr<L> => windowed('increase', { metric, options, suffix: '_count' });

/** What a gauge shows, summed (over replicas too) by the named labels. */
export const current = <M extends Gauge, const L extends LabelIn<M> = never>(
  metric: M,
  options: Options<M, L> = {},
): Expr<L> => {
  const { by = [] } = options;
  return { text: grouped('sum', by, selector({ metric, options })), labels: by };
};

/** The highest value of a gauge over all its series. */
export const highest = <M extends Gauge>(
  metric: M,
  options: Options<M, never> = {},
): Expr<never> => ({
  text: `max(${selector({ metric, options })})`,
  labels: [],
});

/** The lowest value of a gauge over all its series; nothing where there are none. */
export const lowest = <M extends Gauge>(
  metric: M,
  options: Options<M, never> = {},
): Expr<never> => ({
  text: `min(${selector({ metric, options })})`,
  labels: [],
});

/** The value furthest from 0 over all series of a gauge, by the named labels, as a positive number. */
export const furthest = <M extends Gauge, const L extends LabelIn<M> = never>(
  metric: M,
  options: Options<M, L> = {},
): Expr<L> => {
  const { by = [] } = options;
  return { text: grouped('max', by, `abs(${selector({ metric, options })})`), labels: by };
};

/** An estimate from buckets: between two boundaries it guesses. For a threshold ask `slowerThan`. */
export const quantile = <M extends Histogram, const L extends LabelIn<M> = never>(
  q: number,
  metric: M,
  options: Options<M, L> = {},
): Expr<L> => {
  const { by = [], in: place = board } = options;
  const buckets = `rate(${selector({ metric, options, suffix: '_bucket' })}[${place.window}])`;
  const text = `histogram_quantile(${q}, ${grouped('sum', ['le', ...by], buckets)})`;
  return { text, labels: by };
};

/**
 * The share of observations above `bound`: exact, because `bound` has to be a bucket boundary.
 * "P99 > 5 s" is this share > 0.01, while histogram_quantile interpolates.
 */
export const slowerThan = <M extends Histogram, const L extends LabelIn<M> = never>(
  bound: number,
  metric: M,
  options: Options<M, L> = {},
): Expr<L> => {
  if (!(metric.buckets ?? []).includes(bound)) {
    throw new Error(
      `${bound} is no bucket of ${metric.name}; allowed: ${(metric.buckets ?? []).join(', ')}`,
    );
  }
  const within = windowed('rate', { metric, options, suffix: '_bucket', bound });
  const all = windowed('rate', { metric, options, suffix: '_count' });
  return { text: `1 - ${within.text} / (${all.text} > 0)`, labels: within.labels };
};

/** `part` of `whole`, by the labels of both: 0 (not "no data") where nothing of `part` happened, nothing where idle. */
export const share = <L extends string>(part: Expr<L>, whole: Expr<NoInfer<L>>): Expr<L> => ({
  text: `(${part.text} or ${whole.text} * 0) / (${whole.text} > 0)`,
  labels: part.labels,
});

/** A recorded series by its name, which a rule of `alerts/` has to define. */
export const recorded = <L extends string>(name: string, { labels }: Expr<L>): Expr<L> => ({
  text: name,
  labels,
});

export const times = <L extends string>({ text, labels }: Expr<L>, factor: number): Expr<L> => ({
  text: `${text} * ${factor}`,
  labels,
});

export const top = <L extends string>(count: number, { text, labels }: Expr<L>): Expr<L> => ({
  text: `topk(${count}, ${text})`,
  labels,
});

/** Keeps the series above `bound`. */
export const above = <L extends string>(
  { text, labels }: Expr<L>,
  /** A product is easier to read, such as so many days of so many seconds. */
  bound: number | `${number} * ${number}`,
): Expr<L> => ({
  text: `${text} > ${bound}`,
  labels,
});

/** Keeps the series below `bound`. */
export const below = <L extends string>({ text, labels }: Expr<L>, bound: number): Expr<L> => ({
  text: `${text} < ${bound}`,
  labels,
});

/** Keeps the series of `left` for which `right` is at least `bound`: a guard against tiny traffic. */
export const provided = <L extends string>(
  left: Expr<L>,
  right: Expr<NoInfer<L>>,
  bound: number,
): Expr<L> => ({
  text: `${left.text} and on (${left.labels.join(', ')}) ${right.text} >= ${bound}`,
  labels: left.labels,
});

/**
 * Counted up in the window, or not there at its start: `increase()` does not see a counter that is born at 1,
 * because the first sample is no increase.
 */
export const counted = <M extends Counter, const L extends LabelIn<M>>(
  metric: M,
  options: Options<M, L> & { readonly by: readonly L[]; readonly in: Place },
): Expr<L> => {
  const now = grouped('sum', options.by, selector({ metric, options }));
  const before = grouped(
    'sum',
    options.by,
    `${selector({ metric, options })} offset ${options.in.window}`,
  );
  const text = `(${now} unless ${before} > 0) > 0 or ${above(increase(metric, options), 0).text}`;
  return { text, labels: options.by };
};

/** True (1, no labels) while no target of the job answers its scrape, or no target is known. */
export const allDown = (job: string): Expr<never> => ({
  text: `absent(up{job="${job}"} == 1)`,
  labels: [],
});

/** How many alerts of ours are firing; 0 rather than nothing when none are. */
export const firingAlerts: Expr<never> = {
  text: 'count(ALERTS{alertname=~"Tollgate.*",alertstate="firing"}) or vector(0)',
  labels: [],
};
