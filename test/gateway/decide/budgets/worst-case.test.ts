import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { tokenTypes, type TokenType } from '../../../../gateway/src/contract/ledger.ts';
import { worstCase, type Asked } from '../../../../gateway/src/decide/budgets/worst-case.ts';
import {
  charge,
  type Price,
  type PriceTable,
  type TieredRate,
} from '../../../../gateway/src/decide/price.ts';
import { rateFromUsdPerMillion, type Rate } from '../../../../gateway/src/model/money.ts';
import { noTokens, noUsage } from '../../../../gateway/src/model/usage.ts';

const rate = (usd: string): Rate => {
  const read = rateFromUsdPerMillion(usd);
  if (read === null) throw new Error(usd);
  return read;
};
const flat = (usd: string): TieredRate => ({ base: rate(usd), tiers: [] });
const price = (
  rates: Readonly<Partial<Record<TokenType, TieredRate>>>,
  more: Partial<Price> = {},
): Price => ({ id: 'p', rates, unitRates: {}, ...more });

const cheap = price({ input_uncached: flat('1'), output_text: flat('2') });
const dear = price({
  input_uncached: { base: rate('3'), tiers: [{ aboveTokens: 200_000, rate: rate('6') }] },
  input_cache_write: flat('3.75'),
  input_cache_write_long: flat('6'),
  output_text: flat('15'),
});
const tableOf = (prices: Readonly<Record<string, Price>>): PriceTable => ({
  version: 'v',
  find: (provider) => prices[provider] ?? null,
});
const table = tableOf({ cheap, dear });

const parameters = {
  model: 'm',
  stream: false,
  wantsStreamUsage: false,
  maxTokens: 100,
  choices: 1,
  temperature: null,
  topP: null,
  dimensions: {},
};
const asked = (more: Partial<Asked> = {}): Asked => ({
  operation: 'chat',
  parameters,
  targets: [{ provider: 'cheap', model: 'm' }],
  prompt: { tokensByLength: 1000, writesCache: false, hasMedia: false },
  inputTokens: 1000,
  startedAtMs: 0,
  ...more,
});
const usdOf = (more: Partial<Asked>, prices = table): bigint | null => {
  const worst = worstCase(asked(more), prices, 5000);
  return worst.kind === 'known' ? worst.amounts.usd : null;
};
/** Beside the cost itself, room for rounding line by line. */
const about = (usdPerMillion: number): bigint =>
  BigInt(Math.round(usdPerMillion * 1_000_000)) + 16n;
const cheapTarget = { provider: 'cheap', model: 'm' };
const dearTarget = { provider: 'dear', model: 'm' };

test('input and all the output that may come, at the price of the target', () => {
  expect(worstCase(asked(), table, 5000)).toEqual({
    kind: 'known',
    amounts: { usd: about(1000 + 200), tokens: 1100n, requests: 1n, parallel: 1n },
  });
});

test('the dearest of several targets counts', () => {
  expect(usdOf({ targets: [cheapTarget, dearTarget] })).toBe(about(3000 + 1500));
});

test('each answer may take the maximum, and where there is none, what is assumed', () => {
  expect(usdOf({ parameters: { ...parameters, choices: 3 } })).toBe(about(1000 + 600));
  expect(usdOf({ parameters: { ...parameters, maxTokens: null } })).toBe(about(1000 + 10_000));
  expect(usdOf({ parameters: { ...parameters, maxTokens: 1e300, choices: 1e9 } })).toBeGreaterThan(
    0n,
  );
});

test('embeddings answer no text', () => {
  expect(usdOf({ operation: 'embeddings' })).toBe(about(1000));
});

test('a prompt that is to be kept may cost what writing it costs', () => {
  const targets = [dearTarget];
  const prompt = { tokensByLength: 1000, writesCache: true, hasMedia: false };
  expect(usdOf({ targets, prompt })).toBe(about(6000 + 1500));
});

test('who keeps prompts unasked, for one lifetime, bills it unasked', () => {
  const openai = price({
    input_uncached: flat('1'),
    input_cache_write: flat('1.25'),
    output_text: flat('2'),
  });
  expect(usdOf({}, tableOf({ cheap: openai }))).toBe(about(1250 + 200));
});

