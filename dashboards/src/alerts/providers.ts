/** Attempts that fail at a provider. What the caller did wrong (4xx) or we ended ourselves is no error of the provider. */
import { metrics } from '@tollgate/gateway/contract/metrics';
import { above, increase, is, noneOf, provided, rate, recorded, rules, share } from '../promql.ts';
import { type Alert, type Case, type Rule, record } from './rule.ts';

const byProvider = { by: ['provider'], in: rules } as const;
const failed = {
  ...byProvider,
  where: { result: is('error'), error: noneOf('caller', 'gateway') },
} as const;

const attempts = rate(metrics.attempts, byProvider);
const attemptsName = 'provider:tollgate_attempts:rate5m';
const errorRatio = share(rate(metrics.attempts, failed), recorded(attemptsName, attempts));
const errorRatioName = 'provider:tollgate_attempt_errors:ratio_rate5m';
/** One failed attempt in quiet hours is no incident. */
const leastErrors = 3;

const per = (provider: string, kind: string, values: string): Case['series'][number] => [
  `${metrics.attempts.name}{provider="${provider}",model="m",${kind}}`,
  values,
];
const ok = 'result="ok",error=""';
const error = (kind: string) => `result="error",error="${kind}"`;
const reads = (provider: string, value: number): NonNullable<Case['reads']> => ({
  [`${errorRatioName}{provider="${provider}"}`]: [
    { labels: `{__name__="${errorRatioName}",provider="${provider}"}`, value },
  ],
});

const providerErrors: Alert = {
  kind: 'alert',
  name: 'TollgateProviderErrors',
  expr: provided(
    above(recorded(errorRatioName, errorRatio), 0.01),
    increase(metrics.attempts, failed),
    leastErrors,
  ),
  for: '1m',
  severity: 'critical',
  summary: 'Provider {{ $labels.provider }} fails more than 1 % of attempts',
  description:
    '{{ $value | humanizePercentage }} of attempts at {{ $labels.provider }} failed over the last 5 minutes (callers’ own errors not counted). Fallbacks may still hide this from callers.',
  cases: [
    {
      name: 'a provider that fails one attempt in twenty fires, a healthy one beside it does not and reads 0',
      series: [
        per('openai', ok, '0+95x30'),
        per('openai', error('server'), '0+5x30'),
        per('anthropic', ok, '0+100x30'),
      ],
      atMinutes: 10,
      fires: [{ labels: { provider: 'openai' }, value: '5%' }],
      reads: reads('anthropic', 0),
    },
    {
      name: 'time-outs, lost connections, limits and refused keys add up',
      series: [
        per('openai', ok, '0+984x30'),
        ...['timeout', 'network', 'rate_limited', 'auth'].map((kind) =>
          per('openai', error(kind), '0+4x30'),
        ),
      ],
      atMinutes: 10,
      fires: [{ labels: { provider: 'openai' }, value: '1.6%' }],
    },
    {
      name: 'a provider that fails one attempt in two hundred is silent',
      series: [per('openai', ok, '0+199x30'), per('openai', error('server'), '0+1x30')],
      atMinutes: 10,
      fires: [],
      reads: reads('openai', 0.005),
    },
    {
      name: 'callers’ own errors and what the gateway ended are excluded, however many',
      series: [
        per('openai', ok, '0+50x30'),
        per('openai', error('caller'), '0+50x30'),
        per('openai', error('gateway'), '0+50x30'),
      ],
      atMinutes: 10,
      fires: [],
      reads: reads('openai', 0),
    },
    {
      name: 'two failed attempts among twenty in five minutes are silent',
      series: [
        per('openai', ok, '0+4x30'),
        per('openai', error('network'), '0 0 0 0 0 0 0 1 1 1 2 2 2 2 2 2'),
      ],
      atMinutes: 11,
      fires: [],
    },
    {
      name: 'a provider that begins to fail is silent for its first minute',
      series: [per('openai', ok, '0+90x30'), per('openai', error('server'), '0+10x30')],
      atMinutes: 1,
      fires: [],
    },
    {
      name: 'an idle provider is silent',
      series: [per('openai', ok, '100+0x30'), per('openai', error('server'), '50+0x30')],
      atMinutes: 15,
      fires: [],
    },
  ],
};

export const providers: readonly Rule[] = [
  record(attemptsName, attempts),
  record(errorRatioName, errorRatio),
  providerErrors,
];
