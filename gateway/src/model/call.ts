import type { ErrorCode } from '../contract/errors.ts';
import type { Dimensions } from './usage.ts';

export type Operation = 'chat' | 'embeddings';
/** What clients speak to us. */
export type DialectName = 'openai' | 'anthropic';

/** On whose account a call runs. Empty text means "not said". */
export interface Caller {
  readonly keyId: string;
  readonly org: string;
  readonly team: string;
  readonly app: string;
  readonly namespace: string;
  readonly environment: string;
  readonly costCenter: string;
  /** Model names or patterns (`gpt-*`) this caller may use; null: all. */
  readonly models: readonly string[] | null;
}

/** What a client asks for, as far as we act on it; the rest of its body passes through unread. */
export interface RequestParameters {
  readonly model: string;
  readonly stream: boolean;
  /** The client itself asked for the usage event of a stream (OpenAI's `stream_options.include_usage`). */
  readonly wantsStreamUsage: boolean;
  /** Of one answer. */
  readonly maxTokens: number | null;
  /** How many answers it wants (`n`). */
  readonly choices: number;
  readonly temperature: number | null;
  readonly topP: number | null;
  /** What it names that may change the price of its tokens. */
  readonly dimensions: Dimensions;
}

/** A complaint about a request: what, where and what is allowed. */
export interface Problem {
  readonly code: ErrorCode;
  readonly message: string;
  /** The field, as a path like `messages[2].content`; null when it is not about one. */
  readonly param: string | null;
}

/** Where an attempt goes. */
export interface Target {
  /** The provider's name in the configuration. */
  readonly provider: string;
  /** The model's name at that provider. */
  readonly model: string;
}
