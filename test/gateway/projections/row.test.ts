import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { tokenTypes, callColumns, chargeTypes } from '../../../gateway/src/contract/ledger.ts';
import { toPicodollars } from '../../../gateway/src/model/money.ts';
import type { Attempt, Settlement } from '../../../gateway/src/model/settlement.ts';
import { inputTokens, outputTokens } from '../../../gateway/src/model/usage.ts';
import { anySettlement } from '../model/any-settlement.ts';
import { rowJson, someAttempt, someSettlement } from '../model/settlements.ts';

/** A row by its columns. */
const rowOf = (settlement: Settlement): Record<string, unknown> => {
  const values: unknown = JSON.parse(rowJson(settlement, 'replica-1', 7));
  if (!Array.isArray(values)) throw new Error('a row is an array');
  expect(values).toHaveLength(callColumns.length);
  return Object.fromEntries(callColumns.map((column, i) => [column, values[i]]));
};

/** Whole pico-dollars of a text that ClickHouse reads as Decimal(18, 12). */
const pico = (text: unknown): bigint => {
  const [, whole = '', fraction = ''] = /^(\d{1,6})(?:\.(\d{1,12}))?$/.exec(String(text)) ?? [];
  expect(whole).not.toBe('');
  return BigInt(whole + fraction.padEnd(12, '0'));
};

const listAt = (row: Record<string, unknown>, column: string): readonly unknown[] => {
  const value = row[column];
  return Array.isArray(value) ? value : [];
};

test('every column of a plain call', () => {
  expect(rowOf(someSettlement)).toEqual({
    started_at: '1732300000.192',
    call_id: '0193549c-d1c0-7000-8000-00000000002a',
    replica: 'replica-1',
    seq: 7,
    chain: '',
    org: 'acme',
    caller_team: 'shop',
    caller_app: 'checkout',
    caller_key_id: 'key-1',
    namespace: 'default',
    environment: 'prod',
    cost_center: 'cc-7',
    agent: 'planner',
    tags: { feature: 'search', release: '12' },
    caller_user: 'user-3',
    session_id: 'session-9',
    trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
    span_id: '00f067aa0ba902b7',
    operation: 'chat',
    dialect: 'openai',
    route: 'gpt-*',
    model_requested: 'gpt-4o-mini',
    provider: 'openai',
    model: 'gpt-4o-mini',
    model_answered: 'gpt-4o-mini-2024-07-18',
    service_tier: 'default',
    speed: '',
    inference_geo: '',
    outcome: 'answered',
    error_origin: '',
    error_code: '',
    finish_reason: 'stop',
    stream_outcome: 'complete',
    waste_reason: '',
    price_version: 'genai-prices-0.1.8',
    stream: true,
    http_status: 200,
    guardrail_verdicts: {},
    duration_ms: 816,
    first_token_ms: 212,
    provider_ms: 813,
    wait_ms: 0,
    overhead_us: 3250,
    chunks: 42,
    max_gap_ms: 62,
    cache_status: 'off',
    ...Object.fromEntries(tokenTypes.map((type) => [type, 0])),
    input_uncached: 1000,
    input_cache_read: 200,
    output_text: 300,
    waste_input_tokens: 0,
    waste_output_tokens: 0,
    units: {},
    unit_costs: {},
    usage_source: 'provider',
    price_status: 'priced',
    cost_usd: '0.000345000001',
    discount_usd: '0',
    cache_saved_usd: '0',
    prompt_cache_saved_usd: '0.000015',
    waste_usd: '0',
    'attempts.kind': ['model'],
    'attempts.provider': ['openai'],
    'attempts.account': ['acct-1'],
    'attempts.model': ['gpt-4o-mini'],
    'attempts.model_answered': ['gpt-4o-mini-2024-07-18'],
    'attempts.region': ['eu'],
    'attempts.service_tier': ['default'],
    'attempts.speed': [''],
    'attempts.inference_geo': [''],
    'attempts.status': [200],
    'attempts.error': [''],
    'attempts.offset_ms': [1],
    'attempts.duration_ms': [813],
    'attempts.first_token_ms': [211],
    ...Object.fromEntries(tokenTypes.map((type) => [`attempts.${type}`, [0]])),
    'attempts.input_uncached': [1000],
    'attempts.input_cache_read': [200],
    'attempts.output_text': [300],
    'attempts.other_units': [0],
    'attempts.usage_source': ['provider'],
    'attempts.cost_usd': ['0.000345000001'],
    'attempts.discount_usd': ['0'],
    ...Object.fromEntries(chargeTypes.map((type) => [`attempts.cost_${type}`, ['0']])),
    'attempts.cost_input_uncached': ['0.00015'],
    'attempts.cost_input_cache_read': ['0.000015'],
    'attempts.cost_output_text': ['0.000180000001'],
    'attempts.waste_reason': [''],
    'attempts.price_id': ['openai/gpt-4o-mini'],
    'attempts.price_status': ['priced'],
    upstream_ids: ['chatcmpl-1'],
  });
});

