/** Several workers behind one port: do all of them serve, and do they stay? */
import { metrics } from '@tollgate/gateway/contract/metrics';
import { above, below, increase, lowest, rules } from '../promql.ts';
import type { Alert, Rule } from './rule.ts';

const up = metrics.workerUp.name;
const away: Alert = {
  kind: 'alert',
  name: 'TollgateWorkerAway',
  expr: below(lowest(metrics.workerUp, { in: rules }), 1),
  for: '2m',
  severity: 'warning',
  summary: 'A worker of a gateway is away',
  description:
    'For 2 minutes at least one of the workers behind a port has not served, or gave no answer. The others do its calls; its spool is seen to.',
  cases: [
    {
      name: 'one worker of two that does not come back fires',
      series: [
        [`${up}{instance="a",worker="1"}`, '1+0x10'],
        [`${up}{instance="a",worker="2"}`, '1 0+0x10'],
      ],
      atMinutes: 5,
      fires: [{ labels: {}, value: '0' }],
    },
    {
      name: 'a worker that is started again is silent',
      series: [
        [`${up}{instance="a",worker="1"}`, '1+0x10'],
        [`${up}{instance="a",worker="2"}`, '1 1 0 1 1 1 1'],
      ],
      atMinutes: 2,
      fires: [],
    },
    {
      name: 'gateways of one process are silent',
      series: [
        [`${up}{instance="a"}`, '1+0x10'],
        [`${up}{instance="b"}`, '1+0x10'],
      ],
      atMinutes: 8,
      fires: [],
    },
  ],
};

const restarts = metrics.workerRestarts.name;
const restarting: Alert = {
  kind: 'alert',
  name: 'TollgateWorkerRestarts',
  expr: above(increase(metrics.workerRestarts, { in: { ...rules, window: '30m' } }), 3),
  for: '0m',
  severity: 'warning',
  summary: 'Workers of a gateway end again and again',
  description:
    'In the last 30 minutes workers were started again more than three times. Each end cut off the calls that the worker had in flight; they are in the ledger as crashed.',
  cases: [
    {
      name: 'a worker that ends every five minutes fires',
      series: [
        [`${restarts}{worker="1"}`, '0+0x40'],
        [`${restarts}{worker="2"}`, '0+0.2x40'],
      ],
      atMinutes: 35,
      fires: [{ labels: {} }],
    },
    {
      name: 'two ends in half an hour are silent',
      series: [[`${restarts}{worker="2"}`, '0 1 1 1 1 1 2+0x40']],
      atMinutes: 30,
      fires: [],
    },
  ],
};

export const workers: readonly Rule[] = [away, restarting];
