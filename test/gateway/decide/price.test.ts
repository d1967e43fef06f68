import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { tokenTypes, type TokenType } from '../../../gateway/src/contract/ledger.ts';
import { priceDimensions } from '../../../gateway/src/contract/price-dimensions.ts';
import {
  charge,
  dimensionsOf,
  noCharge,
  type Price,
  type TieredRate,
} from '../../../gateway/src/decide/price.ts';
import { costOf, rateFromUsdPerMillion, type Rate } from '../../../gateway/src/model/money.ts';
import { inputTokens, noTokens, type Usage } from '../../../gateway/src/model/usage.ts';

const rate = (text: string): Rate => {
  const found = rateFromUsdPerMillion(text);
  if (found === null) throw new Error(`${text} is a price`);
  return found;
};
const flat = (text: string): TieredRate => ({ base: rate(text), tiers: [] });
const usage = (tokens: Partial<Record<TokenType, number>>, units: Usage['units'] = {}): Usage => ({
  tokens: { ...noTokens, ...tokens },
  units,
  clamped: false,
  serviceTier: null,
  dimensions: {},
});
const priceOf = (rates: Price['rates'], unitRates: Price['unitRates'] = {}): Price => ({
  id: 'p',
  rates,
  unitRates,
});

const anyRate = fc
  .tuple(fc.nat(1000), fc.nat(999_999))
  .map(([whole, fraction]) => flat(`${whole}.${String(fraction).padStart(6, '0')}`));
const anyPrice: fc.Arbitrary<Price> = fc.record({
  id: fc.constant('p'),
  rates: fc.dictionary(fc.constantFrom(...tokenTypes), anyRate),
  unitRates: fc.dictionary(
    fc.constantFrom('pages', 'searches'),
    anyRate.map(({ base }) => base),
  ),
});
const anyUsage: fc.Arbitrary<Usage> = fc
  .tuple(
    fc.dictionary(fc.constantFrom(...tokenTypes), fc.nat(10_000_000)),
    fc.dictionary(fc.constantFrom('pages', 'searches', 'unknown'), fc.nat(1000)),
  )
  .map(([tokens, units]) => usage(tokens, units));

test('the total is the sum of its charge types, and each is its own tokens at its own rate', () => {
  fc.assert(
    fc.property(anyUsage, anyPrice, (used, price) => {
      const { costs, total, otherUnits } = charge(used, price, {});
      expect(Object.values(costs).reduce((sum, cost) => sum + cost, 0n)).toBe(total);
      for (const type of tokenTypes) {
        const found = price.rates[type];
        const expected =
          found === undefined || used.tokens[type] === 0
            ? undefined
            : costOf(used.tokens[type], found.base);
        expect(costs[type]).toBe(expected);
      }
      expect(otherUnits).toBe(Object.values(used.units).reduce((sum, n) => sum + n, 0));
    }),
  );
});

test('what has tokens and no rate is said to be unpriced, and only that', () => {
  fc.assert(
    fc.property(anyUsage, anyPrice, (used, price) => {
      const counted = tokenTypes.filter((type) => used.tokens[type] > 0);
      const units = Object.keys(used.units).filter((unit) => (used.units[unit] ?? 0) > 0);
      const missing =
        counted.filter((type) => price.rates[type] === undefined).length +
        units.filter((unit) => price.unitRates[unit] === undefined).length;
      const all = counted.length + units.length;
      const { priceStatus } = charge(used, price, {});
      if (all === 0) expect(priceStatus).toBe('none');
      else if (missing === all) expect(priceStatus).toBe('unpriced');
      else if (missing > 0) expect(priceStatus).toBe('partly_unpriced');
      else expect(['priced', 'free']).toContain(priceStatus);
    }),
  );
});

test('without any price everything is unpriced and costs nothing', () => {
  expect(charge(usage({ input_uncached: 5 }), null, {})).toEqual({
    ...noCharge,
    priceStatus: 'unpriced',
  });
  expect(charge(usage({}), null, {})).toEqual(noCharge);
});

test('free is a price of 0 that somebody wrote down, not a cost too small to be seen', () => {
  expect(
    charge(usage({ input_uncached: 5 }), priceOf({ input_uncached: flat('0') }), {}),
  ).toMatchObject({ total: 0n, priceStatus: 'free' });
  expect(
    charge(usage({ input_uncached: 1 }), priceOf({ input_uncached: flat('0.0000000001') }), {}),
  ).toMatchObject({ total: 0n, priceStatus: 'priced' });
});