test('totals are the sums of the attempts, to the last decimal, and each attempt is the sum of its chargeTypes', () => {
  fc.assert(
    fc.property(anySettlement, (settlement) => {
      const row = rowOf(settlement);
      const costs = listAt(row, 'attempts.cost_usd').map(pico);
      const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((a, b) => a + b, 0n);
      expect(pico(row['cost_usd'])).toBe(sum(costs));
      expect(pico(row['cost_usd'])).toBe(sum(settlement.attempts.map((a) => a.charge.total)));
      const wasted = costs.filter((_, i) => listAt(row, 'attempts.waste_reason')[i] !== '');
      expect(pico(row['waste_usd'])).toBe(sum(wasted));
      for (const [i, cost] of costs.entries()) {
        const parts = chargeTypes.map((type) => pico(listAt(row, `attempts.cost_${type}`)[i]));
        expect(sum(parts)).toBe(cost);
      }
      for (const type of tokenTypes) {
        const counts = listAt(row, `attempts.${type}`).map(Number);
        expect(row[type]).toBe(counts.reduce((a, b) => a + b, 0));
      }
    }),
  );
});

test('served tokens are told from wasted ones, and what units cost from what they were', () => {
  fc.assert(
    fc.property(anySettlement, (settlement) => {
      const row = rowOf(settlement);
      const wasted = settlement.attempts.filter(({ wasteReason }) => wasteReason !== '');
      const sum = (count: (tokens: Attempt['usage']['tokens']) => number): number =>
        wasted.reduce((all, { usage }) => all + count(usage.tokens), 0);
      expect(row['waste_input_tokens']).toBe(sum(inputTokens));
      expect(row['waste_output_tokens']).toBe(sum(outputTokens));
      const others = listAt(row, 'attempts.cost_other').map(pico);
      const units = Object.values(Object(row['unit_costs'])).map(pico);
      expect(units.reduce((a, b) => a + b, 0n)).toBe(others.reduce((a, b) => a + b, 0n));
    }),
  );
});

test('a tier, speed or region is the one that the reply names, else the one that was asked for', () => {
  const usage = { ...someAttempt.usage, serviceTier: null };
  const dimensions = { service_tier: 'flex', speed: 'fast', inference_geo: 'us' };
  const asked = { ...someAttempt, usage, dimensions };
  const named = { service_tier: 'flex', speed: 'fast', inference_geo: 'us' };
  expect(rowOf({ ...someSettlement, attempts: [asked] })).toMatchObject(named);
  const said = { ...asked, usage: { ...usage, serviceTier: 'default' } };
  expect(rowOf({ ...someSettlement, attempts: [asked, said] })).toMatchObject({
    service_tier: 'default',
    'attempts.service_tier': ['flex', 'default'],
    'attempts.speed': ['fast', 'fast'],
  });
});

test('waiting before further tries is not time of the gateway', () => {
  const row = rowOf({ ...someSettlement, durationMs: 1000, providerMs: 700, waitMs: 299.5 });
  expect(row).toMatchObject({ provider_ms: 700, wait_ms: 300, overhead_us: 500 });
});

test('all columns of attempts are as long as there are attempts', () => {
  fc.assert(
    fc.property(anySettlement, (settlement) => {
      const row = rowOf(settlement);
      for (const column of callColumns) {
        if (!column.startsWith('attempts.') && column !== 'upstream_ids') continue;
        expect(listAt(row, column)).toHaveLength(settlement.attempts.length);
      }
    }),
  );
});

