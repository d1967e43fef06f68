import type { TokenType } from '../contract/ledger.ts';
import type { PriceDimension } from '../contract/price-dimensions.ts';

/** Tokens per class, whole and never negative. The classes are disjoint; their sum is what the provider counted. */
export type TokenCounts = Readonly<Record<TokenType, number>>;

// oxfmt-ignore
export const noTokens: TokenCounts = {
  input_uncached: 0, input_cache_read: 0, input_cache_write: 0, input_cache_write_long: 0, input_audio: 0, input_image: 0,
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
  /** Tokens that another model used on the way, such as an advisor's. Left out: none. */
  readonly others?: readonly { readonly model: string; readonly tokens: TokenCounts }[];
  /** What the provider says the call cost, in pico-dollars. Left out: it says nothing, or nothing that can be. */
  readonly reportedPicodollars?: number;
}

/** The sum of two counts. */
export const addTokens = (a: TokenCounts, b: TokenCounts): TokenCounts => ({
  input_uncached: a.input_uncached + b.input_uncached,
  input_cache_read: a.input_cache_read + b.input_cache_read,
  input_cache_write: a.input_cache_write + b.input_cache_write,
  input_cache_write_long: a.input_cache_write_long + b.input_cache_write_long,
  input_audio: a.input_audio + b.input_audio,
  input_image: a.input_image + b.input_image,
  output_text: a.output_text + b.output_text,
  output_reasoning: a.output_reasoning + b.output_reasoning,
  output_audio: a.output_audio + b.output_audio,
  output_image: a.output_image + b.output_image,
});

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
  t.input_cache_write +
  t.input_cache_write_long +
  t.input_audio +
  t.input_image;

/** All output tokens, reasoning included. */
export const outputTokens = (t: TokenCounts): number =>
  t.output_text + t.output_reasoning + t.output_audio + t.output_image;
