import { metrics } from '@tollgate/gateway/contract/metrics';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { quantile, slowerThan } from '../promql.ts';
import { stat, timeseries, units } from '../style.ts';

export const p99Now = stat({
  title: 'P99 latency',
  description:
    'All chosen calls, from arrival to the last byte; estimated between bucket boundaries.',
  unit: units.seconds,
  query: quantile(0.99, metrics.requestDuration),
  warnAt: 2,
  badAt: 5,
});

const byModel = (q: number, alertAt?: number): Panel =>
  timeseries({
    title: `P${q * 100} latency by model`,
    description:
      'A call as the client saw it, from arrival to its last byte. Dots are example traces. Estimated between bucket boundaries; the ledger’s table below is exact to 1 %. In brackets the vendor.',
    unit: units.seconds,
    queries: [
      {
        expr: quantile(q, metrics.requestDuration, {
          by: ['gen_ai_provider_name', 'gen_ai_request_model'],
        }),
        legend: '{{gen_ai_request_model}} ({{gen_ai_provider_name}})',
        exemplars: true,
      },
    ],
    ...(alertAt === undefined ? {} : { alertAt }),
  });

export const p50ByModel = byModel(0.5);
export const p90ByModel = byModel(0.9);
export const p99ByModel = byModel(0.99, 5);

export const firstToken = timeseries({
  title: 'First token, P95 by model',
  description: 'Streamed calls: from arrival to the first content. What a person waiting feels.',
  unit: units.seconds,
  queries: [
    {
      expr: quantile(0.95, metrics.timeToFirstToken, { by: ['gen_ai_request_model'] }),
      legend: '{{gen_ai_request_model}}',
      exemplars: true,
    },
  ],
});

export const slowCalls = timeseries({
  title: 'Calls slower than 5 s, by model',
  description:
    'The exact share that TollgateModelP99Slow judges: above the dashed line (1 %) P99 is above 5 s.',
  unit: units.share,
  queries: [
    {
      expr: slowerThan(5, metrics.requestDuration, {
        by: ['gen_ai_provider_name', 'gen_ai_request_model'],
      }),
      legend: '{{gen_ai_request_model}} ({{gen_ai_provider_name}})',
    },
  ],
  alertAt: 0.01,
});

export const overhead = timeseries({
  title: 'Our own time, P99',
  description:
    'Time of a call that was not spent waiting for a provider, by operation. Beyond 5 ms look at the gateway, not at providers.',
  unit: units.seconds,
  queries: [
    {
      expr: quantile(0.99, metrics.overhead, { by: ['operation'] }),
      legend: '{{operation}}',
      exemplars: true,
    },
  ],
});
