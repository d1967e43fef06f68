/** Where rows are on their way into the table, and what waits for a person. */
import { metrics } from '@tollgate/gateway/contract/metrics';
import { current, increase, observed, over, quantile, rate, share } from '../promql.ts';
import { stat, timeseries, units } from '../style.ts';

const halfAnHour = over('30m');

export const setAside = stat({
  title: 'Files that wait for a person',
  description:
    'Rows that ClickHouse refused (dead/) and damaged segments (damaged/), on the disk of the gateway. Nothing of them is lost, and none of it is in the table. TollgateLedgerSetAside fires on the first.',
  unit: units.count,
  query: current(metrics.ledgerAside),
  badAt: 1,
});

export const setAsideByKind = timeseries({
  title: 'Set aside, by kind',
  description: 'The same over time: dead are rows that the table refused, damaged are segments.',
  unit: units.count,
  queries: [{ expr: current(metrics.ledgerAside, { by: ['kind'] }), legend: '{{kind}}' }],
});

export const unaccounted = timeseries({
  title: 'Not accounted for, by quantity',
  description:
    'Each must be 0. calls: intents that are neither open nor closed; rows: closed ones that are nowhere; missing and double: the table against what was shipped; dropped: rows that were recorded nowhere.',
  unit: units.count,
  queries: [{ expr: current(metrics.conservation, { by: ['quantity'] }), legend: '{{quantity}}' }],
});

export const rowsByResult = timeseries({
  title: 'Rows by what became of them',
  description:
    'Per second. spooled and shipped run side by side; resent after an answer that was lost; recovered after a crash. dead, damaged and dropped should not be here.',
  unit: units.callsPerSecond,
  queries: [{ expr: rate(metrics.ledgerRows, { by: ['result'] }), legend: '{{result}}' }],
});

export const full = stat({
  title: 'Reasons to refuse new calls',
  description:
    'Above 0 the spool takes no further call: it is as large as it may be, its disk refuses, or only the reserve for calls in flight is left. TollgateLedgerFull fires.',
  unit: units.count,
  query: current(metrics.ledgerFull),
  badAt: 1,
});

export const spool = timeseries({
  title: 'Spool on disk',
  description:
    'Entries that are not in the table yet, and shipped segments that are kept until the table was seen to have their rows.',
  unit: units.bytes,
  queries: [
    { expr: current(metrics.spoolBytes), legend: 'not in the table' },
    { expr: current(metrics.keptBytes), legend: 'shipped and kept' },
  ],
});

export const shipFailures = timeseries({
  title: 'Tries without an answer, per segment',
  description:
    'Inserts and questions that ClickHouse did not answer, of the last half hour, for each segment that arrived. They are tried again until they have an answer.',
  unit: units.share,
  queries: [
    {
      expr: share(
        increase(metrics.ledgerShipFailures, { in: halfAnHour }),
        observed(metrics.ledgerShip, { in: halfAnHour }),
      ),
      legend: 'without an answer',
    },
  ],
});

export const commits = timeseries({
  title: 'One write of the spool',
  description:
    'Every call waits for one before its provider is asked. A slow disk shows here before it shows in latency.',
  unit: units.seconds,
  queries: [
    { expr: quantile(0.5, metrics.ledgerCommit), legend: 'p50' },
    { expr: quantile(0.99, metrics.ledgerCommit), legend: 'p99' },
  ],
});

export const shipments = timeseries({
  title: 'One segment into the table',
  description: 'From reading the file to the answer of ClickHouse.',
  unit: units.seconds,
  queries: [
    { expr: quantile(0.5, metrics.ledgerShip), legend: 'p50' },
    { expr: quantile(0.99, metrics.ledgerShip), legend: 'p99' },
  ],
});
