import { expect, test } from 'vitest';
import { tokenTypes, type TokenType } from '../../../gateway/src/contract/ledger.ts';
import { charge, type Price } from '../../../gateway/src/decide/price.ts';
import { costOf, rateFromUsdPerMillion } from '../../../gateway/src/model/money.ts';
import { noUsage, type Dimensions, type TokenCounts } from '../../../gateway/src/model/usage.ts';
import { pricePartsOf } from '../../../gateway/src/edge/prices/catalog.ts';
import { entryLines, type PriceLine } from '../../../gateway/src/prices/lines.ts';
import { namesOf } from '../../../gateway/src/prices/names.ts';
import { priceTable } from '../../../gateway/src/prices/table.ts';
import { providers as vendors } from '../../../gateway/src/providers/registry.ts';

const priced = (name: string, use: string) => [name, { name, use, isSimulated: false }] as const;
const providers = new Map([
  ...[...vendors.values()].map(({ name }) => priced(name, name)),
  priced('ours', 'openai'),
]);
const override = {
  usdPerMillion: {},
  above: [],
  webSearchesUsdPerThousand: null,
  discount: null,
  from: null,
  until: null,
  source: 'contract',
};
const ownPrices = [
  { ...override, provider: 'ours', model: 'gpt-5*', discount: '0.9' },
  {
    ...override,
    provider: 'ours',
    model: 'gpt-4.1-mini',
    usdPerMillion: { input_uncached: '0.123456789012' },
    above: [{ tokens: 1000, usdPerMillion: { input_uncached: '7' } }],
    from: '2026-11-01',
    until: '2027-01-01',
  },
  { ...override, provider: 'ours', model: 'nobody-lists-it', usdPerMillion: { output_text: '1' } },
  { ...override, provider: 'ours', model: '*', webSearchesUsdPerThousand: '3' },
];
const parts = pricePartsOf({ providers, prices: ownPrices, priceCatalogue: null });
const table = priceTable(parts.version, parts.lists, parts.own);
const lines = [...providers.keys()].flatMap((name) => [...entryLines(parts, name)].flat());

const key = (line: PriceLine) =>
  // oxfmt-ignore
  [line.provider, line.price_id, line.dimension, line.value, line.valid_from, line.daily_from, line.meter, line.above_tokens].join('|');

test('no two lines are for the same', () => {
  const keys = lines.map(key);
  expect(keys.length).toBeGreaterThan(25_000);
  expect(keys.length - new Set(keys).size).toBe(0);
});

const byPrice = Map.groupBy(lines, ({ provider, price_id }) => `${provider}|${price_id}`);
const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
const clock = (ms: number) => new Date(ms).toISOString().slice(11, 19);

/** The line that a call's tokens of one class are priced by; of several the one that began last. */
const lineFor = (
  candidates: readonly PriceLine[],
  asked: {
    readonly dimension: string;
    readonly value: string;
    readonly meter: string;
    readonly input: number;
    readonly atMs: number;
  },
): PriceLine | undefined =>
  candidates
    .filter(
      (line) =>
        line.dimension === asked.dimension &&
        line.value === asked.value &&
        line.meter === asked.meter &&
        (line.above_tokens === 0 || asked.input > Number(line.above_tokens)) &&
        (line.dimension === '' || String(line.valid_from) <= day(asked.atMs)) &&
        (line.dimension === '' ||
          line.daily_from === '' ||
          (clock(asked.atMs) >= String(line.daily_from) &&
            clock(asked.atMs) < String(line.daily_until))),
    )
    .toSorted(
      (a, b) =>
        String(a.valid_from).localeCompare(String(b.valid_from)) ||
        Number(a.above_tokens) - Number(b.above_tokens),
    )
    .at(-1);

const dimensionsOf = (price: Price): readonly Dimensions[] => [
  {},
  ...(price.variants ?? []).map(({ dimension, value }) => ({ [dimension]: value })),
];

/** Dollars per million tokens, as what a quantity of them costs. */
const costAt = (usd: string | number | null | undefined, quantity: number): bigint | null => {
  const rate = rateFromUsdPerMillion(String(usd));
  return rate === null ? null : costOf(quantity, rate);
};

const moments = ['2026-11-30T12:00:00Z', '2026-11-30T02:00:00Z', '2025-02-01T20:00:00Z'];

/** Every price that a call can find at these moments, once. */
const prices = moments
  .map((text) => Date.parse(text))
  .flatMap((atMs) =>
    [...parts.lists].flatMap(([provider, lists]) => {
      const names = [...new Set(lists.flat().flatMap(namesOf)), 'nobody-lists-it'];
      const found = names.flatMap(
        (name) => table.find(provider, { asked: name, answered: name }, atMs) ?? [],
      );
      return [...new Set(found)].map((price) => ({ provider, price, atMs }));
    }),
  );

/** What a call is charged for tokens of one class, beside what the line of its price says of it. */
const compared = (
  { provider, price, atMs }: (typeof prices)[number],
  dimensions: Dimensions,
  { meter, quantity }: { readonly meter: TokenType; readonly quantity: number },
) => {
  const tokens: TokenCounts = { ...noUsage.tokens, [meter]: quantity };
  const { total, list, priceStatus } = charge({ ...noUsage, tokens }, price, dimensions);
  if (priceStatus !== 'priced' && priceStatus !== 'free') return null;
  const [[dimension, value] = ['', '']] = Object.entries(dimensions);
  const line = lineFor(byPrice.get(`${provider}|${price.id}`) ?? [], {
    dimension,
    value,
    meter,
    atMs,
    input: meter.startsWith('input') ? quantity : 0,
  });
  const said = [costAt(line?.contract_usd, quantity), costAt(line?.list_usd, quantity) ?? list];
  const what = `${provider} ${price.id} ${dimension}=${value} ${meter} ${quantity}`;
  return { what, said: String(said), charged: String([total, list]) };
};

test('what any call is charged, at list and by contract, is what the line of its price says', () => {
  const all = prices.flatMap((one) =>
    dimensionsOf(one.price).flatMap((dimensions) =>
      tokenTypes.flatMap((meter) =>
        [999, 1_234_567].flatMap(
          (quantity) => compared(one, dimensions, { meter, quantity }) ?? [],
        ),
      ),
    ),
  );
  expect(all.filter(({ said, charged }) => said !== charged).slice(0, 10)).toEqual([]);
  expect(all.length).toBeGreaterThan(100_000);
});

test('an own price that no list lies below stands alone, and one over a list keeps what that says', () => {
  const alone = lines.filter(({ price_id }) => price_id === 'own/ours/nobody-lists-it, contract');
  expect(alone.map(({ meter, list_usd, contract_usd }) => [meter, list_usd, contract_usd])).toEqual(
    [
      ['output_text', '1', '1'],
      ['output_reasoning', '1', '1'],
    ],
  );
  const over = lines.filter(
    ({ price_id }) => price_id === 'own/ours/gpt-4.1-mini, contract: openai/gpt-4.1-mini',
  );
  const [first] = over;
  expect(first).toMatchObject({
    valid_from: '2026-11-01',
    valid_until: '2027-01-01',
    contract_usd: '0.123456789012',
  });
  expect(first?.list_usd).not.toBe(first?.contract_usd);
});
