/** The way of a row to ClickHouse: does it get there, is there room, did anything fall by the wayside? */
import { metrics } from '@tollgate/gateway/contract/metrics';
import { above, counted, current, highest, increase, oneOf, rules } from '../promql.ts';
import type { Alert, Rule } from './rule.ts';

const oldest = metrics.spoolOldest.name;
const behind: Alert = {
  kind: 'alert',
  name: 'TollgateLedgerBehind',
  expr: above(highest(metrics.spoolOldest, { in: rules }), 300),
  for: '2m',
  severity: 'critical',
  summary: 'Ledger rows do not reach ClickHouse',
  description:
    'The oldest row that is not in ClickHouse was written {{ $value }} seconds ago. Nothing is lost: rows wait on the disk of the gateway, until ledger.maxSpool is reached and calls are refused.',
  cases: [
    {
      name: 'a row that waits for more than five minutes fires',
      series: [[oldest, '0 60+60x10']],
      atMinutes: 9,
      fires: [{ labels: {}, value: '540' }],
    },
    {
      name: 'one replica of two that is stuck fires',
      series: [
        [`${oldest}{instance="a"}`, '1+0x10'],
        [`${oldest}{instance="b"}`, '400+0x10'],
      ],
      atMinutes: 4,
      fires: [{ labels: {}, value: '400' }],
    },
    {
      name: 'rows that wait for a minute are silent',
      series: [[oldest, '60+0x10']],
      atMinutes: 8,
      fires: [],
    },
  ],
};

const full: Alert = {
  kind: 'alert',
  name: 'TollgateLedgerFull',
  expr: above(current(metrics.ledgerFull, { by: ['reason'], in: rules }), 0),
  for: '1m',
  severity: 'critical',
  summary: 'Calls are refused because the ledger has no room ({{ $labels.reason }})',
  description:
    '{{ $value }} gateways answer 503 ledger_full: a call that cannot be written down is not made. They go on by themselves when there is room.',
  cases: [
    {
      name: 'a gateway without room fires, and says of which kind',
      series: [
        [`${metrics.ledgerFull.name}{reason="disk"}`, '0 1+0x5'],
        [`${metrics.ledgerFull.name}{reason="max_spool"}`, '0+0x6'],
      ],
      atMinutes: 3,
      fires: [{ labels: { reason: 'disk' }, value: '1' }],
    },
    {
      name: 'room that was gone for a moment is silent',
      series: [[`${metrics.ledgerFull.name}{reason="reserve"}`, '0 0 1 0 0 0']],
      atMinutes: 2,
      fires: [],
    },
  ],
};

const setAside: Alert = {
  kind: 'alert',
  name: 'TollgateLedgerSetAside',
  expr: above(current(metrics.ledgerAside, { by: ['kind'], in: rules }), 0),
  for: '0m',
  severity: 'critical',
  summary: 'Ledger files wait for a person ({{ $labels.kind }})',
  description:
    '{{ $value }} files lie in the spool directory under {{ $labels.kind }}/: rows that ClickHouse refused, or segments with damage. What they hold is in no bill until somebody has looked.',
  cases: [
    {
      name: 'a refused row fires, also after a restart',
      series: [
        [`${metrics.ledgerAside.name}{kind="dead"}`, '1+0x5'],
        [`${metrics.ledgerAside.name}{kind="damaged"}`, '0+0x5'],
      ],
      atMinutes: 1,
      fires: [{ labels: { kind: 'dead' }, value: '1' }],
    },
    {
      name: 'empty directories are silent',
      series: [[`${metrics.ledgerAside.name}{kind="damaged"}`, '0+0x5']],
      atMinutes: 3,
      fires: [],
    },
  ],
};

const rows = metrics.ledgerRows.name;
const rowsLost: Alert = {
  kind: 'alert',
  name: 'TollgateLedgerRowsLost',
  expr: counted(metrics.ledgerRows, {
    by: ['result'],
    where: { result: oneOf('dropped', 'damaged') },
    in: { ...rules, window: '30m' },
  }),
  for: '0m',
  severity: 'warning',
  summary: 'Ledger rows were {{ $labels.result }}',
  description:
    'In the last 30 minutes rows of calls were {{ $labels.result }}: dropped ones found no room, damaged ones could not be read from the disk or were deleted from it. They are not in ClickHouse.',
  cases: [
    {
      name: 'dropped rows fire',
      series: [[`${rows}{result="dropped"}`, '0 0 3+0x5']],
      atMinutes: 4,
      fires: [{ labels: { result: 'dropped' } }],
    },
    {
      name: 'shipped and resent rows are silent',
      series: [
        [`${rows}{result="shipped"}`, '0+100x10'],
        [`${rows}{result="resent"}`, '0+10x10'],
        [`${rows}{result="damaged"}`, '0+0x10'],
      ],
      atMinutes: 8,
      fires: [],
    },
  ],
};

const shipFailures: Alert = {
  kind: 'alert',
  name: 'TollgateLedgerShipFailures',
  expr: above(increase(metrics.ledgerShipFailures, { in: rules }), 0),
  for: '10m',
  severity: 'warning',
  summary: 'ClickHouse does not take or answer what the ledger sends',
  description:
    'For 10 minutes inserts into tollgate.calls, or questions about them, have failed again and again. Rows wait on disk.',
  cases: [
    {
      name: 'failures that go on fire',
      series: [[metrics.ledgerShipFailures.name, '0+12x30']],
      atMinutes: 16,
      fires: [{ labels: {} }],
    },
    {
      name: 'a restart of ClickHouse is silent',
      series: [[metrics.ledgerShipFailures.name, '0 0 0 8 16+0x30']],
      atMinutes: 8,
      fires: [],
    },
  ],
};

export const ledger: readonly Rule[] = [behind, full, setAside, rowsLost, shipFailures];
