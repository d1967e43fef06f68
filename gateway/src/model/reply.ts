import type { Piece } from './delta.ts';
import type { Fault } from './fault.ts';
import type { ReceivedHeaders } from './headers.ts';

/** How a reply ended. */
export type ReplyEnd =
  | { readonly kind: 'complete' }
  | {
      readonly kind: 'fault';
      readonly fault: Fault;
      /** The pieces have told the client of it already, in the provider's own words. */
      readonly isTold: boolean;
    };

/** Who reads a reply, piece by piece. */
export interface ReplyReader {
  /** One without bytes is a sign of life. */
  piece(piece: Piece): void;
  /**
   * Nothing follows. `last`: the last piece of a complete reply, whose bytes leave when it is accounted for. Of a short reply or one
   * that is no stream it is all there is.
   */
  end(end: ReplyEnd, last: Piece | null): void;
}

/** What a provider said at the beginning of its reply. */
export interface ReceivedHead {
  readonly contentType: string;
  readonly headers: ReceivedHeaders;
  /** What the body is, whatever its content type says. */
  readonly isStream: boolean;
}

/** What the head of a reply says of itself. */
export interface ReplyHead {
  /** What the body is, whatever was asked for. */
  readonly isStream: boolean;
  /** For the client; `content-type` among them. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Something that a client can read: what a provider answers, what a cache kept, what a tool made. Whoever wraps one, to watch,
 * change or hold it, is a reply as well.
 */
export interface Reply {
  /** Asked once, when it is about to be sent. */
  head(): ReplyHead;
  /** Gives the reader what is here, within this call, and then the rest as it comes. Once. */
  start(reader: ReplyReader): void;
  /** No pieces for now; a few that are on their way may still come. */
  pause(): void;
  resume(): void;
  /** Nobody reads it any more; nothing follows. */
  leave(): void;
}
