import type { JsonObject } from './json.ts';

/** A wish that steers the provider, with the client's own name for it: it may have to be left out, and is then named. */
export interface Wish<T> {
  readonly value: T;
  readonly field: string;
}

/**
 * A conversation in no vendor's words. Used only when client and provider speak different dialects. What changes the
 * answer and cannot be said is a problem named to the client; what steers the provider only is left out, and named too.
 */
export interface ChatCall {
  readonly system: readonly TextPart[];
  readonly messages: readonly Message[];
  readonly tools: readonly Tool[];
  readonly toolChoice: ToolChoice | null;
  readonly parallelToolCalls: boolean | null;
  readonly maxTokens: number | null;
  readonly temperature: number | null;
  readonly topP: number | null;
  readonly topK: number | null;
  readonly stop: readonly string[];
  /** How hard to think, in words that both dialects share; null: as the model likes. */
  readonly effort: Wish<Effort> | null;
  /** How many tokens it may think, from who says it so. */
  readonly thinkingTokens: Wish<number> | null;
  /** JSON Schema that the answer must match; null: free text. */
  readonly answerSchema: JsonObject | null;
  /** The end user, as an opaque id. */
  readonly user: Wish<string> | null;
  readonly stream: boolean;
}

export const efforts = ['low', 'medium', 'high', 'xhigh', 'max'] as const;
export type Effort = (typeof efforts)[number];

export type Message =
  /** An instruction in the middle of a conversation; those at its beginning are in `ChatCall.system`. */
  | { readonly role: 'system'; readonly parts: readonly TextPart[] }
  | { readonly role: 'user'; readonly parts: readonly UserPart[] }
  | { readonly role: 'assistant'; readonly parts: readonly AssistantPart[] };

export interface TextPart {
  readonly kind: 'text';
  readonly text: string;
  /** A prompt-cache breakpoint after this part. */
  readonly cache: '5m' | '1h' | null;
}

export type ImageSource =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'base64'; readonly mediaType: string; readonly data: string };

export type UserPart =
  | TextPart
  | { readonly kind: 'image'; readonly source: ImageSource }
  | {
      readonly kind: 'tool_result';
      readonly id: string;
      readonly parts: readonly TextPart[];
      readonly isError: boolean;
    };

export type AssistantPart =
  | TextPart
  | { readonly kind: 'reasoning'; readonly text: string; readonly signature: string | null }
  | {
      readonly kind: 'tool_call';
      readonly id: string;
      readonly name: string;
      readonly input: JsonObject;
    };

export interface Tool {
  readonly name: string;
  readonly description: string | null;
  /** JSON Schema of the arguments. */
  readonly parameters: JsonObject;
  /** Arguments must match the schema exactly; null: not said. */
  readonly strict: boolean | null;
}

export type ToolChoice =
  | { readonly kind: 'auto' }
  | { readonly kind: 'none' }
  | { readonly kind: 'required' }
  | { readonly kind: 'tool'; readonly name: string };
