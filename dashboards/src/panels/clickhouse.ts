/** The embedded ClickHouse of `npm start`. Empty beside a server of its own. */
import { clickhouseMetrics as metrics } from '../../../deploy/local/src/contract/metrics.ts';
import { current, increase, over, rate } from '../promql.ts';
import { timeseries, units } from '../style.ts';

const halfAnHour = over('30m');

export const engineEnds = timeseries({
  title: 'Embedded ClickHouse: engine crashed or replaced',
  description:
    'In the half hour before. Replacements keep its memory in bounds and nobody notices; crashes end queries. TollgateClickhouseRestarts fires on more than 5 starts.',
  unit: units.count,
  queries: [
    { expr: increase(metrics.engine_crashes, { in: halfAnHour }), legend: 'crashed' },
    {
      expr: increase(metrics.engine_recycles, { by: ['why'], in: halfAnHour }),
      legend: 'replaced: {{why}}',
    },
  ],
});

export const engineRefusals = timeseries({
  title: 'Embedded ClickHouse: queries refused, by limit',
  description:
    'Requests that were refused or ended by a limit, per second. TollgateClickhouseRefusals fires on more than 10 in 15 minutes.',
  unit: units.callsPerSecond,
  queries: [{ expr: rate(metrics.refused, { by: ['why'] }), legend: '{{why}}' }],
});

export const engineMemory = timeseries({
  title: 'Embedded ClickHouse: memory of the engine',
  description:
    'What its process holds. At TOLLGATE_CLICKHOUSE_MAX_PROCESS_MEMORY_BYTES it is replaced.',
  unit: units.bytes,
  queries: [{ expr: current(metrics.engine_resident_bytes), legend: 'resident' }],
});
