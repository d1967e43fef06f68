import type { TokenType } from '../contract/ledger.ts';
import type { PriceDimension } from '../contract/price-dimensions.ts';

/** Tokens per class, whole and never negative. The classes are disjoint; their sum is what the provider counted. */
export type TokenCounts = Readonly<Record<TokenType, number>>;

// oxfmt-ignore
export const noTokens: TokenCounts = {
  input_uncached: 0, input_cache_read: 0, input_cache_write_5m: 0, input_cache_write_1h: 0, input_audio: 0, input_image: 0,
  output_text: 0, output_reasoning: 0, output_audio: 0, output_image: 0,
};

/** What a provider says a reply used, as far as it has said it. */
export interface Usage {
  readonly tokens: TokenCounts;
  /** Counts that are no tokens of a class: searches, cached audio, images. */
  readonly units: Readonly<Record<string, number>>;
  /** The provider's own parts did not add up to its totals and were clamped. */
  readonly clamped: boolean;
  readonly serviceTier: string | null;
  /** Of these sides the provider's count cannot be true, and none is in `tokens`. Left out: none is so. */
  readonly impossible?: readonly Side[];
  readonly dimensions: Dimensions;
}

export type Side = 'input' | 'output';

/** What is known of a reply of which nobody said anything. */
export const noUsage: Usage = {
  tokens: noTokens,
  units: {},
  clamped: false,
  serviceTier: null,
  dimensions: {},
};

/** What a call or its reply names that may change the price of its tokens. */
export type Dimensions = Readonly<Partial<Record<PriceDimension, string>>>;

/** All input tokens, cached and uncached: `gen_ai.usage.input_tokens` includes cached ones. */
export const inputTokens = (t: TokenCounts): number =>
  t.input_uncached +
  t.input_cache_read +
  t.input_cache_write_5m +
  t.input_cache_write_1h +
  t.input_audio +
  t.input_image;

/** All output tokens, reasoning included. */
export const outputTokens = (t: TokenCounts): number =>
  t.output_text + t.output_reasoning + t.output_audio + t.output_image;
