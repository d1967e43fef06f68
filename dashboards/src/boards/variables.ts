/** The variables on every board. Data sources too: a board knows no data source by name. */
import * as dashboard from '@grafana/grafana-foundation-sdk/dashboard';
import { type MetricRow, metrics } from '@tollgate/gateway/contract/metrics';
import { clickhouse } from '../sql.ts';
import { prometheus } from '../style.ts';

const dataSource = (name: string, label: string, type: string) =>
  new dashboard.DatasourceVariableBuilder(name).label(label).type(type);

interface Choice<M extends MetricRow> {
  readonly name: string;
  readonly label: string;
  readonly metric: M;
  readonly values: M['labels'][number];
  /** Offers only values that exist together with an earlier choice. */
  readonly within?: string;
}

// `.*` for All, because Prometheus would else get a list of every value; SQL asks `$__conditionalAll` instead.
const choice = <M extends MetricRow>({ name, label, metric, values, within = '' }: Choice<M>) => {
  const query = `label_values(${metric.name}${within}, ${values})`;
  return new dashboard.QueryVariableBuilder(name)
    .label(label)
    .datasource(prometheus)
    .query({ qryType: 1, query, refId: 'PrometheusVariableQueryEditor-VariableQuery' })
    .definition(query)
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.*')
    .current({ selected: true, text: ['All'], value: ['$__all'] });
};

export const variables = [
  dataSource('prom', 'Prometheus', prometheus.type),
  dataSource('ch', 'ClickHouse', clickhouse.type),
  choice({ name: 'team', label: 'Team', metric: metrics.calls, values: 'caller_team' }),
  choice({
    name: 'app',
    label: 'Application',
    metric: metrics.calls,
    values: 'caller_app',
    within: '{caller_team=~"$team"}',
  }),
  choice({ name: 'provider', label: 'Provider', metric: metrics.attempts, values: 'provider' }),
  choice({
    name: 'model',
    label: 'Model',
    metric: metrics.attempts,
    values: 'model',
    within: '{provider=~"$provider"}',
  }),
];
