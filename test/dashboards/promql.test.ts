import { expect, test } from 'vitest';
import { metrics } from '@tollgate/gateway/contract/metrics';
import * as promql from '../../dashboards/src/promql.ts';

const { is, oneOf, quantile, rate, rules, share, slowerThan } = promql;

test('a query for a board has Grafana’s window and the variables of its labels', () => {
  expect(rate(metrics.calls, { by: ['outcome'] }).text).toBe(
    'sum by (outcome) (rate(tollgate_calls_total{caller_team=~"$team",caller_app=~"$app"}[$__rate_interval]))',
  );
});

test('a query for a rule looks back over five minutes, on everything', () => {
  const where = { outcome: oneOf('broken', 'crashed') };
  expect(rate(metrics.calls, { where, in: rules }).text).toBe(
    'sum(rate(tollgate_calls_total{outcome=~"broken|crashed"}[5m]))',
  );
});

test('a label that a metric lacks does not compile', () => {
  // @ts-expect-error calls have no model
  rate(metrics.calls, { by: ['model'] });
  // @ts-expect-error calls have no provider
  rate(metrics.calls, { where: { provider: is('openai') } });
  // @ts-expect-error the spool has no labels at all
  promql.highest(metrics.spoolBytes, { by: ['provider'] });
  // @ts-expect-error shares are of the same labels
  share(rate(metrics.calls, { by: ['outcome'] }), rate(metrics.calls, { by: ['caller_app'] }));
  expect.assertions(0);
});

test('a function that does not fit the kind of a metric does not compile', () => {
  // @ts-expect-error a gauge has no rate
  rate(metrics.inflight);
  // @ts-expect-error a counter has no quantile
  quantile(0.99, metrics.calls);
  // @ts-expect-error a counter is not a gauge
  promql.current(metrics.calls);
  expect.assertions(0);
});

test('a share above a bound wants a bucket boundary', () => {
  expect(() => slowerThan(4, metrics.requestDuration)).toThrow(
    '4 is no bucket of gen_ai_server_request_duration_seconds; allowed: 0.1, 0.25, 0.5, 1, 2, 5,',
  );
});

test('whole bounds match as Prometheus 2 and 3 store them, others are the same in both', () => {
  const { requestDuration } = metrics;
  expect(slowerThan(5, requestDuration, { in: rules }).text).toContain('{le=~"5|5[.]0"}');
  expect(slowerThan(0.5, requestDuration, { in: rules }).text).toContain('{le="0.5"}');
});
