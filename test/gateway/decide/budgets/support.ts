import type { Amounts, Budget, Subject } from '../../../../gateway/src/model/budget.ts';

export const nobody: Subject = {
  organization: '',
  team: '',
  application: '',
  key: '',
  namespace: '',
  environment: '',
  costCenter: '',
  user: '',
  agent: '',
  session: '',
  trace: '',
  tags: {},
  models: [],
};

export const subject = (more: Partial<Subject> = {}): Subject => ({ ...nobody, ...more });

export const nothing: Amounts = { usd: 0n, tokens: 0n, requests: 0n, parallel: 0n };

export const amounts = (more: Partial<Amounts>): Amounts => ({ ...nothing, ...more });

export const budget = (more: Partial<Budget> = {}): Budget => ({
  id: 'b1',
  scope: [],
  unit: 'usd',
  limit: 100n,
  window: { kind: 'calendar', period: 'day', timeZone: 'UTC' },
  mode: 'hard',
  thresholds: [],
  ...more,
});
