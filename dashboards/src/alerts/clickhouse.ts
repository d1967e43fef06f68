/** The embedded ClickHouse of `npm start`: does its engine serve, does it stay, does it refuse? Silent beside a server of its own. */
import { clickhouseMetrics as metrics } from '../../../deploy/local/src/contract/metrics.ts';
import { above, below, increase, lowest, oneOf, rules } from '../promql.ts';
import type { Alert, Rule } from './rule.ts';

const up = metrics.engine_up.name;
const away: Alert = {
  kind: 'alert',
  name: 'TollgateClickhouseAway',
  expr: below(lowest(metrics.engine_up, { in: rules }), 1),
  for: '2m',
  severity: 'critical',
  summary: 'The embedded ClickHouse has no engine that serves',
  description:
    'For 2 minutes no engine has served behind the front of the embedded ClickHouse, which tries again for ever. Boards and queries get 503; calls go on and their ledger rows wait on the disk of the gateway.',
  cases: [
    {
      name: 'an engine that does not come back fires',
      series: [[up, '1 0+0x10']],
      atMinutes: 5,
      fires: [{ labels: {} }],
    },
    {
      name: 'an engine that is being replaced is silent',
      series: [[up, '1 0 0 1 1 1']],
      atMinutes: 2,
      fires: [],
    },
  ],
};

const starts = metrics.engine_starts.name;
const restarts: Alert = {
  kind: 'alert',
  name: 'TollgateClickhouseRestarts',
  expr: above(increase(metrics.engine_starts, { in: { ...rules, window: '30m' } }), 5),
  for: '0m',
  severity: 'warning',
  summary: 'The engine of the embedded ClickHouse is started again and again',
  description:
    'In the last 30 minutes the engine was started {{ $value | printf "%.0f" }} times: it crashes, says nothing, or is replaced before its memory hurts. No insert is lost; queries wait or are told to come back.',
  cases: [
    {
      name: 'an engine that is started every four minutes fires',
      series: [[starts, '1 1 1 1 2 2 2 2 3 3 3 3 4 4 4 4 5 5 5 5 6 6 6 6 7 7 7 7 8 8 8']],
      atMinutes: 30,
      fires: [{ labels: {}, value: '7' }],
    },
    {
      name: 'three further starts in half an hour are silent',
      series: [[starts, '1+0x9 2+0x9 3+0x9 4+0x9']],
      atMinutes: 32,
      fires: [],
    },
  ],
};

const refused = metrics.refused.name;
const refusals: Alert = {
  kind: 'alert',
  name: 'TollgateClickhouseRefusals',
  expr: above(
    increase(metrics.refused, {
      by: ['why'],
      where: {
        why: oneOf(...metrics.refused.values.filter((why) => why !== 'slow_reader')),
      },
      in: { ...rules, window: '15m' },
    }),
    10,
  ),
  for: '0m',
  severity: 'warning',
  summary: 'The embedded ClickHouse refuses queries ({{ $labels.why }})',
  description:
    'In the last 15 minutes more than 10 queries were refused or ended by the limit {{ $labels.why }}: slots, memory or disk. What was refused to the writer waits in the ledger and is sent again.',
  cases: [
    {
      name: 'readers that find no slot, once a minute, fire; others do not',
      series: [
        [`${refused}{why="reader_slots"}`, '0+1x30'],
        [`${refused}{why="free_disk"}`, '0+0x30'],
      ],
      atMinutes: 20,
      fires: [{ labels: { why: 'reader_slots' } }],
    },
    {
      name: 'a few queries that take too much memory are silent',
      series: [[`${refused}{why="query_memory"}`, '0+0x9 5+0x20']],
      atMinutes: 15,
      fires: [],
    },
    {
      name: 'clients that fetch too slowly are silent',
      series: [[`${refused}{why="slow_reader"}`, '0+5x30']],
      atMinutes: 20,
      fires: [],
    },
  ],
};

export const clickhouse: readonly Rule[] = [away, restarts, refusals];
