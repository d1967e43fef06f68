/** The ledger held against what providers bill. */
import { metrics } from '@tollgate/gateway/contract/metrics';
import { above, furthest, rules } from '../promql.ts';
import type { Alert, Rule } from './rule.ts';

const ratio = metrics.reconciliationDrift.name;
const drift: Alert = {
  kind: 'alert',
  name: 'TollgateReconciliationDrift',
  expr: above(furthest(metrics.reconciliationDrift, { by: ['provider'], in: rules }), 0.02),
  for: '0m',
  severity: 'warning',
  summary: 'The ledger is off the bills of {{ $labels.provider }}',
  description:
    'Over the last 35 days ledger and bill of {{ $labels.provider }} differ by {{ $value | humanizePercentage }} of what is billed, for one cause alone. It is as it was when a bill was last imported, or calls were last priced anew.',
  cases: [
    {
      name: 'a ledger that lacks a twentieth of what is billed fires, for its provider',
      series: [
        [`${ratio}{provider="openai",cause="price"}`, '-0.05+0x10'],
        [`${ratio}{provider="openai",cause="outside"}`, '0+0x10'],
        [`${ratio}{provider="anthropic",cause="price"}`, '0.001+0x10'],
      ],
      atMinutes: 2,
      fires: [{ labels: { provider: 'openai' }, value: '5%' }],
    },
    {
      name: 'what is billed beside the gateway fires',
      series: [[`${ratio}{provider="openai",cause="outside"}`, '-1+0x10']],
      atMinutes: 2,
      fires: [{ labels: { provider: 'openai' }, value: '100%' }],
    },
    {
      name: 'two causes of one and a half percent each are silent',
      series: [
        [`${ratio}{provider="openai",cause="price"}`, '0.015+0x10'],
        [`${ratio}{provider="openai",cause="estimated"}`, '-0.015+0x10'],
      ],
      atMinutes: 5,
      fires: [],
    },
  ],
};

export const bills: readonly Rule[] = [drift];
