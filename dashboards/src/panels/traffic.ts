import { metrics } from '@tollgate/gateway/contract/metrics';
import { current, rate } from '../promql.ts';
import { colors, stat, timeseries, units } from '../style.ts';

export const callsNow = stat({
  title: 'Calls',
  description: 'Calls that ended, per second, whatever their outcome.',
  unit: units.callsPerSecond,
  query: rate(metrics.calls),
});

export const callsByOutcome = timeseries({
  title: 'Calls by outcome',
  description:
    'How calls end. exhausted, broken and crashed are failures; unidentified, refused, throttled and blocked are our answers to a caller; abandoned means the client hung up.',
  unit: units.callsPerSecond,
  queries: [{ expr: rate(metrics.calls, { by: ['outcome'] }), legend: '{{outcome}}' }],
  stacked: true,
  colors,
});

export const inFlightNow = stat({
  title: 'In flight',
  description:
    'Attempts waiting for a provider right now. A climb without more calls means a slow provider.',
  unit: units.count,
  query: current(metrics.inflight),
});

export const inFlight = timeseries({
  title: 'In flight and open streams, by provider',
  description:
    'Attempts at a provider that have not ended, and the streamed replies among them. Flat at a ceiling means a connection limit was reached.',
  unit: units.count,
  queries: [
    { expr: current(metrics.inflight, { by: ['provider'] }), legend: '{{provider}}' },
    { expr: current(metrics.openStreams, { by: ['provider'] }), legend: '{{provider}} streams' },
  ],
});
