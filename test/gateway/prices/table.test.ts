import { expect, test } from 'vitest';
import { charge } from '../../../gateway/src/decide/price.ts';
import { noUsage, noTokens, type Dimensions } from '../../../gateway/src/model/usage.ts';
import { usdText } from '../../../gateway/src/model/money.ts';
import { fit } from '../../../gateway/src/prices/match.ts';
import type { Constraint, Model, NameMatch, Variant } from '../../../gateway/src/prices/sheet.ts';
import type { OwnPrice } from '../../../gateway/src/prices/own-price.ts';
import { listsOf, priceTable } from '../../../gateway/src/prices/table.ts';

const hour = 3_600_000;

/** A model whose prices are told apart by what a million input tokens cost. */
const listed = (
  match: NameMatch,
  ...prices: readonly (readonly [Constraint, string])[]
): Model => ({
  id: 'm',
  match,
  prices: prices.map(([constraint, usd]) => ({ ...constraint, usd: { input_uncached: { usd } } })),
  source: 'test',
});
const tableOf = (models: readonly Model[], own: readonly OwnPrice[] = []) =>
  priceTable('v', new Map([['p', [models]]]), own);

/** Dollars for a million input tokens; null: no price. */
const inputOf = (
  table: ReturnType<typeof tableOf>,
  asked: string,
  { answered = asked, atMs = 0, provider = 'p' } = {},
): string | null => {
  const price = table.find(provider, { asked, answered }, atMs);
  if (price === null) return null;
  const usage = { ...noUsage, tokens: { ...noTokens, input_uncached: 1_000_000 } };
  return usdText(charge(usage, price, {}).total);
};

// oxfmt-ignore
test.each<[NameMatch, string[], string[]]>([
  [{ equals: 'gpt-4o' }, ['gpt-4o', 'GPT-4O', ' gpt-4o '], ['gpt-4o-mini', 'gpt-4']],
  [{ starts_with: 'gpt-4o' }, ['gpt-4o', 'GPT-4o-mini', 'gpt-4o-2024-08-06'], ['a-gpt-4o']],
  [{ ends_with: 'mini' }, ['gpt-4o-mini'], ['gpt-4o-mini-2']],
  [{ contains: '4o' }, ['gpt-4o-mini'], ['gpt-5']],
  [{ regex: '^gpt-[45]o$' }, ['gpt-4o', 'GPT-5o'], ['gpt-6o']],
  [{ or: [{ equals: 'a' }, { equals: 'b' }] }, ['a', 'b'], ['c']],
  [{ and: [{ starts_with: 'a' }, { ends_with: 'z' }] }, ['az', 'abz'], ['a', 'z']],
  [{ or: [] }, [], ['a']],
])('%o', (match, yes, no) => {
  const table = tableOf([listed(match, [{}, '1'])]);
  for (const name of yes) expect([name, inputOf(table, name)]).toEqual([name, '1']);
  for (const name of no) expect([name, inputOf(table, name)]).toEqual([name, null]);
});

// oxfmt-ignore
test.each([
  ['claude-sonnet-5', ['claude-sonnet-5', 'claude-sonnet-5-20260101', 'claude-sonnet-5@20260101', 'claude-sonnet-5-latest', 'claude-sonnet-5-v1:0', 'claude-sonnet-5-preview', 'claude-sonnet-5:free'],
    ['claude-sonnet-5-5', 'claude-sonnet-5.5', 'claude-sonnet-50', 'claude-sonnet-5-5-20260101']],
  ['gpt-4', ['gpt-4', 'gpt-4-0613', 'gpt-4-turbo', 'gpt-4o'], ['gpt-4.1', 'gpt-4-1', 'gpt-45', 'gpt-4.1-mini']],
  ['claude-sonnet-4-2025', ['claude-sonnet-4-20250514', 'claude-sonnet-4-20250514-v1:0'], ['claude-sonnet-4-20251']],
  ['gemini-2.0-flash-0', ['gemini-2.0-flash-001'], []],
])('a name that begins with %s and goes on with a further version number is another model', (start, same, others) => {
  for (const name of same) expect([name, fit({ starts_with: start }, name)]).toEqual([name, 'loose']);
  for (const name of others) expect([name, fit({ starts_with: start }, name)]).toEqual([name, null]);
});

