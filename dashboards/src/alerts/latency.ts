/**
 * "P99 above 5 s" is "more than 1 % of calls in slower buckets than 5 s": exact, where an interpolated quantile is
 * off by seconds. Models that are slow by nature are judged by their first token instead (later: alerts.latency.exclude).
 */
import { metrics } from '@tollgate/gateway/contract/metrics';
import { above, observed, provided, recorded, rules, slowerThan } from '../promql.ts';
import { type Alert, type Case, type Rule, record } from './rule.ts';

const byModel = { by: ['gen_ai_provider_name', 'gen_ai_request_model'], in: rules } as const;
const slower = slowerThan(5, metrics.requestDuration, byModel);
const slowerName = 'model:gen_ai_server_slower_than_5s:ratio_rate5m';
/** With fewer calls in five minutes one slow call would be a page. */
const leastCalls = 20;

const labels = { gen_ai_provider_name: 'openai', gen_ai_request_model: 'gpt-5' };
const model = 'gen_ai_provider_name="openai",gen_ai_request_model="gpt-5"';
/** Calls per minute, and how many of them end within 5 s. */
const traffic = (withinPerMinute: number, callsPerMinute: number, five = '5'): Case['series'] => [
  [`${metrics.requestDuration.name}_bucket{${model},le="${five}"}`, `0+${withinPerMinute}x30`],
  [`${metrics.requestDuration.name}_bucket{${model},le="+Inf"}`, `0+${callsPerMinute}x30`],
  [`${metrics.requestDuration.name}_count{${model}}`, `0+${callsPerMinute}x30`],
];

/** Rounded, because promtool compares floats to the last bit. */
const slowShare = (value: number): NonNullable<Case['reads']> => ({
  [`round(${slowerName}, 0.001)`]: [{ labels: `{${model}}`, value }],
});

const modelP99Slow: Alert = {
  kind: 'alert',
  name: 'TollgateModelP99Slow',
  expr: provided(
    above(recorded(slowerName, slower), 0.01),
    observed(metrics.requestDuration, byModel),
    leastCalls,
  ),
  for: '5m',
  severity: 'warning',
  summary:
    'P99 latency of {{ $labels.gen_ai_request_model }} at {{ $labels.gen_ai_provider_name }} is above 5 s',
  description:
    '{{ $value | humanizePercentage }} of calls to {{ $labels.gen_ai_request_model }} at {{ $labels.gen_ai_provider_name }} took longer than 5 s over the last 5 minutes; more than 1 % means a P99 above 5 s.',
  cases: [
    {
      name: 'a model with 3 % slow calls fires',
      series: traffic(97, 100),
      atMinutes: 15,
      fires: [{ labels, value: '3%' }],
    },
    {
      name: 'a model with 1.2 % slow calls fires, just above the threshold',
      series: traffic(988, 1000),
      atMinutes: 15,
      fires: [{ labels, value: '1.2%' }],
    },
    {
      name: 'a model with 3 % slow calls fires where Prometheus 3 stores the bound as 5.0',
      series: traffic(97, 100, '5.0'),
      atMinutes: 15,
      fires: [{ labels, value: '3%' }],
    },
    {
      name: 'a model with 0.8 % slow calls is silent',
      series: traffic(992, 1000),
      atMinutes: 15,
      fires: [],
      reads: slowShare(0.008),
    },
    {
      name: 'a model with 15 calls in five minutes, all slow, is silent',
      series: traffic(0, 3),
      atMinutes: 15,
      fires: [],
      reads: slowShare(1),
    },
    {
      name: 'a model with 25 calls in five minutes, all slow, fires',
      series: traffic(0, 5),
      atMinutes: 15,
      fires: [{ labels, value: '100%' }],
    },
    {
      name: 'a model that has been slow for less than five minutes is silent',
      series: traffic(97, 100),
      atMinutes: 5,
      fires: [],
    },
  ],
};

export const latency: readonly Rule[] = [record(slowerName, slower), modelP99Slow];
