import { expect, test } from 'vitest';
import { chargeTypes, type ChargeType } from '../../../gateway/src/contract/ledger.ts';
import {
  repriced,
  type StoredAttempt,
  type StoredCall,
} from '../../../gateway/src/decide/reprice.ts';
import { noTokens } from '../../../gateway/src/model/usage.ts';
import { tableOf } from '../edge/ledger/priced-calls.ts';

const costs = (some: Partial<Record<ChargeType, bigint>>): Record<ChargeType, bigint> =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one for each charge type
  Object.fromEntries(chargeTypes.map((type) => [type, some[type] ?? 0n])) as Record<
    ChargeType,
    bigint
  >;

/** A thousand tokens of `mini`, at the price of the first table. */
const attempt: StoredAttempt = {
  provider: 'openai',
  model: 'mini',
  answered: 'mini',
  dimensions: {},
  tokens: { ...noTokens, input_uncached: 1000 },
  otherUnits: 0,
  usageSource: 'provider',
  priceId: 'openai/mini',
  priceStatus: 'priced',
  costs: costs({ input_uncached: 150_000_000n }),
  discount: 0n,
};
const call = (attempts: readonly StoredAttempt[], more: Partial<StoredCall> = {}): StoredCall => ({
  startedAtMs: 1_790_000_000_000,
  attempts,
  units: {},
  unitCosts: {},
  cacheSaved: 0n,
  ...more,
});
const by = (prices: ReturnType<typeof tableOf>, reported = false) => ({ prices, reported });
const dearer = tableOf('v2', { mini: '0.2', search: '20' });

test('by the same prices nothing changes', () => {
  const { isChanged, attempts } = repriced(call([attempt]), by(tableOf('v1')));
  expect(isChanged).toBe(false);
  expect(attempts[0]).toMatchObject({ costs: attempt.costs, discount: 0n, kept: null });
});

test('tokens are charged as those of live calls are', () => {
  const { isChanged, attempts } = repriced(call([attempt]), by(dearer));
  expect(isChanged).toBe(true);
  expect(attempts[0]?.costs.input_uncached).toBe(200_000_000n);
});

test('an attempt of which nobody counted anything stays without a charge', () => {
  const none: StoredAttempt = {
    ...attempt,
    usageSource: 'none',
    priceStatus: 'none',
    priceId: '',
    costs: costs({}),
  };
  expect(repriced(call([none]), by(dearer)).attempts[0]).toMatchObject({
    costs: costs({}),
    priceStatus: 'none',
    kept: null,
  });
});

test.each([
  ['of a provider that has no prices', { ...attempt, provider: 'gone' }],
  ['of a model that no list knows any more', { ...attempt, model: 'x', answered: 'x' }],
  [
    'of a class that has no price there',
    {
      ...attempt,
      tokens: { ...noTokens, output_audio: 5 },
      costs: costs({ output_audio: 7n }),
    },
  ],
])('a cost %s stays: no price is not a price of 0', (_words, kept) => {
  const { isChanged, attempts } = repriced(call([kept]), by(dearer));
  expect(isChanged).toBe(false);
  expect(attempts[0]).toMatchObject({ costs: kept.costs, kept: 'no_price' });
});

test('what had no price gets one', () => {
  const unpriced: StoredAttempt = {
    ...attempt,
    priceStatus: 'unpriced',
    priceId: '',
    costs: costs({}),
  };
  expect(repriced(call([unpriced]), by(dearer)).attempts[0]).toMatchObject({
    costs: { input_uncached: 200_000_000n },
    priceStatus: 'priced',
    priceId: 'openai/mini',
  });
});

test('units of one attempt are its own; of several of one kind each has its number; of several kinds nobody knows', () => {
  const searched = {
    ...attempt,
    otherUnits: 2,
    costs: costs({ ...attempt.costs, other: 20_000_000_000n }),
  };
  const one = repriced(
    call([attempt, searched], {
      units: { web_searches: 2 },
      unitCosts: { web_searches: 20_000_000_000n },
    }),
    by(dearer),
  );
  expect(one.attempts.map((each) => each.costs.other)).toEqual([0n, 40_000_000_000n]);
  expect(one.unitCosts).toEqual({ web_searches: 40_000_000_000n });
  const two = repriced(
    call([searched, searched], {
      units: { web_searches: 4 },
      unitCosts: { web_searches: 40_000_000_000n },
    }),
    by(dearer),
  );
  expect(two.unitCosts).toEqual({ web_searches: 80_000_000_000n });
  const mixed = repriced(
    call([searched, searched], {
      units: { web_searches: 3, web_fetches: 1 },
      unitCosts: { web_searches: 40_000_000_000n },
    }),
    by(dearer),
  );
  expect(mixed.attempts.map(({ kept }) => kept)).toEqual(['units_of_several', 'units_of_several']);
  expect(mixed).toMatchObject({ isChanged: false, unitCosts: { web_searches: 40_000_000_000n } });
});

test('what other models cost on the way stays, and all of that attempt with it', () => {
  const advised = { ...attempt, otherUnits: 900, costs: costs({ ...attempt.costs, other: 5n }) };
  const { attempts, unitCosts, isChanged } = repriced(
    call([advised], { unitCosts: { other_models: 5n } }),
    by(dearer),
  );
  expect(attempts[0]?.kept).toBe('other_models');
  expect([isChanged, unitCosts]).toEqual([false, { other_models: 5n }]);
});

const stated: StoredAttempt = {
  ...attempt,
  priceStatus: 'provider_reported',
  priceId: 'reported',
  costs: costs({ other: 777n }),
};

test('the word of a provider stands, until it is asked not to', () => {
  const row = call([stated], { unitCosts: { reported: 777n } });
  expect(repriced(row, by(dearer))).toMatchObject({
    isChanged: false,
    attempts: [{ kept: 'reported' }],
    unitCosts: { reported: 777n },
  });
  expect(repriced(row, by(dearer, true))).toMatchObject({
    isChanged: true,
    attempts: [
      { kept: null, costs: costs({ input_uncached: 200_000_000n }), priceStatus: 'priced' },
    ],
    unitCosts: {},
  });
  const unknown = call([{ ...stated, model: 'x', answered: 'x' }], {
    unitCosts: { reported: 777n },
  });
  expect(repriced(unknown, by(dearer, true)).attempts[0]?.kept).toBe('no_price');
});

test('a call that named something which rows do not keep stays partly unpriced', () => {
  const partly: StoredAttempt = { ...attempt, priceStatus: 'partly_unpriced' };
  expect(repriced(call([partly]), by(dearer)).attempts[0]?.priceStatus).toBe('partly_unpriced');
  // Of this one the row has it: a tier that has a price now.
  const flex = { ...partly, dimensions: { service_tier: 'flex' } };
  expect(repriced(call([flex]), by(dearer)).attempts[0]?.priceStatus).toBe('priced');
});

test('of rows from before units had costs of their own the difference is under the unit', () => {
  const searched = { ...attempt, otherUnits: 1, costs: costs({ ...attempt.costs, other: 9n }) };
  const old = { ...searched, model: 'x', answered: 'x' };
  expect(repriced(call([old], { units: { web_searches: 1 } }), by(dearer)).unitCosts).toEqual({
    web_searches: 9n,
  });
});
