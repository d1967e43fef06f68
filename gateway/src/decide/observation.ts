import type { UsageSource } from '../contract/ledger.ts';
import type { PriceDimension } from '../contract/price-dimensions.ts';
import type { Delta, Failure } from '../model/delta.ts';
import { inputTokens, noUsage, outputTokens, type Usage } from '../model/usage.ts';
import { estimateTokens } from './estimate.ts';

/** Text kept for counting when the provider never says; beyond it only the length is kept. */
const maxKeptChars = 262_144;

/** The same usage, its names read. */
const named = (usage: Usage, name: (text: string) => string): Usage => {
  const dimensions: Partial<Record<PriceDimension, string>> = {};
  let key: PriceDimension;
  for (key in usage.dimensions) dimensions[key] = name(usage.dimensions[key] ?? '');
  const serviceTier = usage.serviceTier === null ? null : name(usage.serviceTier);
  return { ...usage, serviceTier, dimensions };
};

/** What is known of one attempt's reply so far. */
export interface Reading {
  readonly firstContentMs: number | null;
  readonly lastContentMs: number | null;
  readonly chunks: number;
  readonly maxGapMs: number;
  readonly model: string;
  readonly upstreamId: string;
  readonly finishReason: string;
}

export interface Observation {
  /** One chunk's meanings, at `nowMs` of the monotonic clock. */
  read(deltas: readonly Delta[], nowMs: number): void;
  /** Content has arrived, or the reply is over: no other provider may take over after this is sent on. */
  begun(): boolean;
  /** The provider said that its reply is whole. */
  ended(): boolean;
  /** What the provider reported as an error inside its reply. */
  failure(): Failure | null;
  reading(): Reading;
  /**
   * The usage to account for, and where it comes from: the provider's last word, or what it said so far completed by
   * counting the text that was relayed, or all counted by us. What it said and cannot be is counted by us too.
   * @param inputTokens asked only when the provider never told
   */
  usage(inputTokens: () => number): { readonly usage: Usage; readonly source: UsageSource };
  /** Output tokens seen so far, roughly; for progress entries. */
  outputSoFar(): number;
  /** The usage as far as the provider has told it; null: not a word yet. */
  said(): Usage | null;
}

/** Which sides a provider never told, has not told to the end, or told as what cannot be: nothing for something included. */
const lacking = (
  usage: Usage | null,
  isFinal: boolean,
  outputCounted: () => number,
): { readonly lacksInput: boolean; readonly lacksOutput: boolean } => {
  if (usage === null) return { lacksInput: true, lacksOutput: true };
  const { tokens, impossible = [] } = usage;
  if (inputTokens(tokens) + outputTokens(tokens) === 0 && isFinal && outputCounted() > 0)
    return { lacksInput: true, lacksOutput: true };
  return {
    lacksInput: impossible.includes('input'),
    lacksOutput: impossible.includes('output') || !isFinal,
  };
};

/**
 * Follows one attempt's reply.
 * @param name reads a name that the provider gives
 */
export const observeReply = (name: (text: string) => string): Observation => {
  let firstContentMs: number | null = null;
  let lastContentMs: number | null = null;
  let chunks = 0;
  let maxGapMs = 0;
  let model = '';
  let upstreamId = '';
  let finishReason = '';
  let ended = false;
  let failure: Failure | null = null;
  let usage: Usage | null = null;
  let usageFinal = false;
  let text = '';
  let uncountedChars = 0;

  const content = (part: string): void => {
    if (text.length < maxKeptChars) text += part;
    else uncountedChars += part.length;
  };
  const outputCounted = (): number => estimateTokens(text) + Math.ceil(uncountedChars / 4);

  /** True when the delta is content a client can see. */
  const take = (delta: Delta): boolean => {
    switch (delta.kind) {
      case 'opened':
        upstreamId = name(delta.id);
        model = name(delta.model);
        return false;
      case 'text':
      case 'reasoning':
      case 'refusal':
      case 'tool_arguments':
        content(delta.text);
        return true;
      case 'tool_started':
        content(delta.name);
        return true;
      case 'reasoning_signature':
      case 'other_content':
        return true;
      case 'usage':
        usage = named(delta.usage, name);
        usageFinal ||= delta.final;
        return false;
      case 'stopped':
        finishReason = name(delta.raw);
        return true;
      case 'ended':
        ended = true;
        return true;
      case 'failed':
        failure = delta;
        return false;
    }
  };

  return {
    read(deltas, nowMs) {
      chunks += 1;
      let contentful = false;
      for (const delta of deltas) contentful = take(delta) || contentful;
      if (!contentful) return;
      firstContentMs ??= nowMs;
      if (lastContentMs !== null) maxGapMs = Math.max(maxGapMs, nowMs - lastContentMs);
      lastContentMs = nowMs;
    },
    begun: () => firstContentMs !== null,
    ended: () => ended,
    failure: () => failure,
    reading: () => ({
      firstContentMs,
      lastContentMs,
      chunks,
      maxGapMs,
      model,
      upstreamId,
      finishReason,
    }),
    usage(inputTokens) {
      const { lacksInput, lacksOutput } = lacking(usage, usageFinal, outputCounted);
      if (usage !== null && !lacksInput && !lacksOutput) {
        return { usage, source: usage.clamped ? 'partial' : 'provider' };
      }
      const said = usage ?? noUsage;
      const input = lacksInput ? inputTokens() : said.tokens.input_uncached;
      // What we counted holds every kind of output; what the provider said to be another kind stays that.
      const counted = lacksOutput ? outputCounted() : 0;
      const unsaid = Math.max(0, counted - outputTokens(said.tokens));
      const output = said.tokens.output_text + unsaid;
      return {
        usage: { ...said, tokens: { ...said.tokens, input_uncached: input, output_text: output } },
        source: usage === null || (lacksInput && lacksOutput) ? 'estimated' : 'partial',
      };
    },
    outputSoFar: () => Math.ceil((text.length + uncountedChars) / 4),
    said: () => usage,
  };
};
