/** What the two sources say, as lists of models; where they disagree; and the file of the catalogue. */
import { expect, test } from 'vitest';
import { generatedFiles } from '../../../gateway/src/edge/prices/generate.ts';
import { shippedCatalogue } from '../../../gateway/src/edge/prices/catalog.ts';
import { catalogueText, readCatalogue, weekOf } from '../../../gateway/src/prices/catalogue.ts';
import { readGenaiPrices } from '../../../gateway/src/prices/genai-prices.ts';
import { readLitellm } from '../../../gateway/src/prices/litellm.ts';
import { merge, type Review } from '../../../gateway/src/prices/merge.ts';

const source = { name: 'x', version: '1', sha256: 'ff', day: '2026-11-29' };

const litellmOf = (models: Readonly<Record<string, object>>) =>
  readLitellm({ source: { ...source, name: 'litellm' }, vendors: { v: models } });
const genaiOf = (models: readonly object[]) =>
  readGenaiPrices({
    source: { ...source, name: 'genai-prices' },
    vendors: { v: { fallback: [], models } },
  });

test('LiteLLM: a key says what is sold, for how long it is kept, how large the input is, and in which tier', () => {
  const model = litellmOf({
    m: {
      usdPerMillion: {
        input_cost_per_token: '4',
        input_cost_per_token_above_272k_tokens: '8',
        input_cost_per_token_above_100k_tokens: '6',
        output_cost_per_token: '20',
        output_cost_per_token_flex: '10',
        input_cost_per_token_above_272k_tokens_priority: '16',
        input_cost_per_token_priority: '9',
        cache_read_input_token_cost: '0.4',
        cache_creation_input_token_cost: '5',
        cache_creation_input_token_cost_above_1hr: '7',
        cache_creation_input_token_cost_above_12hr_flex: '5.5',
        input_cost_per_audio_token: '40',
        output_cost_per_token_batches: '10',
        // Not told apart here: nothing is sold so.
        input_cost_per_token_above_1hr: '1',
        input_cost_per_token_decisions: '1',
        input_cost_per_second: '1',
      },
      factors: { us: '1.1', fast: '2', mars: '9' },
      usdPerSearch: { low: '0.01', high: '0.01' },
    },
  })
    .vendors.get('v')
    ?.get('m');
  expect(model).toEqual({
    id: 'v/m',
    match: { equals: 'm' },
    prices: [
      {
        usd: {
          input_uncached: {
            usd: '4',
            above: [
              { tokens: 100_000, usd: '6' },
              { tokens: 272_000, usd: '8' },
            ],
          },
          output_text: { usd: '20' },
          input_cache_read: { usd: '0.4' },
          input_cache_write: { usd: '5' },
          input_cache_write_long: { usd: '7' },
          input_audio: { usd: '40' },
          web_searches: { usd: '10' },
        },
      },
    ],
    variants: [
      {
        dimension: 'service_tier',
        value: 'flex',
        usd: { output_text: { usd: '10' }, input_cache_write_long: { usd: '5.5' } },
      },
      {
        dimension: 'service_tier',
        value: 'priority',
        usd: { input_uncached: { usd: '9', above: [{ tokens: 272_000, usd: '16' }] } },
      },
      { dimension: 'service_tier', value: 'batch', usd: { output_text: { usd: '10' } } },
      { dimension: 'inference_geo', value: 'us', times: '1.1' },
      { dimension: 'speed', value: 'fast', times: '2' },
    ],
    source: 'litellm',
  });
});

test('LiteLLM: searches whose price depends on their size have none', () => {
  const model = litellmOf({
    m: {
      usdPerMillion: { input_cost_per_token: '1' },
      usdPerSearch: { low: '0.01', high: '0.02' },
    },
  });
  expect(model.vendors.get('v')?.get('m')?.prices[0]?.usd).toEqual({
    input_uncached: { usd: '1' },
  });
});

