import { expect, test } from 'vitest';
import { chargeOfOthers, reportedCharge } from '../../../gateway/src/decide/other-charges.ts';
import { charge, type Price } from '../../../gateway/src/decide/price.ts';
import { rateFromUsdPerMillion } from '../../../gateway/src/model/money.ts';
import { noTokens, noUsage, type Usage } from '../../../gateway/src/model/usage.ts';

const priceAt = (usd: string): Price => {
  const base = rateFromUsdPerMillion(usd);
  if (base === null) throw new Error(`${usd} is no price`);
  const flat = { base, tiers: [] };
  return { id: 'p', rates: { input_uncached: flat, output_text: flat }, unitRates: {} };
};
const tokens = { ...noTokens, input_uncached: 10, output_text: 5 };

test("what a provider says is the whole cost, and no token's", () => {
  const usage: Usage = { ...noUsage, tokens, units: { web_searches: 2 } };
  expect(reportedCharge(usage, 1234)).toEqual({
    costs: { other: 1234n },
    total: 1234n,
    list: 1234n,
    cacheSaved: 0n,
    unitCosts: { reported: 1234n },
    otherUnits: 2,
    priceId: 'reported',
    priceStatus: 'provider_reported',
  });
});

test('another model that was used on the way is charged at its own price, beside the call', () => {
  const usage: Usage = { ...noUsage, tokens, others: [{ model: 'advisor', tokens }] };
  const own = charge(usage, priceAt('1'), {});
  const made = chargeOfOthers(own, usage, (model) => (model === 'advisor' ? priceAt('3') : null));
  expect(made).toMatchObject({
    costs: { input_uncached: 10_000_000n, output_text: 5_000_000n, other: 45_000_000n },
    total: 60_000_000n,
    list: 60_000_000n,
    unitCosts: { other_models: 45_000_000n },
    otherUnits: 15,
    priceStatus: 'priced',
  });
});

test('one without a price costs nothing, and the call says that not all of it is priced', () => {
  const usage: Usage = { ...noUsage, tokens, others: [{ model: 'advisor', tokens }] };
  const made = chargeOfOthers(charge(usage, priceAt('1'), {}), usage, () => null);
  expect(made).toMatchObject({ total: 15_000_000n, priceStatus: 'partly_unpriced' });
});