test('a large prompt is in the tier of its size', () => {
  expect(usdOf({ targets: [dearTarget], inputTokens: 200_001 })).toBe(about(200_001 * 6 + 1500));
});

test('sound and images may cost what they cost, coming and going', () => {
  const media = price({
    input_uncached: flat('1'),
    input_audio: flat('32'),
    output_text: flat('2'),
    output_audio: flat('64'),
  });
  const prompt = { tokensByLength: null, writesCache: false, hasMedia: true };
  expect(usdOf({ prompt }, tableOf({ cheap: media }))).toBe(about(32_000 + 6400));
  expect(usdOf({}, tableOf({ cheap: media }))).toBe(about(1000 + 200));
});

test('a tier that is asked for has its own price, or none is known', () => {
  const flex = { kind: 'factor', dimension: 'service_tier', value: 'flex' } as const;
  const half = { numerator: 1n, denominator: 2n };
  const sheet = { rates: { input_uncached: flat('0.5'), output_text: flat('1') }, unitRates: {} };
  const tiered = { ...cheap, variants: [{ ...flex, factor: half, sheet }] };
  const withTier = (service_tier: string) => ({
    parameters: { ...parameters, dimensions: { service_tier } },
  });
  expect(usdOf(withTier('flex'), tableOf({ cheap: tiered }))).toBe(about(500 + 100));
  expect(usdOf(withTier('priority'), tableOf({ cheap: tiered }))).toBeNull();
});

test('a target without a price, or without one for what comes, is named, with all that is no money', () => {
  expect(
    worstCase(asked({ targets: [cheapTarget, { provider: 'x', model: 'y' }] }), table, 5000),
  ).toEqual({
    kind: 'unpriced',
    target: { provider: 'x', model: 'y' },
    amounts: { usd: 0n, tokens: 1100n, requests: 1n, parallel: 1n },
  });
  expect(usdOf({}, tableOf({ cheap: price({ input_uncached: flat('1') }) }))).toBeNull();
  expect(
    usdOf({}, tableOf({ cheap: price({ input_uncached: flat('0'), output_text: flat('0') }) })),
  ).toBe(0n);
});

const anyRate = fc.nat(1_000_000).map((millionths) => rate((millionths / 1000).toFixed(3)));
const anyRates = fc.record({
  input_uncached: anyRate,
  input_cache_read: anyRate,
  input_cache_write: anyRate,
  input_cache_write_long: anyRate,
  output_text: anyRate,
  output_reasoning: anyRate,
});

test('whatever kinds of tokens the input and output turn out to be, no call costs more', () => {
  const inputs: readonly TokenType[] = tokenTypes.slice(0, 4);
  const outputs: readonly TokenType[] = ['output_text', 'output_reasoning'];
  fc.assert(
    fc.property(
      anyRates,
      fc.array(fc.nat(300), { minLength: 4, maxLength: 4 }),
      fc.array(fc.nat(100), { minLength: 2, maxLength: 2 }),
      (rates, input, output) => {
        // A cache is read at less than plain input costs, everywhere.
        const read =
          rates.input_cache_read < rates.input_uncached
            ? rates.input_cache_read
            : rates.input_uncached;
        const tiered = Object.fromEntries(
          Object.entries({ ...rates, input_cache_read: read }).map(([type, base]) => [
            type,
            { base, tiers: [] },
          ]),
        );
        const any = price(tiered);
        const tokens = { ...noTokens };
        for (const [i, type] of inputs.entries()) tokens[type] = input[i] ?? 0;
        for (const [i, type] of outputs.entries()) tokens[type] = output[i] ?? 0;
        const inputTokens = input.reduce((sum, one) => sum + one, 0);
        const maxTokens = output.reduce((sum, one) => sum + one, 0);
        const worst = usdOf(
          {
            inputTokens,
            prompt: { tokensByLength: inputTokens, writesCache: true, hasMedia: false },
            parameters: { ...parameters, maxTokens },
          },
          tableOf({ cheap: any }),
        );
        expect(charge({ ...noUsage, tokens }, any, {}).total).toBeLessThanOrEqual(worst ?? -1n);
      },
    ),
  );
});
