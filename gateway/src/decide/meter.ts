import type { UsageSource } from '../contract/ledger.ts';
import type { Delta, Failure } from '../model/delta.ts';
import { noTokens, outputTokens, type Usage } from '../model/usage.ts';
import { estimateTokens } from './estimate.ts';

/** Text kept for counting when the provider never says; beyond it only the length is kept. */
const maxKeptChars = 262_144;

const noUsage: Usage = { tokens: noTokens, units: {}, clamped: false, serviceTier: null };

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

export interface Meter {
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
   * counting the text that was relayed, or all counted by us.
   * @param inputTokens asked only when the provider never told
   */
  usage(inputTokens: () => number): { readonly usage: Usage; readonly source: UsageSource };
  /** Output tokens seen so far, roughly; for progress entries. */
  outputSoFar(): number;
}

/** Follows one attempt's reply. */
export const startMeter = (): Meter => {
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
        upstreamId = delta.id;
        model = delta.model;
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
        return false;
      case 'usage':
        usage = delta.usage;
        usageFinal ||= delta.final;
        return false;
      case 'stopped':
        finishReason = delta.raw;
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
      if (usage !== null && usageFinal) {
        return { usage, source: usage.clamped ? 'partial' : 'provider' };
      }
      const said = usage ?? noUsage;
      const input = usage === null ? inputTokens() : said.tokens.input_uncached;
      // What we counted holds every kind of output; what the provider said to be another kind stays that.
      const unsaid = Math.max(0, outputCounted() - outputTokens(said.tokens));
      const output = said.tokens.output_text + unsaid;
      return {
        usage: { ...said, tokens: { ...said.tokens, input_uncached: input, output_text: output } },
        source: usage === null ? 'estimated' : 'partial',
      };
    },
    outputSoFar: () => Math.ceil((text.length + uncountedChars) / 4),
  };
};