test('genai-prices: history, times of day and tiers; what is neither token nor search is left out', () => {
  const { models } = genaiOf([
    {
      id: 'm',
      match: { or: [{ equals: 'M' }, { regex: '^M-\\d+$' }] },
      prices: [
        { prices: { input_mtok: '2', audio_hours: '1', output_mtok: '0.3333333333333333' } },
        {
          constraint: { start_date: '2026-08-21' },
          prices: {
            input_mtok: {
              base: '1',
              tiers: [
                { start: 5, price: '3' },
                { start: 2, price: '2' },
              ],
            },
          },
        },
        {
          constraint: { start_time: '16:30:00+00:00', end_time: '00:30:00+00:00' },
          prices: { web_searches_kcount: '10' },
        },
      ],
      price_variants: [
        { when: { service_tier: 'default' }, prices: {} },
        {
          when: { service_tier: 'flex' },
          prices: { input_mtok: '1' },
          constraint: { start_date: '2026-10-12' },
        },
        { when: { processing: 'batch' }, prices: { input_mtok: '0.5' } },
        { when: { route: 'mistral/eu' }, prices: { input_mtok: '0.5' } },
        { when: { speed: 'fast', service_tier: 'flex' }, prices: { input_mtok: '0.5' } },
      ],
    },
  ]).vendors.get('v') ?? { models: [] };
  expect(models).toEqual([
    {
      id: 'v/m',
      match: { or: [{ equals: 'm' }, { regex: '^M-\\d+$' }] },
      prices: [
        { usd: { input_uncached: { usd: '2' }, output_text: { usd: '0.333333333333' } } },
        {
          from: '2026-08-21',
          usd: {
            input_uncached: {
              usd: '1',
              above: [
                { tokens: 2, usd: '2' },
                { tokens: 5, usd: '3' },
              ],
            },
          },
        },
        { daily: { start: '16:30:00', end: '00:30:00' }, usd: { web_searches: { usd: '10' } } },
      ],
      variants: [
        {
          dimension: 'service_tier',
          value: 'flex',
          usd: { input_uncached: { usd: '1' } },
          from: '2026-10-12',
        },
        { dimension: 'service_tier', value: 'batch', usd: { input_uncached: { usd: '0.5' } } },
      ],
      source: 'genai-prices',
    },
  ]);
});

test.each([[readLitellm], [readGenaiPrices]])('%o refuses what is something else', (read) => {
  for (const value of [null, [], {}, { source, vendors: { v: 1 } }])
    expect(() => read(value)).toThrow(/not|no/);
});

const genai = (id: string, match: object, input: string, more: object = {}) => ({
  id,
  match,
  prices: { input_mtok: input, output_mtok: '9', ...more },
});
const lite = (input: string, more: object = {}) => ({
  usdPerMillion: { input_cost_per_token: input, ...more },
});

test('where both agree, one entry has what either knows; what only one lists is taken as it is', () => {
  const { vendors, disagreements } = merge(
    genaiOf([genai('m', { equals: 'm' }, '1.0'), genai('old', { equals: 'old' }, '5')]),
    litellmOf({
      m: lite('1', { input_cost_per_token_flex: '0.5', cache_read_input_token_cost: '0.1' }),
      new: lite('7'),
    }),
    [],
  );
  expect(disagreements).toEqual([]);
  expect(
    vendors.get('v')?.models.map(({ match, source: from, prices, variants }) => ({
      match,
      from,
      usd: prices[0]?.usd,
      tiers: variants?.length,
    })),
  ).toEqual([
    {
      match: { equals: 'm' },
      from: 'genai-prices, litellm',
      usd: {
        input_uncached: { usd: '1.0' },
        output_text: { usd: '9' },
        input_cache_read: { usd: '0.1' },
      },
      tiers: 1,
    },
    {
      match: { equals: 'new' },
      from: 'litellm',
      usd: { input_uncached: { usd: '7' } },
      tiers: undefined,
    },
    {
      match: { equals: 'm' },
      from: 'genai-prices',
      usd: { input_uncached: { usd: '1.0' }, output_text: { usd: '9' } },
      tiers: undefined,
    },
    {
      match: { equals: 'old' },
      from: 'genai-prices',
      usd: { input_uncached: { usd: '5' }, output_text: { usd: '9' } },
      tiers: undefined,
    },
  ]);
});

