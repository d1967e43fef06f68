import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PriceTable } from '../../../../gateway/src/decide/price.ts';
import {
  attemptJson,
  crashSettlement,
  parseIntent,
  type Intent,
} from '../../../../gateway/src/edge/ledger/intent.ts';
import { putIntent } from '../../../../gateway/src/edge/ledger/stored-intent.ts';
import { ByteText } from '../../../../gateway/src/model/byte-text.ts';
import { rateFromUsdPerMillion, toPicodollars } from '../../../../gateway/src/model/money.ts';
import type { Attempt } from '../../../../gateway/src/model/settlement.ts';
import { anyAttempt, anySettlement } from '../../model/any-settlement.ts';
import { noTokens } from '../../../../gateway/src/model/usage.ts';
import { someAttempt } from '../../model/settlements.ts';
import { intentOf, noPrices } from './support.ts';

const rate = rateFromUsdPerMillion('2') ?? raise();
function raise(): never {
  throw new Error('2 is a price');
}
const prices: PriceTable = {
  version: 'v1',
  find: () => ({
    id: 'p1',
    rates: {
      input_uncached: { base: rate, tiers: [] },
      output_text: { base: rate, tiers: [] },
    },
    unitRates: {},
  }),
};
/** What is known of most calls that died. */
const known = { sent: true, uncertain: false };
const next = {
  target: { provider: 'anthropic', model: 'claude' },
  account: '',
  genAiProvider: 'anthropic',
};

const textOf = (intent: Intent): string => {
  const out = new ByteText();
  putIntent(out, intent);
  return out.view(0).toString();
};

test('a call that died before anything was heard is priced at its estimated input', () => {
  const settlement = crashSettlement(
    { intent: intentOf(1), further: [], progress: null, ...known },
    prices,
  );
  expect(settlement).toMatchObject({
    outcome: 'crashed',
    priceVersion: 'v1',
    streamOutcome: 'cut',
  });
  expect(settlement.attempts).toHaveLength(1);
  expect(settlement.attempts[0]).toMatchObject({
    status: 0,
    usageSource: 'estimated',
    wasteReason: 'abandoned',
    charge: { total: 200_000_000n, priceStatus: 'priced' },
  });
});

test('what was streamed before the death counts as output', () => {
  const progress = JSON.stringify({ elapsedMs: 1500, outputTokens: 40 });
  const settlement = crashSettlement(
    { intent: intentOf(1), further: [], progress, ...known },
    prices,
  );
  expect(settlement.attempts[0]).toMatchObject({
    usageSource: 'partial',
    durationMs: 1500,
    charge: { total: 280_000_000n },
  });
  expect(settlement.durationMs).toBe(1500);
});

test('what the provider said of its usage is never booked lower, and what we counted beyond it comes on top', () => {
  const tokens = { ...noTokens, input_uncached: 5000, input_cache_read: 700, output_text: 3 };
  const said = { tokens, units: { searches: 1 }, clamped: false, serviceTier: 'standard' };
  const progress = JSON.stringify({ elapsedMs: 1500, outputTokens: 40, said });
  const [attempt] = crashSettlement(
    { intent: intentOf(1), further: [], progress, ...known },
    prices,
  ).attempts;
  expect(attempt).toMatchObject({
    usageSource: 'partial',
    usage: { ...said, tokens: { ...tokens, output_text: 40 } },
  });
});

test('an attempt that was never sent used nothing and cost nothing, and says so', () => {
  const open = { intent: intentOf(1), further: [], progress: null, sent: false, uncertain: false };
  const [attempt] = crashSettlement(open, prices).attempts;
  expect(attempt).toMatchObject({
    errorMessage: 'the gateway died before this attempt was sent',
    usageSource: 'none',
    wasteReason: '',
    charge: { total: 0n, priceStatus: 'none' },
  });
});

test('a call whose close may be among the damaged lines says so', () => {
  const open = { intent: intentOf(1), further: [], progress: null, sent: true, uncertain: true };
  expect(crashSettlement(open, prices)).toMatchObject({
    outcome: 'crashed',
    errorCode: 'record_damaged',
    errorMessage: 'the record of how this call ended is damaged',
  });
});

