import { metrics } from '@tollgate/gateway/contract/metrics';
import { is, noneOf, oneOf, rate, share } from '../promql.ts';
import { stat, timeseries, units } from '../style.ts';

/** The endings that are ours or a provider's fault (contract/outcomes.ts, span: 'error'). */
const failed = oneOf('exhausted', 'broken', 'crashed');

export const errorRatio = stat({
  title: 'Calls that failed',
  description:
    'Share of calls that ended exhausted, broken or crashed. A refusal is not a failure.',
  unit: units.share,
  query: share(rate(metrics.calls, { where: { outcome: failed } }), rate(metrics.calls)),
  warnAt: 0.005,
  badAt: 0.01,
});

export const errorRatioOverTime = timeseries({
  title: 'Calls that failed, by team',
  description:
    'Share of each team’s calls that ended exhausted, broken or crashed. Fallbacks hide provider errors from callers: compare with the panel beside.',
  unit: units.share,
  queries: [
    {
      expr: share(
        rate(metrics.calls, { by: ['caller_team'], where: { outcome: failed } }),
        rate(metrics.calls, { by: ['caller_team'] }),
      ),
      legend: '{{caller_team}}',
    },
  ],
});

export const errorsByProvider = timeseries({
  title: 'Errors by provider',
  description:
    'Share of attempts that failed, without those that were the caller’s own mistake. TollgateProviderErrors fires above the dashed line.',
  unit: units.share,
  queries: [
    {
      expr: share(
        rate(metrics.attempts, {
          by: ['provider'],
          where: { result: is('error'), error: noneOf('caller', 'gateway') },
        }),
        rate(metrics.attempts, { by: ['provider'] }),
      ),
      legend: '{{provider}}',
    },
  ],
  alertAt: 0.01,
});

export const errorsByKind = timeseries({
  title: 'Provider errors by kind',
  description:
    'Failed attempts per second: server (5xx), rate_limited (429), timeout, network, auth (our key), caller (4xx that the caller caused), gateway (ended by us).',
  unit: units.callsPerSecond,
  queries: [
    {
      expr: rate(metrics.attempts, { by: ['provider', 'error'], where: { result: is('error') } }),
      legend: '{{provider}} {{error}}',
    },
  ],
  stacked: true,
  none: 'No provider error so far',
});

export const furtherAttempts = timeseries({
  title: 'Retries and fallbacks',
  description:
    'Further attempts per second, at the same target and at another. Calls still succeed, but each costs time and maybe money.',
  unit: units.callsPerSecond,
  queries: [
    { expr: rate(metrics.retries, { by: ['reason'] }), legend: 'retry: {{reason}}' },
    { expr: rate(metrics.fallbacks, { by: ['reason'] }), legend: 'fallback: {{reason}}' },
  ],
  none: 'No retry or fallback so far',
});
