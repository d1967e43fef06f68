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

/**
 * Follows one attempt's reply.
 * @param name reads a name that the provider gives
 */
export const observeReply = (name: (text: string) => string): Observation =>
  new RunningObservation(name);

class RunningObservation implements Observation {
  readonly #name: (text: string) => string;
  #firstContentMs: number | null = null;
  #lastContentMs: number | null = null;
  #chunks = 0;
  #maxGapMs = 0;
  #model = '';
  #upstreamId = '';
  #finishReason = '';
  #ended = false;
  #failure: Failure | null = null;
  #usage: Usage | null = null;
  #usageFinal = false;
  #text = '';
  #uncountedChars = 0;

  constructor(name: (text: string) => string) {
    this.#name = name;
  }

  read(deltas: readonly Delta[], nowMs: number): void {
    this.#chunks += 1;
    let contentful = false;
    for (const delta of deltas) contentful = this.#take(delta) || contentful;
    if (!contentful) return;
    this.#firstContentMs ??= nowMs;
    if (this.#lastContentMs !== null)
      this.#maxGapMs = Math.max(this.#maxGapMs, nowMs - this.#lastContentMs);
    this.#lastContentMs = nowMs;
  }

  begun(): boolean {
    return this.#firstContentMs !== null;
  }

  ended(): boolean {
    return this.#ended;
  }

  failure(): Failure | null {
    return this.#failure;
  }

  reading(): Reading {
    return {
      firstContentMs: this.#firstContentMs,
      lastContentMs: this.#lastContentMs,
      chunks: this.#chunks,
      maxGapMs: this.#maxGapMs,
      model: this.#model,
      upstreamId: this.#upstreamId,
      finishReason: this.#finishReason,
    };
  }

  usage(inputTokens: () => number): { readonly usage: Usage; readonly source: UsageSource } {
    const usage = this.#usage;
    const { lacksInput, lacksOutput } = this.#lacking();
    if (usage !== null && !lacksInput && !lacksOutput) {
      return { usage, source: usage.clamped ? 'partial' : 'provider' };
    }
    const said = usage ?? noUsage;
    const input = lacksInput ? inputTokens() : said.tokens.input_uncached;
    // What we counted holds every kind of output; what the provider said to be another kind stays that.
    const counted = lacksOutput ? this.#outputCounted() : 0;
    const unsaid = Math.max(0, counted - outputTokens(said.tokens));
    const output = said.tokens.output_text + unsaid;
    return {
      usage: { ...said, tokens: { ...said.tokens, input_uncached: input, output_text: output } },
      source: usage === null || (lacksInput && lacksOutput) ? 'estimated' : 'partial',
    };
  }

  outputSoFar(): number {
    return Math.ceil((this.#text.length + this.#uncountedChars) / 4);
  }

  said(): Usage | null {
    return this.#usage;
  }

  /** Which sides a provider never told, has not told to the end, or told as what cannot be: nothing for something included. */
  #lacking(): { readonly lacksInput: boolean; readonly lacksOutput: boolean } {
    if (this.#usage === null) return { lacksInput: true, lacksOutput: true };
    const { tokens, impossible = [] } = this.#usage;
    const isFinal = this.#usageFinal;
    if (inputTokens(tokens) + outputTokens(tokens) === 0 && isFinal && this.#outputCounted() > 0)
      return { lacksInput: true, lacksOutput: true };
    return {
      lacksInput: impossible.includes('input'),
      lacksOutput: impossible.includes('output') || !isFinal,
    };
  }

  /** True when the delta is content a client can see. */
  #take(delta: Delta): boolean {
    switch (delta.kind) {
      case 'opened':
        this.#upstreamId = this.#name(delta.id);
        this.#model = this.#name(delta.model);
        return false;
      case 'text':
      case 'reasoning':
      case 'refusal':
      case 'tool_arguments':
        this.#content(delta.text);
        return true;
      case 'tool_started':
        this.#content(delta.name);
        return true;
      case 'reasoning_signature':
      case 'other_content':
        return true;
      case 'usage':
        this.#usage = named(delta.usage, this.#name);
        this.#usageFinal ||= delta.final;
        return false;
      case 'stopped':
        this.#finishReason = this.#name(delta.raw);
        return true;
      case 'ended':
        this.#ended = true;
        return true;
      case 'failed':
        this.#failure = delta;
        return false;
    }
  }

  #content(part: string): void {
    if (this.#text.length < maxKeptChars) this.#text += part;
    else this.#uncountedChars += part.length;
  }

  #outputCounted(): number {
    return estimateTokens(this.#text) + Math.ceil(this.#uncountedChars / 4);
  }
}