test('no price is not a price of nothing', () => {
  const settlement = crashSettlement(
    { intent: intentOf(1), further: [], progress: null, ...known },
    noPrices,
  );
  expect(settlement.attempts[0]?.charge).toMatchObject({ total: 0n, priceStatus: 'unpriced' });
});

test('attempts that ended before are kept as they were, money included', () => {
  fc.assert(
    fc.property(anyAttempt, (previous) => {
      const further = [`{"previous":${attemptJson(previous)},"next":${JSON.stringify(next)}}`];
      const settlement = crashSettlement(
        { intent: intentOf(1), further, progress: null, ...known },
        prices,
      );
      expect(settlement.attempts).toHaveLength(2);
      // JSON has no -0; the ledger has none either.
      expect(settlement.attempts[0]).toEqual(JSON.parse(JSON.stringify(previous, zeros), money));
      expect(settlement.attempts[1]?.target).toEqual(next.target);
    }),
  );
});

test('an attempt begins where the one before it ended, and time is not counted twice', () => {
  const previous = { ...someAttempt, offsetMs: 100, durationMs: 400 };
  const further = [`{"previous":${attemptJson(previous)},"next":${JSON.stringify(next)}}`];
  const progress = JSON.stringify({ elapsedMs: 1500, outputTokens: 40 });
  const settlement = crashSettlement({ intent: intentOf(1), further, progress, ...known }, prices);
  expect(settlement.attempts[1]).toMatchObject({ offsetMs: 500, durationMs: 1000 });
  expect(settlement).toMatchObject({ durationMs: 1500, providerMs: 1400 });
});

function zeros(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}
function money(_key: string, value: unknown): unknown {
  return typeof value === 'string' && /^-?\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value;
}

test('an intent that an earlier version wrote keeps what was asked', () => {
  const earlier = intentOf(1).replace('"parameters":', '"ask":');
  expect(earlier).toContain('"ask":{"model":"gpt-4o-mini"');
  const { call } = crashSettlement(
    { intent: earlier, further: [], progress: null, ...known },
    noPrices,
  );
  expect(call.parameters?.model).toBe('gpt-4o-mini');
  expect(call).not.toHaveProperty('ask');
});

test('attempts that an earlier version wrote keep their names of token types, their provider and their cost', () => {
  const previous: Attempt = {
    ...someAttempt,
    usage: {
      ...someAttempt.usage,
      tokens: { ...noTokens, input_cache_write: 7, input_cache_write_long: 9 },
    },
    charge: {
      ...someAttempt.charge,
      costs: { input_cache_write: toPicodollars(70n), input_cache_write_long: toPicodollars(90n) },
      total: toPicodollars(160n),
      list: toPicodollars(160n),
    },
  };
  const earlier = `{"previous":${attemptJson(previous)},"next":${JSON.stringify(next)}}`
    .replaceAll('"input_cache_write"', '"input_cache_write_5m"')
    .replaceAll('"input_cache_write_long"', '"input_cache_write_1h"')
    .replaceAll('"genAiProvider"', '"system"')
    .replace('"list":"160",', '');
  expect(earlier).not.toContain('"list"');
  const { attempts } = crashSettlement(
    { intent: intentOf(1), further: [earlier], progress: null, ...known },
    prices,
  );
  expect(attempts[0]).toEqual(previous);
  expect(attempts[1]?.genAiProvider).toBe('anthropic');
});

test('an intent comes back from the spool as it was, whatever clients write', () => {
  const text = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(anySettlement, text, fc.option(text), fc.nat(), (settlement, other, state, n) => {
      const { call } = settlement;
      const intent = {
        call: { ...call, trace: { ...call.trace, traceState: state } },
        target: { provider: other, model: other },
        account: other,
        genAiProvider: other,
        estimatedInputTokens: n,
      };
      expect(parseIntent(textOf(intent))).toEqual(JSON.parse(JSON.stringify(intent)));
    }),
  );
});