test('an entry that names the whole name goes before one that knows a part of it, in any order', () => {
  const part = listed({ starts_with: 'gpt' }, [{}, '1']);
  const whole = listed({ equals: 'gpt-4o' }, [{}, '2']);
  for (const list of [
    [part, whole],
    [whole, part],
  ]) {
    expect(inputOf(tableOf(list), 'gpt-4o')).toBe('2');
    expect(inputOf(tableOf(list), 'gpt-x')).toBe('1');
    expect(inputOf(tableOf(list), 'claude')).toBeNull();
    expect(inputOf(tableOf(list), 'gpt-4o', { provider: 'other' })).toBeNull();
  }
});

test('entries of one id are told apart all the same', () => {
  const table = tableOf([listed({ equals: 'a' }, [{}, '1']), listed({ equals: 'b' }, [{}, '2'])]);
  expect([inputOf(table, 'a'), inputOf(table, 'b'), inputOf(table, 'a')]).toEqual(['1', '2', '1']);
});

test('the name answered counts, but not one that only a part of it fits where the name asked for is listed in full', () => {
  const table = tableOf([
    listed({ equals: 'large-latest' }, [{}, '1']),
    listed({ equals: 'large-2512' }, [{}, '2']),
    listed({ starts_with: 'large' }, [{}, '3']),
  ]);
  const price = (asked: string, answered: string) => inputOf(table, asked, { answered });
  expect(price('large-latest', 'large-2512')).toBe('2');
  expect(price('large-latest', 'large-x')).toBe('1');
  expect(price('large-y', 'large-x')).toBe('3');
  expect(price('large-latest', 'unknown')).toBe('1');
});

test('the last price whose time has come holds; before all of them the first one does', () => {
  const table = tableOf([
    listed(
      { equals: 'm' },
      [{ from: '2026-01-02' }, '1'],
      [{ from: '2026-01-03' }, '2'],
      [{ from: '2026-01-04' }, '3'],
    ),
  ]);
  const at = (text: string) => inputOf(table, 'm', { atMs: Date.parse(`${text}Z`) });
  expect(
    [
      '2020-01-01T00:00',
      '2026-01-02T00:00',
      '2026-01-02T23:59',
      '2026-01-03T00:00',
      '2026-01-04T00:00',
      '2030-01-01T00:00',
    ].map(at),
  ).toEqual(['1', '1', '1', '2', '3', '3']);
});

test('a time of day holds from its first second up to its last, also past midnight', () => {
  const table = tableOf([
    listed(
      { equals: 'm' },
      [{}, '1'],
      [{ daily: { start: '16:30:00', end: '00:30:00' } }, '2'],
      [{ daily: { start: '12:00:00', end: '13:00:00' } }, '3'],
    ),
  ]);
  const at = (hours: number) => inputOf(table, 'm', { atMs: 20_000 * 24 * hour + hours * hour });
  expect([0, 0.49, 0.5, 11.99, 12, 12.99, 13, 16.49, 16.5, 23.99].map(at)).toEqual([
    '2',
    '2',
    '1',
    '1',
    '3',
    '3',
    '1',
    '1',
    '2',
    '2',
  ]);
});

test('a date in a name may be written with dashes in the list: providers write it both ways', () => {
  const table = tableOf([listed({ starts_with: 'claude-2025-08-05' }, [{}, '1'])]);
  for (const name of [
    'claude-20250805',
    'claude-20250805-v1',
    'claude-20250805:0',
    'claude-2025-08-05',
  ])
    expect([name, inputOf(table, name)]).toEqual([name, '1']);
  for (const name of ['claude-20251305', 'claude-20250805x'])
    expect([name, inputOf(table, name)]).toEqual([name, null]);
});

test('a model that was trained on is priced by what it was made of, whoever owns it', () => {
  const table = tableOf([listed({ equals: 'ft:gpt-4o-2024-08-06' }, [{}, '3.75'])]);
  expect(inputOf(table, 'ft:gpt-4o-2024-08-06:acme::abc')).toBe('3.75');
  expect(inputOf(table, 'ft:gpt-4.1:acme::abc')).toBeNull();
});

