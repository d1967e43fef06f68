import { metrics } from '@tollgate/gateway/contract/metrics';
import { over, rate, times, top } from '../promql.ts';
import { chosenCalls, sql, tokensIn, tokensOut } from '../sql.ts';
import { ranking, stat, table, timeseries, units } from '../style.ts';

const secondsPerHour = 3600;

export const spendNow = stat({
  title: 'Dollars per hour',
  description:
    'What calls cost at the pace of the moment. A rate, not a bill: bills come from the ledger.',
  unit: units.dollars,
  query: times(rate(metrics.cost), secondsPerHour),
});

export const topCallers = ranking({
  title: 'Top callers, dollars per hour',
  description: 'The ten most expensive callers over the last hour.',
  unit: units.dollars,
  query: {
    expr: top(
      10,
      times(
        rate(metrics.cost, { by: ['caller_team', 'caller_app'], in: over('1h') }),
        secondsPerHour,
      ),
    ),
    legend: '{{caller_team}}/{{caller_app}}',
  },
});

export const spendByModel = timeseries({
  title: 'Dollars per hour by model',
  description: 'What calls cost at the pace of the moment, by provider and model.',
  unit: units.dollars,
  queries: [
    {
      expr: times(rate(metrics.modelCost, { by: ['provider', 'model'] }), secondsPerHour),
      legend: '{{model}} ({{provider}})',
    },
  ],
  stacked: true,
});

export const spendByTeam = table({
  title: 'Spend by team',
  description: 'From the ledger, exact to a millionth of a millionth of a dollar; shown rounded.',
  query: sql(
    'table',
    `SELECT caller_team, toFloat64(sum(cost_usd)) AS cost FROM tollgate.calls
     WHERE $__timeFilter(started_at) AND ${chosenCalls} GROUP BY caller_team ORDER BY cost DESC LIMIT 100`,
  ),
  columns: { caller_team: units.text, cost: units.dollars },
});

export const spendOverTime = timeseries({
  title: 'Spend by team over time',
  description: 'Dollars in each interval, from the ledger.',
  unit: units.dollars,
  queries: sql(
    'timeseries',
    `SELECT $__timeInterval(started_at) AS time, caller_team, toFloat64(sum(cost_usd)) AS cost FROM tollgate.calls
     WHERE $__timeFilter(started_at) AND ${chosenCalls} GROUP BY time, caller_team ORDER BY time LIMIT 20000`,
  ),
  stacked: true,
});

export const callers = table({
  title: 'Tokens and cost by caller',
  description:
    'From the ledger. wasted: cost of attempts that served nobody (retries, fallbacks, hung-up clients).',
  query: sql(
    'table',
    `SELECT caller_team, caller_app, countIf(entry = 'call') AS n, sum(${tokensIn}) AS tokens_in,
       sum(${tokensOut}) AS tokens_out, toFloat64(sum(cost_usd)) AS cost, toFloat64(sum(waste_usd)) AS wasted
     FROM tollgate.calls WHERE $__timeFilter(started_at) AND ${chosenCalls}
     GROUP BY caller_team, caller_app ORDER BY cost DESC LIMIT 100`,
  ),
  columns: {
    caller_team: units.text,
    caller_app: units.text,
    n: units.count,
    tokens_in: units.count,
    tokens_out: units.count,
    cost: units.dollars,
    wasted: units.dollars,
  },
});