test('a price on which they disagree, or a name that one knows by a part of it only, waits for a decision', () => {
  const both = [
    genaiOf([genai('m', { starts_with: 'm' }, '1')]),
    litellmOf({ 'm-pro': lite('2'), 'm-5': lite('3') }),
  ] as const;
  const { disagreements, vendors } = merge(...both, []);
  // `m-5` is a further version, so nobody takes it for `m`.
  expect(disagreements).toEqual([
    {
      vendor: 'v',
      model: 'm-pro',
      entry: 'v/m',
      fit: 'loose',
      lines: ['input_uncached: 1 against 2'],
    },
  ]);
  expect(vendors.get('v')?.models[0]).toMatchObject({
    match: { equals: 'm-5' },
    source: 'litellm',
  });

  const review: Review = {
    vendor: 'v',
    model: 'm-*',
    take: 'litellm',
    because: 'b',
    source: 's',
    date: 'd',
  };
  const decided = merge(...both, [review, { ...review, model: 'nothing' }]);
  expect(decided.disagreements).toEqual([]);
  expect(decided.unused).toEqual([{ ...review, model: 'nothing' }]);
  expect(
    decided.vendors
      .get('v')
      ?.models.map(({ match, prices }) => [match, prices[0]?.usd.input_uncached?.usd]),
  ).toEqual([
    [{ equals: 'm-pro' }, '2'],
    [{ equals: 'm-5' }, '3'],
    [{ starts_with: 'm' }, '1'],
  ]);
});

test('a model that was trained on reads from a cache at the discount of the one it was made of', () => {
  const { vendors } = merge(
    genaiOf([genai('m', { equals: 'm' }, '2.5', { cache_read_mtok: '1.25' })]),
    litellmOf({ 'ft:m': lite('3.75'), 'ft:other': lite('3') }),
    [],
  );
  const cached = (name: string) =>
    vendors.get('v')?.models.find(({ match }) => 'equals' in match && match.equals === name)
      ?.prices[0]?.usd.input_cache_read;
  expect(cached('ft:m')).toEqual({ usd: '1.875' });
  expect(cached('ft:other')).toBeUndefined();
});

test('weeks are those of ISO 8601', () => {
  expect(
    ['2026-11-29', '2026-11-30', '2027-01-01', '2027-01-04', '2024-12-30'].map(weekOf),
  ).toEqual(['2026.48', '2026.49', '2026.53', '2027.01', '2025.01']);
});

const { vendors } = merge(genaiOf([genai('m', { equals: 'm' }, '1')]), litellmOf({}), []);
const text = catalogueText(vendors, [source], '2026-11-29');

test('a catalogue is read as it was written, and its version is the hash of its lists', () => {
  const read = readCatalogue(text);
  expect(read).toMatchObject({ kind: 'catalogue', catalogue: { sources: [source], vendors } });
  expect(read.kind === 'catalogue' ? read.catalogue.version : '').toMatch(/^2026\.48-[0-9a-f]{8}$/);
});

// oxfmt-ignore
test.each([
  ['is no JSON', 'no'],
  ['a price was changed', text.replace('"usd":"1"', '"usd":"2"')],
  ['a price that is no number', text.replace('"usd":"1"', '"usd":"1e3"')],
  ['a key that nobody knows', text.replace('"format": 1', '"format": 1, "more": 1')],
  ['a match that says nothing', text.replace('{"equals":"m"}', '{}')],
  ['a match of two kinds', text.replace('{"equals":"m"}', '{"equals":"m","contains":"x"}')],
  ['a vendor that falls back on nobody', text.replace('"fallback": []', '"fallback": ["nobody"]')],
])('a catalogue is refused: %s', (_, damaged) => {
  expect(damaged).not.toBe(text);
  expect(readCatalogue(damaged)).toMatchObject({ kind: 'bad' });
});

test('the catalogue that ships is compiled from the sources beside it, and nothing is left undecided', () => {
  const [[path, compiled] = ['', '']] = Object.entries(generatedFiles());
  expect(path).toBe('gateway/prices/catalogue.json');
  expect(readCatalogue(compiled)).toMatchObject({
    catalogue: { version: shippedCatalogue().version },
  });
});

test('every entry of the catalogue has an id of its own: it says in the ledger which price was used', () => {
  for (const [vendor, { models }] of shippedCatalogue().vendors) {
    const ids = models.map(({ id }) => id);
    expect([vendor, ids.filter((id, i) => ids.indexOf(id) !== i)]).toEqual([vendor, []]);
  }
});
