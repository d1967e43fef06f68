import type { Usage } from './usage.ts';

export type StopReason =
  | 'stop'
  | 'length'
  | 'tool_calls'
  | 'content_filter'
  | 'refusal'
  | 'pause'
  | 'other';

/**
 * One meaning in a provider's reply, streamed or not. A reply is a list of these in order, and a whole one ends with
 * `ended`: an upstream that closes its connection before that has cut the reply.
 */
export type Delta =
  | { readonly kind: 'opened'; readonly id: string; readonly model: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'reasoning'; readonly text: string }
  /** The provider's signature over the reasoning before it, to be returned with it in the next turn. */
  | { readonly kind: 'reasoning_signature'; readonly signature: string }
  | { readonly kind: 'refusal'; readonly text: string }
  | {
      readonly kind: 'tool_started';
      readonly index: number;
      readonly id: string;
      readonly name: string;
    }
  | { readonly kind: 'tool_arguments'; readonly index: number; readonly text: string }
  /** Cumulative: each one replaces the one before. `final` is the provider's last word. */
  | { readonly kind: 'usage'; readonly usage: Usage; readonly final: boolean }
  | {
      readonly kind: 'stopped';
      readonly reason: StopReason;
      readonly raw: string;
      readonly stopSequence: string | null;
    }
  | { readonly kind: 'ended' }
  /** The reply holds something that has no other meaning here: an image, audio, a kind of the future. */
  | { readonly kind: 'other_content' }
  | Failure;

/**
 * The reply failed. `theirs`: the provider reported it inside its reply, in its own words; `ours`: what came is no reply
 * of its dialect.
 */
export interface Failure {
  readonly kind: 'failed';
  readonly by: 'theirs' | 'ours';
  readonly type: string;
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
}

/** What came is no reply of its dialect; `message` is in our words. */
export const unreadable = (type: string, message: string): Failure => ({
  kind: 'failed',
  by: 'ours',
  type,
  code: '',
  message,
  param: null,
});

/** What one chunk of upstream bytes becomes: bytes for the client now (null: none yet), and what they meant. */
export interface Piece {
  readonly bytes: Uint8Array | null;
  readonly deltas: readonly Delta[];
  /**
   * The event of a stream by which the reply failed, as it came. A client of the same dialect may read it once it is cleaned:
   * it may quote a credential. Absent: there is none, or it is not for the client.
   */
  readonly failedEvent?: Uint8Array;
}
