/**
 * What the models of this workload cost, apart from the gateway's catalogue and arithmetic.
 * https://platform.openai.com/docs/pricing (gpt-4o-mini), https://docs.anthropic.com/en/docs/about-claude/pricing (Claude Sonnet 4.5)
 */
import type { TokenType } from '../../../gateway/src/contract/ledger.ts';
import type { ProviderName, Tokens } from './evidence.ts';

/** Pico-dollars a token: a dollar a million tokens is a million of them. */
const prices: Readonly<Record<ProviderName, Readonly<Partial<Record<TokenType, bigint>>>>> = {
  openai: { input_uncached: 150_000n, input_cache_read: 75_000n, output_text: 600_000n },
  anthropic: {
    input_uncached: 3_000_000n,
    input_cache_read: 300_000n,
    input_cache_write: 3_750_000n,
    input_cache_write_long: 6_000_000n,
    output_text: 15_000_000n,
  },
};

/** Pico-dollars; null: there is no price for some of these tokens. */
export const costOf = (provider: ProviderName, tokens: Tokens): bigint | null => {
  let cost = 0n;
  let type: TokenType;
  for (type in tokens) {
    if (tokens[type] === 0) continue;
    const price = prices[provider][type];
    if (price === undefined) return null;
    cost += price * BigInt(tokens[type]);
  }
  return cost;
};
