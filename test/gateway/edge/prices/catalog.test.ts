/**
 * `calcPrice` of @pydantic/genai-prices is the oracle: the same prices on its own road, by floats. We agree wherever we
 * claim to have a price. Where we claim none and it bills a class as the class above it, `noPriceOfItsOwn` says why.
 */
import { calcPrice, findProvider } from '@pydantic/genai-prices';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ProviderConfig } from '../../../../gateway/src/config/config.ts';
import { tokenTypes, type TokenType } from '../../../../gateway/src/contract/ledger.ts';
import { charge } from '../../../../gateway/src/decide/price.ts';
import { compilePrices, listedModels } from '../../../../gateway/src/edge/prices/catalog.ts';
import { usdNumber } from '../../../../gateway/src/model/money.ts';
import {
  inputTokens,
  noTokens,
  outputTokens,
  type TokenCounts,
  type Usage,
} from '../../../../gateway/src/model/usage.ts';
import { providers } from '../../../../gateway/src/providers/registry.ts';

const vendors = [...providers.values()].flatMap(({ name, prices }) =>
  prices === null ? [] : [{ use: name, vendor: prices }],
);

const providerOf = (name: string, use: string): ProviderConfig => ({
  name,
  use,
  settings: {},
  credentials: new Map(),
  account: '',
  region: '',
  timeouts: {
    connectMs: 1,
    firstByteMs: 1,
    firstContentMs: null,
    holdMs: 1,
    idleMs: 1,
    totalMs: 1,
  },
  maxConnections: 1,
});
const configured = (...uses: readonly string[]) =>
  new Map(uses.map((use) => [use, providerOf(use, use)]));

const table = compilePrices({
  providers: configured(...vendors.map(({ use }) => use)),
  prices: [],
});

/**
 * Classes that cost many times what the class above them costs, or a little more. A vendor that lists no price for one
 * of them does not sell it; should it count such tokens all the same, the row says "unpriced" and a counter and an
 * alert tell, where the oracle would bill them silently at the price of text, or of a five-minute cache.
 */
const noPriceOfItsOwn: ReadonlySet<TokenType> = new Set([
  'input_audio',
  'output_audio',
  'output_image',
  'input_cache_write_1h',
]);

/** Our disjoint classes as the oracle counts: each class within those above it, no overlaps. */
const oracleUsage = (t: TokenCounts, searches: number) => ({
  input_tokens: inputTokens(t),
  cache_read_tokens: t.input_cache_read,
  cache_write_tokens: t.input_cache_write_5m + t.input_cache_write_1h,
  cache_write_1h_tokens: t.input_cache_write_1h,
  input_audio_tokens: t.input_audio,
  input_image_tokens: t.input_image,
  cache_audio_read_tokens: 0,
  cache_image_read_tokens: 0,
  cache_audio_write_tokens: 0,
  cache_image_write_tokens: 0,
  output_tokens: outputTokens(t),
  output_reasoning_tokens: t.output_reasoning,
  output_audio_tokens: t.output_audio,
  output_image_tokens: t.output_image,
  web_searches: searches,
});

const anyTokens = fc
  .tuple(...tokenTypes.map(() => fc.oneof(fc.constant(0), fc.nat(2000), fc.nat(400_000))))
  .map((counts): TokenCounts => ({
    ...noTokens,
    ...Object.fromEntries(tokenTypes.map((type, i) => [type, counts[i] ?? 0])),
  }));
/** Days on both sides of the changes that the data knows, at all times of the day. */
const anyTime = fc.integer({
  min: Date.parse('2024-01-01T00:00:00Z'),
  max: Date.parse('2027-01-01T00:00:00Z'),
});

/** Names that requests and replies may use for a model of the data, with the model that the oracle means. */
const names = vendors.flatMap(({ use, vendor }) =>
  (findProvider({ providerId: vendor })?.models ?? []).flatMap(({ id }) =>
    [id, id.toUpperCase(), ` ${id}`, id.replace(/-(20\d\d)-(\d\d)-(\d\d)/, '-$1$2$3')].map(
      (name) => ({ use, vendor, name }),
    ),
  ),
);
const isKnown = ({ vendor, name }: { readonly vendor: string; readonly name: string }): boolean =>
  calcPrice({ input_tokens: 1 }, name, { providerId: vendor }) !== null;

test('there is something to compare', () => {
  expect(names.length).toBeGreaterThan(1000);
});

