import { expect, test } from 'vitest';
import { chargeTypes, type ChargeType } from '../../../gateway/src/contract/ledger.ts';
import { PriceChangeSums } from '../../../gateway/src/decide/price-changes.ts';
import type { Repriced, StoredCall } from '../../../gateway/src/decide/reprice.ts';
import { noTokens } from '../../../gateway/src/model/usage.ts';

const costs = (text: bigint): Record<ChargeType, bigint> =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one for each charge type
  Object.fromEntries(
    chargeTypes.map((type) => [type, type === 'output_text' ? text : 0n]),
  ) as Record<ChargeType, bigint>;

const before = (model: string, paid: bigint, discount = 0n): StoredCall => ({
  startedAtMs: 0,
  units: {},
  unitCosts: {},
  cacheSaved: 0n,
  attempts: [
    {
      provider: 'openai',
      model,
      answered: model,
      dimensions: {},
      tokens: noTokens,
      otherUnits: 0,
      usageSource: 'provider',
      priceId: '',
      priceStatus: paid === 0n ? 'unpriced' : 'priced',
      costs: costs(paid),
      discount,
    },
  ],
});
const after = (paid: bigint, discount = 0n, kept: 'no_price' | null = null): Repriced => ({
  attempts: [{ costs: costs(paid), discount, priceId: '', priceStatus: 'priced', kept }],
  unitCosts: {},
  cacheSaved: 0n,
  isChanged: kept === null,
});

test('money is summed by team, provider and model; the greatest difference stands first, whichever way it goes', () => {
  const sums = new PriceChangeSums();
  sums.add('a', before('m', 10n), after(12n, 1n));
  sums.add('a', before('m', 10n), after(12n, 1n));
  sums.add('b', before('m', 100n, 7n), after(50n, 57n));
  sums.add('b', before('n', 0n), after(3n));
  sums.add('b', before('n', 5n), after(5n, 0n, 'no_price'));
  const { groups, total, ...counts } = sums.result();
  expect(counts).toEqual({ calls: 5, changedCalls: 4, nowPriced: 1, kept: { no_price: 1 } });
  expect(groups.map(({ team, model, attempts }) => [team, model, attempts])).toEqual([
    ['b', 'm', 1],
    ['a', 'm', 2],
    ['b', 'n', 2],
  ]);
  expect(groups[0]).toMatchObject({
    costBefore: 100n,
    costAfter: 50n,
    listBefore: 107n,
    listAfter: 107n,
  });
  expect(total).toEqual({
    attempts: 5,
    costBefore: 125n,
    costAfter: 82n,
    listBefore: 132n,
    listAfter: 141n,
  });
});