const own = (model: string, usd: string, more: Partial<OwnPrice> = {}): OwnPrice => ({
  provider: 'p',
  model,
  source: 'test',
  usd: usd === '' ? {} : { input_uncached: { usd } },
  ...more,
});

test('own prices come before any list: by the name asked for, then by the one answered; the exact name, then the longest pattern', () => {
  const list = [listed({ contains: '' }, [{}, '9'])];
  const table = priceTable(
    'v',
    new Map([
      ['p', [list]],
      ['q', [list]],
    ]),
    [own('gpt-*', '2'), own('gpt-4*', '3'), own('gpt-4o', '4')],
  );
  expect(['gpt-4o', 'gpt-4o-mini', 'gpt-3', 'x'].map((name) => inputOf(table, name))).toEqual([
    '4',
    '3',
    '2',
    '9',
  ]);
  expect(inputOf(table, 'gpt-4o', { answered: 'gpt-4o-2024-08-06' })).toBe('4');
  expect(inputOf(table, 'alias', { answered: 'gpt-4o' })).toBe('4');
  expect(inputOf(table, 'alias', { answered: 'x' })).toBe('9');
  expect(inputOf(table, 'gpt-4o', { provider: 'q' })).toBe('9');
});

test('an own price holds from its day up to another', () => {
  const table = tableOf(
    [listed({ equals: 'm' }, [{}, '9'])],
    [own('m', '5', { from: '2026-02-01', until: '2026-03-01' })],
  );
  const at = (text: string) => inputOf(table, 'm', { atMs: Date.parse(`${text}Z`) });
  expect(
    ['2026-01-31T23:59:59', '2026-02-01T00:00', '2026-02-28T23:59:59', '2026-03-01T00:00'].map(at),
  ).toEqual(['9', '5', '5', '9']);
});

const sold: Model = {
  id: 'm',
  match: { equals: 'm' },
  prices: [
    {
      usd: {
        input_uncached: { usd: '2', above: [{ tokens: 1000, usd: '4' }] },
        input_cache_read: { usd: '0.5' },
        output_text: { usd: '8' },
        web_searches: { usd: '10' },
      },
    },
  ],
  variants: [
    {
      dimension: 'service_tier',
      value: 'flex',
      usd: { input_uncached: { usd: '1' }, output_text: { usd: '4' } },
    },
    {
      dimension: 'service_tier',
      value: 'priority',
      usd: { input_uncached: { usd: '5' } },
      from: '2026-05-01',
    },
    { dimension: 'inference_geo', value: 'us', times: '1.1' },
    {
      dimension: 'speed',
      value: 'fast',
      usd: { input_uncached: { usd: '20' }, output_text: { usd: '80' } },
    },
  ] satisfies Variant[],
  source: 'test',
};
const million = 1_000_000;
const used = {
  ...noUsage,
  // Of a thousand input tokens at most, so that no tier is reached: the rates are per million.
  tokens: {
    ...noTokens,
    input_uncached: 100,
    input_cache_read: 200,
    output_text: 300,
    output_reasoning: 50,
  },
  units: { web_searches: 2 },
};
const costOf = (
  dimensions: Dimensions,
  mine: readonly OwnPrice[] = [],
  atMs = Date.parse('2026-06-01'),
) => {
  const { total, list, priceStatus } = charge(
    used,
    tableOf([sold], mine).find('p', { asked: 'm', answered: 'm' }, atMs),
    dimensions,
  );
  return {
    usd: usdText(total * BigInt(million)),
    list: usdText(list * BigInt(million)),
    status: priceStatus,
  };
};
/** Dollars a million times, by hand. */
const byHand = (input: number, read: number, output: number, searches: number): string =>
  String(Number((100 * input + 200 * read + 350 * output + 2 * searches * 1000).toFixed(6)));