test('every name is priced as the same model as by the oracle', () => {
  const wrong: string[] = [];
  for (const { use, vendor, name } of names) {
    const ours = table.find(use, name, Date.parse('2026-01-01'))?.id.replace(/#\d+$/, '') ?? null;
    const found = calcPrice({ input_tokens: 1 }, name, { providerId: vendor });
    const theirs = found === null ? null : `${found.provider.id}/${found.model.id}`;
    if (ours !== theirs) wrong.push(`${vendor} ${name}: ${ours}, not ${theirs}`);
  }
  expect(wrong).toEqual([]);
});

test('any tokens of any model at any time cost what the oracle says, to the precision of its floats', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...names.filter(isKnown)),
      anyTokens,
      fc.nat(20),
      anyTime,
      ({ use, vendor, name }, tokens, searches, atMs) => {
        const price = table.find(use, name, atMs);
        expect(price).not.toBeNull();
        // What has no price is compared without its tokens; which classes may lack one is settled here.
        const unpriced = tokenTypes.filter((b) => price?.rates[b] === undefined && tokens[b] > 0);
        const direction = (b: TokenType): TokenType =>
          b.startsWith('input') ? 'input_uncached' : 'output_text';
        for (const type of unpriced) {
          if (noPriceOfItsOwn.has(type)) continue;
          // An embedding has no output, a speech model no input: nothing of that direction has a price.
          expect([name, type, price?.rates[direction(type)]]).toEqual([name, type, undefined]);
        }
        const priced: TokenCounts = {
          ...tokens,
          ...Object.fromEntries(unpriced.map((type) => [type, 0])),
        };
        const units: Record<string, number> =
          price?.unitRates['web_searches'] === undefined ? {} : { web_searches: searches };
        const used: Usage = {
          tokens: priced,
          units,
          clamped: false,
          serviceTier: null,
          dimensions: {},
        };
        const ours = usdNumber(charge(used, price, {}).total);
        const theirs =
          calcPrice(oracleUsage(priced, units['web_searches'] ?? 0), name, {
            providerId: vendor,
            timestamp: new Date(atMs),
          })?.total_price ?? Number.NaN;
        // Half a pico-dollar for each meter that we round, and the last bits of its doubles.
        expect(Math.abs(ours - theirs)).toBeLessThanOrEqual(1e-11 + theirs * 1e-12);
      },
    ),
    { numRuns: 4000 },
  );
});

test('a vendor that also serves the models of others prices them as these do', () => {
  const azure = listedModels('azure');
  const own = findProvider({ providerId: 'azure' })?.models.length ?? 0;
  const openai = listedModels('openai');
  expect(own).toBeGreaterThan(0);
  expect(azure.length).toBeGreaterThanOrEqual(own + openai.length);
  expect(azure[own]).toEqual(openai[0]);
});

test('a vendor that the data does not know is a mistake of ours', () => {
  expect(() => listedModels('nobody')).toThrow('no vendor nobody');
});

const ownPrice = {
  provider: 'openai',
  model: 'gpt-4o-mini',
  usdPerMillion: { input_uncached: '0.1', output_text: '0.000000000001' },
  source: 'contract 7',
};

test('own prices replace the list, and make another version; their order makes none', () => {
  const list = configured('openai');
  const [plain, one, two, turned] = [
    compilePrices({ providers: list, prices: [] }),
    compilePrices({ providers: list, prices: [ownPrice] }),
    compilePrices({ providers: list, prices: [ownPrice, { ...ownPrice, model: 'o3' }] }),
    compilePrices({ providers: list, prices: [{ ...ownPrice, model: 'o3' }, ownPrice] }),
  ];
  expect(plain.version).toBe('genai-prices-0.1.8');
  expect(one.version).toMatch(/^genai-prices-0\.1\.8\+[0-9a-f]{8}$/);
  expect(new Set([plain.version, one.version, two.version]).size).toBe(3);
  expect(turned.version).toBe(two.version);
  expect(one.find('openai', 'gpt-4o-mini', 0)).toEqual({
    id: 'own/openai/gpt-4o-mini',
    rates: {
      input_uncached: { base: 100_000_000_000n, tiers: [] },
      output_text: { base: 1n, tiers: [] },
    },
    unitRates: {},
  });
});

test('the demo model shows a price, unless the configuration has another one', () => {
  const demo = configured('demo');
  const all = compilePrices({ providers: demo, prices: [] });
  expect(all.find('demo', 'demo', 0)?.rates.input_uncached?.base).toBe(150_000_000_000n);
  const own = compilePrices({
    providers: demo,
    prices: [{ ...ownPrice, provider: 'demo', model: '*' }],
  });
  expect(own.find('demo', 'demo', 0)?.rates.input_uncached?.base).toBe(100_000_000_000n);
});

test('a provider of no list has no price at all', () => {
  const local = compilePrices({ providers: configured('ollama'), prices: [] });
  expect(local.find('ollama', 'llama3', 0)).toBeNull();
});
