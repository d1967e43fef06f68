import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { tokenTypes, callColumns } from '../../../gateway/src/contract/ledger.ts';
import type { MetricId } from '../../../gateway/src/contract/metrics.ts';
import { count } from '../../../gateway/src/projections/metrics.ts';
import { metricStore, type MetricStore } from '../../../gateway/src/edge/telemetry/store.ts';
import type { Settlement } from '../../../gateway/src/model/settlement.ts';
import { anySettlement } from '../model/any-settlement.ts';
import { rowJson, someAttempt, someSettlement } from '../model/settlements.ts';

const counted = (...settlements: readonly Settlement[]): MetricStore => {
  const store = metricStore(1000);
  for (const settlement of settlements) count(store, settlement);
  return store;
};
const valuesOf = (store: MetricStore, metric: MetricId) =>
  [...store.values(metric)].map(({ labels, value }): Readonly<Record<string, unknown>> => ({
    ...labels,
    value,
  }));
const sumOf = (store: MetricStore, metric: MetricId): number =>
  [...store.values(metric)].reduce((sum, { value }) => sum + value, 0);
const moneyOf = (store: MetricStore, metric: MetricId): bigint =>
  [...store.values(metric)].reduce((sum, { picodollars }) => sum + picodollars, 0n);

/** Sums over rows, as a query would make them. */
const ledgerOf = (settlements: readonly Settlement[]) => {
  const rows = settlements.map((settlement, seq) => {
    const values: unknown = JSON.parse(rowJson(settlement, 'r', seq));
    return new Map(callColumns.map((name, i) => [name, Array.isArray(values) ? values[i] : null]));
  });
  const pico = (text: unknown): bigint => {
    const [whole = '', fraction = ''] = String(text).split('.');
    return BigInt(whole + fraction.padEnd(12, '0'));
  };
  return {
    tokens: rows.reduce(
      (sum, row) => sum + tokenTypes.reduce((all, type) => all + Number(row.get(type)), 0),
      0,
    ),
    cost: rows.reduce((sum, row) => sum + pico(row.get('cost_usd')), 0n),
    waste: rows.reduce((sum, row) => sum + pico(row.get('waste_usd')), 0n),
    attempts: rows.reduce((sum, row) => {
      const list: unknown = row.get('attempts.provider');
      return sum + (Array.isArray(list) ? list.length : 0);
    }, 0),
  };
};

test('metrics and ledger cannot disagree: calls, attempts, tokens, cost and waste add up to the same', () => {
  fc.assert(
    fc.property(fc.array(anySettlement, { maxLength: 8 }), (settlements) => {
      const store = counted(...settlements);
      const ledger = ledgerOf(settlements);
      expect(sumOf(store, 'calls')).toBe(settlements.length);
      expect(sumOf(store, 'attempts')).toBe(ledger.attempts);
      expect(sumOf(store, 'tokens')).toBe(ledger.tokens);
      expect(moneyOf(store, 'cost')).toBe(ledger.cost);
      expect(moneyOf(store, 'modelCost')).toBe(ledger.cost);
      expect(moneyOf(store, 'waste')).toBe(ledger.waste);
      const usage = [...store.histograms('tokenUsage')].reduce((sum, h) => sum + h.sum, 0);
      expect(usage).toBe(ledger.tokens);
      const further = settlements.reduce((n, s) => n + Math.max(0, s.attempts.length - 1), 0);
      expect(sumOf(store, 'retries') + sumOf(store, 'fallbacks')).toBe(further);
    }),
  );
});

test('a plain streamed call', () => {
  const store = counted(someSettlement);
  expect(valuesOf(store, 'calls')).toEqual([
    { caller_team: 'shop', caller_app: 'checkout', outcome: 'answered', value: 1 },
  ]);
  expect(valuesOf(store, 'attempts')).toEqual([
    { provider: 'openai', model: 'gpt-4o-mini', result: 'ok', error: '', value: 1 },
  ]);
  expect(valuesOf(store, 'tokens').map((series) => [series['bucket'], series['value']])).toEqual([
    ['input', 1000],
    ['cache_read', 200],
    ['output', 300],
  ]);
  expect(valuesOf(store, 'streamEndings')).toMatchObject([{ outcome: 'complete', blame: '' }]);
  const sums = (metric: MetricId) => [...store.histograms(metric)].map(({ sum }) => sum);
  expect(sums('requestDuration')).toEqual([0.81575]);
  expect(sums('operationDuration')).toEqual([0.8125]);
  expect(sums('timeToFirstToken')).toEqual([0.212]);
  expect(sums('streamGap')).toEqual([0.0615]);
  expect(sums('overhead')).toEqual([0.00325]);
  expect(sums('timePerOutputToken')[0]).toBeCloseTo((0.81575 - 0.212) / 299, 12);
  expect([...store.values('unpriced'), ...store.values('estimated')]).toEqual([]);
});

test('a retry stays, a fallback moves, and both say why', () => {
  const failed = { ...someAttempt, error: 'rate_limited' as const };
  const store = counted({
    ...someSettlement,
    attempts: [
      { ...failed, wasteReason: 'retry' },
      { ...failed, wasteReason: 'fallback' },
      { ...someAttempt, target: { provider: 'anthropic', model: 'claude' } },
    ],
  });
  const labels = { from_provider: 'openai', reason: 'rate_limited', value: 1 };
  expect(valuesOf(store, 'retries')).toEqual([{ ...labels, to_provider: 'openai' }]);
  expect(valuesOf(store, 'fallbacks')).toEqual([{ ...labels, to_provider: 'anthropic' }]);
});

test.each([
  ['complete', '', ''],
  ['abandoned', 'client', 'client'],
  ['cut', 'network', 'provider'],
  ['stalled', 'network', 'provider'],
  ['failed', 'provider', 'provider'],
  ['failed', 'gateway', 'gateway'],
] as const)('a stream that ended %s by the %s is blamed on: %s', (streamOutcome, origin, blame) => {
  const store = counted({ ...someSettlement, streamOutcome, errorOrigin: origin });
  expect(valuesOf(store, 'streamEndings')).toMatchObject([{ outcome: streamOutcome, blame }]);
});

test('a reply that was no stream has neither ending nor time to first token', () => {
  const { parameters } = someSettlement.call;
  if (parameters === null) throw new Error('the example asks');
  const call = { ...someSettlement.call, parameters: { ...parameters, stream: false } };
  const store = counted({ ...someSettlement, call, streamOutcome: '' });
  expect([...store.values('streamEndings'), ...store.histograms('timeToFirstToken')]).toEqual([]);
});

test('a refused call is counted, and measures nobody\u2019s service', () => {
  const store = counted({ ...someSettlement, outcome: 'refused', attempts: [] });
  expect(valuesOf(store, 'calls')).toMatchObject([{ outcome: 'refused', value: 1 }]);
  expect([...store.histograms('requestDuration'), ...store.values('cost')]).toEqual([]);
});

test('what has no price and what we counted ourselves is said', () => {
  const store = counted({
    ...someSettlement,
    attempts: [
      {
        ...someAttempt,
        usageSource: 'estimated',
        charge: { ...someAttempt.charge, priceStatus: 'unpriced' },
      },
      {
        ...someAttempt,
        usageSource: 'partial',
        charge: { ...someAttempt.charge, priceStatus: 'partly_unpriced' },
      },
    ],
  });
  expect(sumOf(store, 'unpriced')).toBe(2);
  expect(valuesOf(store, 'estimated').map((series) => series['source'])).toEqual([
    'estimated',
    'partial',
  ]);
});