test('whole columns hold whole numbers that fit, whatever was measured', () => {
  const huge = 1e15;
  const row = rowOf({
    ...someSettlement,
    durationMs: huge,
    providerMs: -5,
    attempts: [
      {
        ...someAttempt,
        durationMs: huge,
        firstTokenMs: null,
        maxGapMs: -0.4,
        usage: {
          ...someAttempt.usage,
          tokens: { ...someAttempt.usage.tokens, output_text: 2 ** 31 },
        },
      },
      {
        ...someAttempt,
        usage: {
          ...someAttempt.usage,
          tokens: { ...someAttempt.usage.tokens, output_text: 2 ** 31 - 1 },
        },
      },
    ],
  });
  expect(row).toMatchObject({
    duration_ms: 2 ** 32 - 1,
    provider_ms: 0,
    overhead_us: 2 ** 32 - 1,
    output_text: 2 ** 31 - 1,
    'attempts.output_text': [2 ** 31 - 1, 2 ** 31 - 1],
    'attempts.first_token_ms': [0, 211],
  });
});

test('a refused call has no attempt, no price and no cost', () => {
  const row = rowOf({
    ...someSettlement,
    outcome: 'unidentified',
    attempts: [],
    firstTokenMs: null,
    call: { ...someSettlement.call, caller: null, parameters: null, route: '' },
  });
  expect(row).toMatchObject({
    caller_team: '',
    model_requested: '',
    provider: '',
    stream: false,
    first_token_ms: null,
    usage_source: 'none',
    price_status: 'none',
    cost_usd: '0',
    'attempts.provider': [],
  });
});

test('the least certain attempt speaks for the call, the last one for its provider', () => {
  const attempts = [
    { ...someAttempt, usageSource: 'provider' as const, wasteReason: 'fallback' as const },
    {
      ...someAttempt,
      usageSource: 'partial' as const,
      target: { provider: 'anthropic', model: 'claude' },
      charge: { ...someAttempt.charge, priceStatus: 'partly_unpriced' as const },
    },
  ];
  expect(rowOf({ ...someSettlement, attempts })).toMatchObject({
    provider: 'anthropic',
    usage_source: 'partial',
    price_status: 'partly_unpriced',
    waste_reason: 'fallback',
    waste_usd: '0.000345000001',
    cost_usd: '0.000690000002',
  });
});

test('what others wrote cannot leave its column', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const line = rowJson(
        {
          ...someSettlement,
          call: {
            ...someSettlement.call,
            identity: { agent: text, session: text, user: text, tags: { [text]: text } },
          },
          attempts: [{ ...someAttempt, upstreamId: text }],
        },
        'r',
        1,
      );
      expect(line).not.toContain('\n');
      const values: unknown = JSON.parse(line);
      expect(Array.isArray(values) && values[callColumns.indexOf('upstream_ids')]).toEqual([text]);
    }),
  );
});

test('money of any size a column holds is written without a float', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 999_999_999_999_999_999n }), (amount) => {
      const charge = {
        ...someAttempt.charge,
        costs: { other: toPicodollars(amount) },
        total: toPicodollars(amount),
      };
      const row = rowOf({ ...someSettlement, attempts: [{ ...someAttempt, charge }] });
      expect(pico(row['cost_usd'])).toBe(amount);
    }),
  );
});

test('half a surrogate pair in a text is not what ClickHouse refuses a row for', () => {
  const { identity, caller } = someSettlement.call;
  const tags = { 'a\ud800': 'b\udfff', plain: String.raw`\ud800` };
  const call = {
    ...someSettlement.call,
    caller: caller === null ? null : { ...caller, org: 'org\ud800' },
    identity: { ...identity, user: 'user\ud800x', tags },
  };
  const attempt = { ...someAttempt, modelAnswered: 'm\ud800', upstreamId: '\udc00id' };
  const settlement = { ...someSettlement, call, attempts: [attempt] };
  const line = rowJson(settlement, 'r', 1);
  expect(line.replaceAll(String.raw`\\ud800`, '')).not.toMatch(/\\ud/);
  expect(rowOf(settlement)).toMatchObject({
    org: 'org\ufffd',
    caller_user: 'user\ufffdx',
    tags: { 'a\ufffd': 'b\ufffd', plain: String.raw`\ud800` },
    'attempts.model_answered': ['m\ufffd'],
    upstream_ids: ['\ufffdid'],
  });
});
