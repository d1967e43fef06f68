/** What three parties say of one call, each in a log of its own: the client, the providers, the ledger. */
import type { TokenType } from '../../../gateway/src/contract/ledger.ts';
import type { OutcomeKind } from '../../../gateway/src/contract/outcomes.ts';
import type { Served } from '../../fakes/journal.ts';

/**
 * How a call ended for its client.
 * - `whole`: it has all of the reply, a stream with its last event
 * - `error`: it has all of a reply that is an error
 * - `break`: its stream ended with an error event
 * - `unended`: its reply ended as HTTP says it should, before it was whole
 * - `hung_up`: it left by itself
 * - `lost`: the connection broke under it
 */
export const clientEnds = ['whole', 'error', 'break', 'unended', 'hung_up', 'lost'] as const;
export type ClientEnd = (typeof clientEnds)[number];

/** Sums of all token types of a side. */
export interface Sides {
  readonly input: number;
  readonly output: number;
}

/** A line of the client's log. */
export interface Asked {
  /** The trace that it named, of this call only. */
  readonly trace: string;
  /** By the wall clock, epoch milliseconds. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly stream: boolean;
  readonly tagged: boolean;
  readonly end: ClientEnd;
  /** 0: none came. */
  readonly status: number;
  /** The error's code; empty: none was told. */
  readonly code: string;
  /** Empty: no head came. */
  readonly callId: string;
  /** What the reply's head said it cost; null: it said nothing. */
  readonly costUsd: string | null;
  /** The final usage that the reply told; null: none, or not all of it. */
  readonly usage: Sides | null;
  readonly bodyBytes: number;
}

export type ProviderName = 'openai' | 'anthropic';

/** A line of the providers' journal, written when the request was over. */
export type Journaled = { readonly provider: ProviderName } & Pick<
  Served,
  | 'at'
  | 'path'
  | 'status'
  | 'usage'
  | 'usageSent'
  | 'isWhole'
  | 'stopSent'
  | 'errorSent'
  | 'bodyBytesSent'
  | 'ended'
> & { readonly traceparent: string | null };

/** How a request ended as its provider saw it: `left` is the gateway's doing, `died` and `stopped` (after all content) its own. */
export type TryEnd = 'whole' | 'stopped' | 'died' | 'refused' | 'left';

export type Tokens = Readonly<Record<TokenType, number>>;

/** A request that a provider served. */
export interface Tried {
  readonly provider: ProviderName;
  readonly atMs: number;
  readonly status: number;
  readonly end: TryEnd;
  /** What it bills; null: it promised to tell nothing. */
  readonly tokens: Tokens | null;
  /** It told them, whole. */
  readonly isTold: boolean;
}

export interface RowAttempt {
  readonly provider: string;
  readonly status: number;
  readonly error: string;
  readonly source: string;
  readonly priceStatus: string;
  readonly cost: bigint;
  readonly waste: string;
  readonly tokens: Tokens;
}

/** A row of the ledger; money in pico-dollars. */
export interface Row {
  readonly trace: string;
  readonly callId: string;
  readonly outcome: OutcomeKind;
  readonly status: number;
  readonly code: string;
  readonly cost: bigint;
  readonly waste: bigint;
  readonly tagged: boolean;
  readonly attempts: readonly RowAttempt[];
}

const numberAt = (from: unknown, key: string): number => {
  if (typeof from !== 'object' || from === null) return 0;
  const value: unknown = Object.entries(from).find(([name]) => name === key)?.[1];
  return typeof value === 'number' ? value : 0;
};

export const noTokens: Tokens = {
  input_uncached: 0,
  input_cache_read: 0,
  input_cache_write: 0,
  input_cache_write_long: 0,
  input_audio: 0,
  input_image: 0,
  output_text: 0,
  output_reasoning: 0,
  output_audio: 0,
  output_image: 0,
};

/**
 * A provider's usage object, as far as the fakes tell it here, in the ledger's token types.
 * https://platform.openai.com/docs/api-reference/chat/object#chat-object-usage: cached tokens lie inside the prompt.
 * https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching: cache reads and writes come on top of the input.
 */
export const tokensOf = (
  provider: ProviderName,
  usage: Readonly<Record<string, unknown>>,
): Tokens => {
  if (provider === 'openai') {
    const cached = numberAt(usage['prompt_tokens_details'], 'cached_tokens');
    return {
      ...noTokens,
      input_uncached: numberAt(usage, 'prompt_tokens') - cached,
      input_cache_read: cached,
      output_text: numberAt(usage, 'completion_tokens'),
    };
  }
  return {
    ...noTokens,
    input_uncached: numberAt(usage, 'input_tokens'),
    input_cache_read: numberAt(usage, 'cache_read_input_tokens'),
    input_cache_write: numberAt(usage['cache_creation'], 'ephemeral_5m_input_tokens'),
    input_cache_write_long: numberAt(usage['cache_creation'], 'ephemeral_1h_input_tokens'),
    output_text: numberAt(usage, 'output_tokens'),
  };
};

export const sidesOf = (tokens: Tokens): Sides => ({
  input:
    tokens.input_uncached +
    tokens.input_cache_read +
    tokens.input_cache_write +
    tokens.input_cache_write_long +
    tokens.input_audio +
    tokens.input_image,
  output: tokens.output_text + tokens.output_reasoning + tokens.output_audio + tokens.output_image,
});

const endOf = ({ status, isWhole, stopSent, errorSent, ended }: Journaled): TryEnd => {
  if (status >= 400) return 'refused';
  if (isWhole) return 'whole';
  // Whoever reads that waits for no more.
  if (errorSent) return 'died';
  if (ended === 'client_gone' || ended === 'closed' || ended === 'open') return 'left';
  // A connection that breaks is a break even when only the farewell was missing.
  return stopSent && ended === 'complete' ? 'stopped' : 'died';
};

export const triedOf = (line: Journaled): Tried => ({
  provider: line.provider,
  atMs: line.at,
  status: line.status,
  end: endOf(line),
  tokens: line.usage === null ? null : tokensOf(line.provider, line.usage),
  isTold: line.usageSent,
});
