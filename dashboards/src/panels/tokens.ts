import { metrics } from '@tollgate/gateway/contract/metrics';
import { rate, top } from '../promql.ts';
import { timeseries, units } from '../style.ts';

export const tokensByBucket = timeseries({
  title: 'Tokens by bucket',
  description:
    'Tokens per second: input not cached, read from and written to a provider’s cache, output, reasoning.',
  unit: units.tokensPerSecond,
  queries: [{ expr: rate(metrics.tokens, { by: ['bucket'] }), legend: '{{bucket}}' }],
  stacked: true,
});

export const tokensByCaller = timeseries({
  title: 'Tokens by caller and bucket, top 10',
  description:
    'The ten largest streams of tokens. Callers past the cap are counted as other; the ledger below knows them all.',
  unit: units.tokensPerSecond,
  queries: [
    {
      expr: top(10, rate(metrics.tokens, { by: ['caller_team', 'caller_app', 'bucket'] })),
      legend: '{{caller_team}}/{{caller_app}} {{bucket}}',
    },
  ],
});