test('a tier moves the whole call, output too, when its whole input is above it', () => {
  const tiered: TieredRate = {
    base: rate('1'),
    tiers: [
      { aboveTokens: 200, rate: rate('2') },
      { aboveTokens: 1000, rate: rate('4') },
    ],
  };
  const price = priceOf({
    input_uncached: tiered,
    input_cache_read: flat('1'),
    output_text: tiered,
  });
  const costAt = (input: number, cached: number): bigint | undefined =>
    charge(usage({ input_uncached: input, input_cache_read: cached, output_text: 10 }), price, {})
      .costs.output_text;
  expect(costAt(200, 0)).toBe(10_000_000n);
  expect(costAt(201, 0)).toBe(20_000_000n);
  expect(costAt(1, 200)).toBe(20_000_000n);
  expect(costAt(1000, 0)).toBe(20_000_000n);
  expect(costAt(1001, 0)).toBe(40_000_000n);
  expect(inputTokens(usage({ input_uncached: 1, input_cache_read: 200 }).tokens)).toBe(201);
});

test('what a prompt cache saved is what its tokens would have cost as plain input, less what they cost', () => {
  const price = priceOf({
    input_uncached: { base: rate('3'), tiers: [{ aboveTokens: 1000, rate: rate('6') }] },
    input_cache_read: flat('0.3'),
    input_cache_write: flat('3.75'),
    input_cache_write_long: flat('6'),
    output_text: flat('15'),
  });
  const saved = (tokens: Partial<Record<TokenType, number>>, of: Price | null = price): bigint =>
    charge(usage(tokens), of, {}).cacheSaved;
  expect(saved({ input_uncached: 10, output_text: 10 })).toBe(0n);
  expect(saved({ input_cache_read: 100 })).toBe(270_000_000n);
  expect(saved({ input_cache_write: 100 })).toBe(-75_000_000n);
  expect(saved({ input_cache_write_long: 100, input_cache_read: 200 })).toBe(240_000_000n);
  // Plain input would have reached the dearer tier, too.
  expect(saved({ input_uncached: 1000, input_cache_read: 100 })).toBe(570_000_000n);
  expect(saved({ input_cache_read: 100 }, priceOf({ output_text: flat('1') }))).toBe(0n);
  expect(saved({ input_cache_read: 100 }, null)).toBe(0n);
});

test('units of several kinds add up in one charge type, each rounded by itself and told apart', () => {
  const price = priceOf({}, { searches: rate('0.0000005'), pages: rate('0.0000005') });
  expect(charge(usage({}, { searches: 1, pages: 1 }), price, {})).toMatchObject({
    costs: { other: 2n },
    unitCosts: { searches: 1n, pages: 1n },
    total: 2n,
    otherUnits: 2,
    priceStatus: 'priced',
  });
});

test('units of a model without any price cost nothing, and are said to be unpriced', () => {
  expect(charge(usage({}, { searches: 3 }), null, {})).toMatchObject({
    costs: {},
    total: 0n,
    otherUnits: 3,
    priceStatus: 'unpriced',
  });
});

const standardPrice = priceOf({ input_uncached: flat('1'), output_text: flat('2') });
const someUsage = usage({ input_uncached: 5, output_text: 5 });

test.each(Object.entries(priceDimensions))(
  'a call of another %s than the standard one is not said to be priced',
  (name, { standard }: { readonly standard: readonly string[] }) => {
    for (const value of standard)
      expect(charge(someUsage, standardPrice, { [name]: value }).priceStatus).toBe('priced');
    const { total, priceStatus } = charge(someUsage, standardPrice, { [name]: 'another' });
    expect([total, priceStatus]).toEqual([15_000_000n, 'partly_unpriced']);
    const free = priceOf({ input_uncached: flat('0'), output_text: flat('0') });
    expect(charge(someUsage, free, { [name]: 'another' }).priceStatus).toBe('partly_unpriced');
    expect(charge(someUsage, null, { [name]: 'another' }).priceStatus).toBe('unpriced');
  },
);

test('what the reply says of its tier goes before what was asked for', () => {
  expect(dimensionsOf({ service_tier: 'flex' }, 'gpt-5', { service_tier: 'default' })).toEqual({
    service_tier: 'default',
  });
  expect(dimensionsOf({ service_tier: 'flex' }, 'gpt-5', {})).toEqual({ service_tier: 'flex' });
});

test.each(['gpt-4o-mini-search-preview', 'gpt-5-search-api', 'Sonar-Pro', 'openai/gpt-4o:online'])(
  '%s searches on every call, and what a search costs shows in no token',
  (model) => {
    const dimensions = dimensionsOf({}, model, {});
    expect(charge(someUsage, standardPrice, dimensions).priceStatus).toBe('partly_unpriced');
  },
);

test('web fetches are counted and free', () => {
  const used = usage({ input_uncached: 5 }, { web_fetches: 3 });
  expect(charge(used, standardPrice, {})).toMatchObject({ otherUnits: 3, priceStatus: 'priced' });
  expect(charge(used, null, {}).priceStatus).toBe('unpriced');
});
