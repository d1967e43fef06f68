/** The gateway itself: is it there, do its books balance, does everything have a price? */
import { metrics } from '@tollgate/gateway/contract/metrics';
import { above, allDown, counted, furthest, highest, rules } from '../promql.ts';
import type { Alert, Rule } from './rule.ts';

const down: Alert = {
  kind: 'alert',
  name: 'TollgateDown',
  expr: allDown('tollgate'),
  for: '2m',
  severity: 'critical',
  summary: 'No Tollgate gateway answers',
  description:
    'No target of the job tollgate has answered its scrape for 2 minutes. Callers most likely get no answer either.',
  cases: [
    {
      name: 'a gateway whose scrapes fail fires',
      series: [['up{job="tollgate",instance="a"}', '1 1 1 0+0x10']],
      atMinutes: 6,
      fires: [{ labels: {} }],
    },
    {
      name: 'a gateway that is not known at all fires',
      series: [['up{job="something_else",instance="a"}', '1+0x10']],
      atMinutes: 6,
      fires: [{ labels: {} }],
    },
    {
      name: 'one replica of two down is silent',
      series: [
        ['up{job="tollgate",instance="a"}', '0+0x10'],
        ['up{job="tollgate",instance="b"}', '1+0x10'],
      ],
      atMinutes: 6,
      fires: [],
    },
    {
      name: 'a gateway that has been away for one minute is silent',
      series: [['up{job="tollgate",instance="a"}', '1 1 1 0 0 1 1 1 1']],
      atMinutes: 4,
      fires: [],
    },
  ],
};

const conservation = metrics.conservation.name;
const ledgerConservation: Alert = {
  kind: 'alert',
  name: 'TollgateLedgerConservation',
  expr: above(furthest(metrics.conservation, { in: rules }), 0),
  for: '2m',
  severity: 'critical',
  summary: 'The ledger does not account for every call',
  description:
    '{{ $value }} calls or rows are unaccounted for: a call was opened and neither closed nor still open, or a row that was shipped is not in ClickHouse or there twice, or a row was dropped. Bills may be wrong.',
  cases: [
    {
      name: 'a lost call fires',
      series: [
        [`${conservation}{quantity="calls"}`, '0 0 1+0x10'],
        [`${conservation}{quantity="rows"}`, '0+0x12'],
      ],
      atMinutes: 6,
      fires: [{ labels: {}, value: '1' }],
    },
    {
      name: 'a row counted twice on one replica of two fires',
      series: [
        [`${conservation}{quantity="rows",instance="a"}`, '0+0x12'],
        [`${conservation}{quantity="rows",instance="b"}`, '-2+0x12'],
      ],
      atMinutes: 6,
      fires: [{ labels: {}, value: '2' }],
    },
    {
      name: 'a row that ClickHouse lost after it had taken it fires',
      series: [
        [`${conservation}{quantity="rows"}`, '0+0x12'],
        [`${conservation}{quantity="missing"}`, '0 0 40+0x10'],
      ],
      atMinutes: 6,
      fires: [{ labels: {}, value: '40' }],
    },
    {
      name: 'balanced books are silent',
      series: [
        [`${conservation}{quantity="calls"}`, '0+0x12'],
        [`${conservation}{quantity="rows"}`, '0+0x12'],
      ],
      atMinutes: 6,
      fires: [],
    },
    {
      name: 'a call caught between two counters for a minute is silent',
      series: [[`${conservation}{quantity="calls"}`, '0 0 0 1 1 0 0 0']],
      atMinutes: 4,
      fires: [],
    },
  ],
};

const unpricedSeries = `${metrics.unpriced.name}{provider="openai",model="gpt-new"}`;
const unpricedLabels = { provider: 'openai', model: 'gpt-new' };
const unpriced: Alert = {
  kind: 'alert',
  name: 'TollgateUnpriced',
  expr: counted(metrics.unpriced, { by: ['provider', 'model'], in: { ...rules, window: '30m' } }),
  for: '0m',
  severity: 'warning',
  summary: 'Calls to {{ $labels.model }} at {{ $labels.provider }} have no price',
  description:
    'In the last 30 minutes the ledger booked calls to {{ $labels.model }} at {{ $labels.provider }} with a token class that no price covers. Their cost is too low until a price is added and they are re-rated.',
  cases: [
    {
      name: 'the first unpriced call of a model fires, though its counter is born at 1',
      series: [[unpricedSeries, '_x5 1+0x60']],
      atMinutes: 7,
      fires: [{ labels: unpricedLabels }],
    },
    {
      name: 'a model unpriced long ago and called again fires',
      series: [[unpricedSeries, '3+0x40 4+1x5']],
      atMinutes: 44,
      fires: [{ labels: unpricedLabels }],
    },
    {
      name: 'a model unpriced long ago and not called since is silent',
      series: [[unpricedSeries, '3+0x60']],
      atMinutes: 45,
      fires: [],
    },
    {
      name: 'a counter that stays at 0 is silent',
      series: [[unpricedSeries, '0+0x60']],
      atMinutes: 45,
      fires: [],
    },
  ],
};

const age = metrics.priceCatalogAge.name;
const daySeconds = 86_400;
const pricesStale: Alert = {
  kind: 'alert',
  name: 'TollgatePricesStale',
  expr: above(highest(metrics.priceCatalogAge, { in: rules }), '14 * 86400'),
  for: '1h',
  severity: 'info',
  summary: 'The prices are more than two weeks old',
  description:
    'The newest list that the prices of a gateway were taken from is {{ $value | humanizeDuration }} old. Models that came since have no price, and changed prices are booked as they were.',
  cases: [
    {
      name: 'lists of fifteen days ago fire',
      series: [[`${age}{version="a"}`, `${15 * daySeconds}+60x90`]],
      atMinutes: 65,
      fires: [{ labels: {}, value: '15d 1h 5m 0s' }],
    },
    {
      name: 'one replica of two that was not renewed fires',
      series: [
        [`${age}{version="a",instance="a"}`, `${daySeconds}+60x90`],
        [`${age}{version="b",instance="b"}`, `${15 * daySeconds}+60x90`],
      ],
      atMinutes: 65,
      fires: [{ labels: {}, value: '15d 1h 5m 0s' }],
    },
    {
      name: 'lists of thirteen days ago are silent',
      series: [[`${age}{version="a"}`, `${13 * daySeconds}+60x90`]],
      atMinutes: 65,
      fires: [],
    },
    {
      name: 'a gateway that was started half an hour ago and is about to be renewed is silent',
      series: [[`${age}{version="a"}`, `${15 * daySeconds}+60x90`]],
      atMinutes: 35,
      fires: [],
    },
  ],
};

export const gateway: readonly Rule[] = [down, ledgerConservation, unpriced, pricesStale];
