import type { RequestParameters, DialectName, Operation, Problem } from '../model/call.ts';
import type { Refusal } from '../model/refusal.ts';
import type { ChatCall } from '../model/chat.ts';
import type { Delta } from '../model/delta.ts';
import type { JsonObject } from '../model/json.ts';
import type { Edits } from '../model/edits.ts';
import type { Framing } from './framing.ts';
import type { ReadError } from './errors.ts';

export type Checked<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'bad'; readonly problem: Problem };

/** A request said in other words, and the names of the client's fields that were left out. */
export type Translated<T> =
  | { readonly kind: 'ok'; readonly value: T; readonly dropped: readonly string[] }
  | { readonly kind: 'bad'; readonly problem: Problem };

/** One server-sent event, framed but not read. `event` is null when the stream did not name it. */
export interface SseEvent {
  readonly event: string | null;
  readonly data: string;
}

/** Reads one stream, event by event. */
export interface StreamReader {
  read(event: SseEvent): readonly Delta[];
  /** The usage in an event that stands behind the last one; all else there is nothing. */
  readBehind(event: SseEvent): readonly Delta[];
  /**
   * All that the reply began has stopped. It is then whole without the dialect's last event too, when HTTP ended it as it
   * should: several vendors send none.
   */
  hasStopped(): boolean;
}

/** Where a vendor departs from the dialect it speaks. */
export interface Traits {
  /** It reports the usage of a stream unasked, and refuses a request that asks (Mistral). */
  readonly usageUnasked: boolean;
  /** It knows only `max_tokens`, and refuses `max_completion_tokens` (Mistral, DeepSeek). */
  readonly olderMaxTokens: boolean;
}

export const standardTraits: Traits = { usageUnasked: false, olderMaxTokens: false };

/** What a rendered reply says about itself. */
export interface ReplyHead {
  /** The model as the client asked for it. */
  readonly model: string;
  readonly createdSeconds: number;
  /** Used when the provider gave its reply no id. */
  readonly fallbackId: string;
  readonly wantsStreamUsage: boolean;
}

/**
 * A wire grammar as clients speak it to us. Pure: nothing is remembered outside the returned writers.
 */
export interface ClientDialect {
  readonly name: DialectName;
  /** The fields we act on, checked and never coerced. All others pass. */
  check(body: JsonObject, operation: Operation): Checked<RequestParameters>;
  /** The whole conversation, for translation. What has no counterpart is a problem naming the field. */
  read(body: JsonObject): Translated<ChatCall>;
  /** Renders deltas as the client's stream: SSE text, empty when a delta has no counterpart there. */
  streamWriter(head: ReplyHead): (deltas: readonly Delta[]) => string;
  /** The last event of a stream, for a client whose provider left it out. */
  readonly streamEnd: string;
  /** Renders a whole reply as the client's JSON body. */
  reply(deltas: readonly Delta[], head: ReplyHead): JsonObject;
  /** The JSON body of an error. */
  error(refusal: Refusal): JsonObject;
  /** SSE text that tells a client that its stream failed after it began. */
  streamError(refusal: Refusal): string;
}

/** How the body of a client goes on to a provider that speaks the same words: as it is, but for these fields. */
export interface Passing {
  readonly from: DialectName;
  /** What must differ; null: nothing. */
  edits(asked: {
    readonly parameters: RequestParameters;
    readonly model: string;
    readonly body: JsonObject;
    readonly operation: Operation;
    readonly traits: Traits;
  }): Edits | null;
  /** True for the event of a stream that exists only because `edits` asked for it and the client did not. */
  isExtraUsage(event: SseEvent): boolean;
}

/**
 * A wire grammar as we speak it to a provider. Pure, and safe to call again for a retry: nothing is remembered outside the
 * returned readers.
 */
export interface UpstreamDialect {
  readonly name: string;
  /** How its streams are cut into events; null: they are server-sent events. */
  readonly framing: Framing | null;
  /** The conversation as a request body. */
  write(call: ChatCall, model: string, traits?: Traits): Translated<JsonObject>;
  /** Reads a stream event by event. */
  streamReader(): StreamReader;
  /** Reads a whole reply. Null: it is not a reply of this dialect. */
  readReply(body: JsonObject, operation: Operation): readonly Delta[] | null;
  /** What an error body says. */
  readError(body: string): ReadError;
  /** Null: no client speaks these words, every call is said again in them. */
  readonly passing: Passing | null;
}