test('what a call names has its own price: a tier brings rates, a region a factor on tokens', () => {
  expect(costOf({})).toMatchObject({ usd: byHand(2, 0.5, 8, 10), status: 'priced' });
  expect(costOf({ service_tier: 'default' })).toMatchObject({
    usd: byHand(2, 0.5, 8, 10),
    status: 'priced',
  });
  // Reasoning is billed as output of that tier, a cache read as listed.
  expect(costOf({ service_tier: 'flex' })).toMatchObject({
    usd: byHand(1, 0.5, 4, 10),
    status: 'priced',
  });
  expect(costOf({ service_tier: 'priority' })).toMatchObject({
    usd: byHand(5, 0.5, 8, 10),
    status: 'priced',
  });
  expect(costOf({ inference_geo: 'us' })).toMatchObject({
    usd: byHand(2.2, 0.55, 8.8, 10),
    status: 'priced',
  });
  expect(costOf({ service_tier: 'flex', inference_geo: 'us' })).toMatchObject({
    usd: byHand(1.1, 0.55, 4.4, 10),
    status: 'priced',
  });
});

test('what no list knows, knows not yet, or not together, is not said to be priced', () => {
  expect(costOf({ service_tier: 'scale' })).toMatchObject({
    usd: byHand(2, 0.5, 8, 10),
    status: 'partly_unpriced',
  });
  expect(costOf({ service_tier: 'priority' }, [], Date.parse('2026-04-30'))).toMatchObject({
    status: 'partly_unpriced',
  });
  expect(costOf({ service_tier: 'flex', speed: 'fast' })).toMatchObject({
    status: 'partly_unpriced',
  });
});

test('a discount is on all that the list says, also of tiers; what the list would have cost stands beside it', () => {
  const discount = [own('m', '', { times: '0.9' })];
  expect(costOf({}, discount)).toEqual({
    usd: byHand(1.8, 0.45, 7.2, 9),
    list: byHand(2, 0.5, 8, 10),
    status: 'priced',
  });
  expect(costOf({ service_tier: 'flex' }, discount)).toEqual({
    usd: byHand(0.9, 0.45, 3.6, 9),
    list: byHand(1, 0.5, 4, 10),
    status: 'priced',
  });
  expect(costOf({ inference_geo: 'us' }, discount)).toEqual({
    usd: byHand(1.98, 0.495, 7.92, 9),
    list: byHand(2.2, 0.55, 8.8, 10),
    status: 'priced',
  });
});

test('an own price names some lines; what it does not name stays as listed', () => {
  expect(costOf({}, [own('m', '1.5')])).toEqual({
    usd: byHand(1.5, 0.5, 8, 10),
    list: byHand(2, 0.5, 8, 10),
    status: 'priced',
  });
  // With a discount beside it, the rest is discounted.
  expect(costOf({}, [own('m', '1.5', { times: '0.5' })])).toMatchObject({
    usd: byHand(1.5, 0.25, 4, 5),
  });
});

test('an own price of a model that nobody lists bills a class as what it is part of', () => {
  const price = priceTable('v', new Map(), [own('m', '3')]).find(
    'p',
    { asked: 'm', answered: 'm' },
    0,
  );
  const usage = {
    ...noUsage,
    tokens: {
      ...noTokens,
      input_uncached: 1,
      input_cache_read: 2,
      input_cache_write: 3,
      input_cache_write_long: 4,
    },
  };
  expect(charge(usage, price, {})).toMatchObject({
    costs: {
      input_uncached: 3_000_000n,
      input_cache_read: 6_000_000n,
      input_cache_write: 9_000_000n,
    },
    // A long-lived write is dearer than others; nobody said by how much.
    priceStatus: 'partly_unpriced',
  });
});

test('a vendor that also serves the models of others prices them as these do, after its own', () => {
  const a = listed({ equals: 'a' }, [{}, '1']);
  const b = listed({ equals: 'b' }, [{}, '2']);
  const vendors = new Map([
    ['azure', { fallback: ['openai'], models: [a] }],
    ['openai', { fallback: [], models: [b] }],
  ]);
  expect(listsOf(vendors, 'azure')).toEqual([[a], [b]]);
  expect(() => listsOf(vendors, 'nobody')).toThrow('no vendor nobody');
});

test('names without end neither fill the memory nor change an answer', () => {
  const table = tableOf([listed({ starts_with: 'm' }, [{}, '1'])]);
  for (let i = 0; i < 25_000; i += 1) {
    const found = inputOf(table, `${i % 2 === 0 ? 'm-x' : 'n'}${i}`);
    if ((found !== null) !== (i % 2 === 0)) expect(i).toBeNull();
  }
});
