/** How every panel looks, decided once: a panel names its question, its unit and its queries. */
import * as barGaugePanel from '@grafana/grafana-foundation-sdk/bargauge';
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import * as prometheusQuery from '@grafana/grafana-foundation-sdk/prometheus';
import * as statPanel from '@grafana/grafana-foundation-sdk/stat';
import * as tablePanel from '@grafana/grafana-foundation-sdk/table';
import * as timeseriesPanel from '@grafana/grafana-foundation-sdk/timeseries';
import type { Expr } from './promql.ts';
import { clickhouse, type SqlQuery } from './sql.ts';

export const prometheus = { type: 'prometheus', uid: '${prom}' } as const;

/** Grafana's names for units. */
export const units = {
  bytes: 'bytes',
  callsPerSecond: 'reqps',
  count: 'short',
  dollars: 'currencyUSD',
  milliseconds: 'ms',
  seconds: 's',
  share: 'percentunit',
  tokensPerSecond: 'suffix: tok/s',
  time: 'dateTimeAsIso',
  text: 'string',
} as const;
export type Unit = (typeof units)[keyof typeof units];

/** One colour per meaning, so that an outcome looks the same on every board. */
export const colors = {
  answered: 'green',
  abandoned: 'light-blue',
  unidentified: 'light-yellow',
  refused: 'yellow',
  throttled: 'orange',
  blocked: 'purple',
  exhausted: 'red',
  broken: 'dark-red',
  crashed: 'dark-purple',
} as const;

/** What every panel says of itself. The description answers: what is this, and what is bad? */
interface Asked {
  readonly title: string;
  readonly description: string;
  readonly unit: Unit;
}

export interface PromQuery {
  readonly expr: Expr;
  /** `{{label}}` shows a label of the series. */
  readonly legend: string;
  /** Shows example traces as dots; only for metrics that carry exemplars. */
  readonly exemplars?: true;
}

const refIds = ['A', 'B', 'C', 'D'] as const;

const ask = (queries: readonly PromQuery[], when: 'range' | 'instant') =>
  queries.map(({ expr, legend, exemplars }, i) => {
    const query = new prometheusQuery.DataqueryBuilder()
      .datasource(prometheus)
      .editorMode(prometheusQuery.QueryEditorMode.Code)
      .expr(expr.text)
      .legendFormat(legend)
      .refId(refIds[i] ?? `Q${i}`);
    if (exemplars) query.exemplar(true);
    return when === 'range' ? query.range() : query.instant();
  });

const threshold = (steps: readonly (readonly [from: number, color: string])[]) =>
  new dashboard.ThresholdsConfigBuilder()
    .mode(dashboard.ThresholdsMode.Absolute)
    .steps([{ value: null, color: 'green' }, ...steps.map(([value, color]) => ({ value, color }))]);

const colored = (byName: Readonly<Record<string, string>>) =>
  Object.entries(byName).map(([name, fixedColor]) => ({
    matcher: { id: 'byName', options: name },
    properties: [{ id: 'color', value: { mode: 'fixed', fixedColor } }],
  }));

interface Lines extends Asked {
  readonly queries: readonly PromQuery[] | SqlQuery;
  readonly stacked?: true;
  /** Draws a line here: where an alert begins. */
  readonly alertAt?: number;
  /** Shown instead of "No data": for events that need not ever have happened. */
  readonly none?: string;
  readonly colors?: Readonly<Record<string, string>>;
}

/** Values over time. The legend is a table sorted by the last value, worst first. */
export const timeseries = (lines: Lines): dashboard.Panel => {
  const panel = new timeseriesPanel.PanelBuilder()
    .title(lines.title)
    .description(lines.description)
    .unit(lines.unit)
    .min(0)
    .lineWidth(1)
    .fillOpacity(lines.stacked ? 30 : 5)
    .showPoints(common.VisibilityMode.Never)
    .spanNulls(false)
    .stacking(
      new common.StackingConfigBuilder().mode(
        lines.stacked ? common.StackingMode.Normal : common.StackingMode.None,
      ),
    )
    .tooltip(
      new common.VizTooltipOptionsBuilder()
        .mode(common.TooltipDisplayMode.Multi)
        .sort(common.SortOrder.Descending),
    )
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true)
        .placement(common.LegendPlacement.Bottom)
        .displayMode(common.LegendDisplayMode.Table)
        .calcs(['lastNotNull', 'max'])
        .sortBy('Last *')
        .sortDesc(true),
    );
  if (lines.alertAt !== undefined) {
    panel
      .thresholds(threshold([[lines.alertAt, 'red']]))
      .thresholdsStyle(
        new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed),
      );
  }
  if (lines.none !== undefined) panel.noValue(lines.none);
  if (lines.colors !== undefined) panel.overrides(colored(lines.colors));
  if ('rawSql' in lines.queries) {
    const query = lines.queries;
    return panel
      .datasource(clickhouse)
      .withTarget({ build: () => query })
      .build();
  }
  return panel.datasource(prometheus).targets(ask(lines.queries, 'range')).build();
};

interface Figure extends Asked {
  readonly query: Expr | SqlQuery;
  /** From these values on it turns yellow, red. */
  readonly warnAt?: number;
  readonly badAt?: number;
}

/** One number, now; from Prometheus with its recent course behind it. */
export const stat = (figure: Figure): dashboard.Panel => {
  const { title, description, unit, query, warnAt, badAt } = figure;
  const panel = new statPanel.PanelBuilder()
    .title(title)
    .description(description)
    .unit(unit)
    .graphMode(common.BigValueGraphMode.Area)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .thresholds(
      threshold([
        ...(warnAt === undefined ? [] : [[warnAt, 'yellow'] as const]),
        ...(badAt === undefined ? [] : [[badAt, 'red'] as const]),
      ]),
    );
  return 'rawSql' in query
    ? panel
        .datasource(clickhouse)
        .withTarget({ build: () => query })
        .build()
    : panel
        .datasource(prometheus)
        .targets(ask([{ expr: query, legend: title }], 'range'))
        .build();
};

/** A ranking, now. */
export const ranking = (asked: Asked & { readonly query: PromQuery }): dashboard.Panel =>
  new barGaugePanel.PanelBuilder()
    .title(asked.title)
    .description(asked.description)
    .unit(asked.unit)
    .min(0)
    .datasource(prometheus)
    .targets(ask([asked.query], 'instant'))
    .orientation(common.VizOrientation.Horizontal)
    .displayMode(common.BarGaugeDisplayMode.Basic)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .build();

interface Rows extends Omit<Asked, 'unit'> {
  readonly query: SqlQuery;
  /** Each column of the result, in its order, with its unit. A test holds the query to it. */
  readonly columns: Readonly<Record<string, Unit>>;
  /** Columns whose value leads somewhere. */
  readonly links?: Readonly<Record<string, { readonly title: string; readonly url: string }>>;
}

/** Rows of SQL. */
export const table = ({ title, description, query, columns, links = {} }: Rows): dashboard.Panel =>
  new tablePanel.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(clickhouse)
    .withTarget({ build: () => query })
    .cellHeight(common.TableCellHeight.Sm)
    .overrides(
      Object.entries(columns).map(([name, unit]) => {
        const link = links[name];
        return {
          matcher: { id: 'byName', options: name },
          properties: [
            { id: 'unit', value: unit },
            ...(link === undefined
              ? []
              : [{ id: 'links', value: [{ ...link, targetBlank: true }] }]),
          ],
        };
      }),
    )
    .build();
