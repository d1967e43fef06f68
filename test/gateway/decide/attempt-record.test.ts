import { expect, test } from 'vitest';
import { attemptRecord, type AttemptStart } from '../../../gateway/src/decide/attempt-record.ts';
import { timeoutFault, unendedFault } from '../../../gateway/src/decide/faults.ts';
import { observeReply } from '../../../gateway/src/decide/observation.ts';
import type { PriceTable } from '../../../gateway/src/decide/price.ts';
import { rateFromUsdPerMillion } from '../../../gateway/src/model/money.ts';
import type { Fault } from '../../../gateway/src/model/fault.ts';
import { noTokens, noUsage } from '../../../gateway/src/model/usage.ts';

const dollar = rateFromUsdPerMillion('1');
const pricesOf = (model: string): PriceTable => ({
  version: 'v',
  find: (_provider, { asked, answered }) =>
    [asked, answered].includes(model) && dollar !== null
      ? {
          id: model,
          rates: {
            input_uncached: { base: dollar, tiers: [] },
            output_text: { base: dollar, tiers: [] },
          },
          unitRates: {},
        }
      : null,
});
const startOf = (more: Partial<AttemptStart> = {}): AttemptStart => ({
  upstream: {
    genAiProvider: 's',
    reportsCost: false,
    account: 'a',
    region: 'r',
    serverAddress: 'h',
    serverPort: 443,
  },
  target: { provider: 'p', model: 'asked' },
  spanId: 'x',
  prices: pricesOf('asked'),
  asked: {},
  callStartedAtMs: 0,
  callStartedMs: 100,
  startedMs: 150,
  inputTokens: () => 7,
  ...more,
});
const refused: Fault = { ...timeoutFault(400, false, 'm'), mayBeBilled: false };
const metered = (model = '') => {
  const observed = observeReply((text) => text);
  if (model !== '') observed.read([{ kind: 'opened', id: 'id-1', model }], 160);
  observed.read([{ kind: 'text', text: 'some words of an answer' }], 170);
  return observed;
};
const said = (observed = metered()) => {
  const usage = { ...noUsage, tokens: { ...noTokens, input_uncached: 1_000_000, output_text: 2 } };
  observed.read([{ kind: 'usage', usage, final: true }], 180);
  return observed;
};

test('an answered attempt costs what its provider counted', () => {
  const attempt = attemptRecord(startOf(), said(), { status: 200, endedMs: 200, fault: null });
  expect(attempt).toMatchObject({
    genAiProvider: 's',
    serverPort: 443,
    error: '',
    offsetMs: 50,
    durationMs: 50,
    firstTokenMs: 20,
    modelAnswered: 'asked',
    usageSource: 'provider',
    charge: { priceStatus: 'priced', total: 1_000_002_000_000n },
  });
});

test('the price is that of the model that answered, else of the one that was asked', () => {
  const end = { status: 200, endedMs: 200, fault: null };
  const dated = metered('asked-2026-01-01');
  const own = startOf({ prices: pricesOf('asked-2026-01-01') });
  expect(attemptRecord(own, said(dated), end).charge.priceId).toBe('asked-2026-01-01');
  expect(attemptRecord(startOf(), said(metered('other')), end).charge.priceId).toBe('asked');
});

test('a provider that refused billed nothing', () => {
  const observed = observeReply((text) => text);
  const attempt = attemptRecord(startOf(), observed, { status: 400, endedMs: 200, fault: refused });
  expect(attempt).toMatchObject({ usageSource: 'none', charge: { total: 0n } });
});

test.each([
  ['one that fell silent', observeReply((text: string) => text), timeoutFault(0, false, 'm')],
  [
    'one that was cut after its first content',
    metered(),
    { ...unendedFault(200, true), mayBeBilled: false },
  ],
])('%s may have billed: its tokens are counted by us', (_what, observed, fault) => {
  const attempt = attemptRecord(startOf(), observed, { status: 200, endedMs: 200, fault });
  expect(attempt.usageSource).toBe('estimated');
  expect(attempt.usage.tokens.input_uncached).toBe(7);
  expect(attempt.charge.total > 0n).toBe(true);
});

const advised = (model: string) => {
  const observed = metered('answered');
  const usage = {
    ...noUsage,
    tokens: { ...noTokens, input_uncached: 10, output_text: 20 },
    others: [{ model, tokens: { ...noTokens, input_uncached: 1000, output_text: 5 } }],
  };
  observed.read([{ kind: 'usage', usage, final: true }], 170);
  return observed;
};
const whole = { status: 200, endedMs: 200, fault: null };

test('a pass of the model itself counts with the others; one of another model is charged at the price of that model', () => {
  const own = attemptRecord(startOf(), advised('answered'), whole);
  expect(own.usage.tokens).toMatchObject({ input_uncached: 1010, output_text: 25 });
  expect(own.usage.others).toBeUndefined();
  expect(own.charge).toMatchObject({ total: 1_035_000_000n, otherUnits: 0, priceStatus: 'priced' });

  const everything: PriceTable = {
    version: 'v',
    find: () => pricesOf('asked').find('p', { asked: 'asked', answered: '' }, 0),
  };
  const other = attemptRecord(startOf({ prices: everything }), advised('advisor'), whole);
  expect(other.usage.tokens).toMatchObject({ input_uncached: 10, output_text: 20 });
  expect(other.charge).toMatchObject({
    costs: { input_uncached: 10_000_000n, output_text: 20_000_000n, other: 1_005_000_000n },
    total: 1_035_000_000n,
    list: 1_035_000_000n,
    otherUnits: 1005,
    priceStatus: 'priced',
  });
  // A model that nobody lists costs nobody knows what.
  const unknown = attemptRecord(startOf(), advised('advisor'), whole);
  expect(unknown.charge).toMatchObject({ total: 30_000_000n, priceStatus: 'partly_unpriced' });
});

test("the provider's word on a cost is booked where it is believed, but not before a price of our own", () => {
  const said = () => {
    const observed = metered('answered');
    const usage = { ...noUsage, tokens: { ...noTokens, output_text: 20 }, reportedPicodollars: 7 };
    observed.read(
      [{ kind: 'usage', usage: { ...usage, dimensions: { reported_cost: 'said' } }, final: true }],
      170,
    );
    return observed;
  };
  const believed = { ...startOf().upstream, reportsCost: true };
  expect(attemptRecord(startOf({ upstream: believed }), said(), whole).charge).toEqual({
    costs: { other: 7n },
    total: 7n,
    list: 7n,
    cacheSaved: 0n,
    unitCosts: { reported: 7n },
    otherUnits: 0,
    priceId: 'reported',
    priceStatus: 'provider_reported',
  });
  expect(attemptRecord(startOf(), said(), whole).charge).toMatchObject({
    total: 20_000_000n,
    priceStatus: 'partly_unpriced',
  });
  const found = pricesOf('asked').find('p', { asked: 'asked', answered: '' }, 0);
  const mine: PriceTable = {
    version: 'v',
    find: () => (found === null ? null : { ...found, listed: null }),
  };
  expect(
    attemptRecord(startOf({ upstream: believed, prices: mine }), said(), whole).charge,
  ).toMatchObject({ total: 20_000_000n });
});
