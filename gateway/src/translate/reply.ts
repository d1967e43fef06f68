import type { RequestParameters, Operation } from '../model/call.ts';
import { unreadable, type Delta, type Piece } from '../model/delta.ts';
import { parseObject } from '../model/json.ts';
import type {
  ClientDialect,
  Passing,
  ReplyHead,
  SseEvent,
  UpstreamDialect,
} from '../dialects/dialect.ts';
import { join, startEventCutter } from './event-cutter.ts';
import { FramingError, type Framing } from '../dialects/framing.ts';
import { eventTooLarge, startTap } from './tap.ts';

/**
 * One reply, from what its provider said to what its client reads. Bytes in, bytes out, and what they meant on the side.
 * That of a stream answers each chunk at once; that of a whole reply answers all at `end`. Nothing that follows the last event of
 * a stream goes on to the client; usage that stands there, in the same chunk, is read.
 */
export interface ReplyTranslator {
  read(chunk: Uint8Array): Piece;
  /**
   * The upstream ended its body as HTTP says it should. What is still to be sent, and the last meanings. A stream in which
   * all has stopped is whole then; the last event that its provider left out is supplied.
   */
  end(): Piece;
}

export interface ReplyLimits {
  /** A whole reply that is not a stream; past it the reply fails with `reply_too_large`. */
  readonly maxReplyBytes?: number;
  /** One event of a stream, counted to within a chunk; past it the reply fails with `event_too_large`. */
  readonly maxEventBytes?: number;
}

const defaultReplyBytes = 64 * 1024 * 1024;
const defaultEventBytes = 8 * 1024 * 1024;

const encoder = new TextEncoder();
/** For whole texts only; a stream needs one of its own. */
const decoder = new TextDecoder();
const nothing: Piece = { bytes: null, deltas: [] };

const tooLarge = (maxBytes: number): Delta =>
  unreadable(
    'reply_too_large',
    `The provider's reply is larger than ${maxBytes} bytes (limits.reply).`,
  );
const notAReply = unreadable('invalid_reply', "The provider's reply is not one of its dialect.");

/** A stream that ends otherwise than with a whole event: its last line, and its last event, are still open. */
const isOpen = (rest: Uint8Array): boolean =>
  !String.fromCharCode(...rest.subarray(-tailBytes))
    .replaceAll(/\r\n?/g, '\n')
    .endsWith('\n\n');
/** Enough to see two ends of lines. */
const tailBytes = 4;
const blankLine = encoder.encode('\n\n');
const closed = (rest: Uint8Array): readonly Uint8Array[] =>
  isOpen(rest) ? [rest, blankLine] : [rest];

/** A reply whose client and provider speak one dialect. */
export interface SameWords {
  readonly upstream: UpstreamDialect;
  readonly client: ClientDialect;
  readonly passing: Passing;
  readonly parameters: Pick<RequestParameters, 'wantsStreamUsage'>;
  readonly operation: Operation;
  /** What the provider's reply is, by its content type. */
  readonly stream: boolean;
  readonly limits?: ReplyLimits;
}

/**
 * The same bytes go out, but for events that `isLeftOut`. Only whole events go on: that one reports an error may stand in
 * its last member, and then it must be cleaned of credentials first. So an event that arrives in parts waits for its end, as
 * its reader would; one that is larger than `maxEventBytes` does not go on at all. Chunks of whole events are not copied.
 */
const sameEvents = (
  { upstream, client }: Pick<SameWords, 'upstream' | 'client'>,
  maxEventBytes: number,
  isLeftOut: (event: SseEvent) => boolean,
): ReplyTranslator => {
  let isEvent = false;
  let leftOut = false;
  const tap = startTap(upstream, maxEventBytes, (event) => {
    isEvent = event.data !== '';
    leftOut ||= isLeftOut(event);
  });
  const cutter = startEventCutter();
  let failedEvent: Uint8Array | null = null;
  const isKept = (event: Uint8Array): boolean => {
    if (tap.last() !== null) {
      tap.feedBehind(event);
      return false;
    }
    leftOut = false;
    tap.feed(event);
    if (tap.last() !== 'failed') return !leftOut;
    failedEvent = event;
    return false;
  };
  const piece = (bytes: Uint8Array | null): Piece => {
    const deltas = tap.deltas();
    return failedEvent === null ? { bytes, deltas } : { bytes, deltas, failedEvent };
  };
  return {
    read(chunk) {
      if (tap.last() !== null) return nothing;
      const bytes = cutter.cut(chunk, isKept);
      if (cutter.heldBytes() > maxEventBytes) {
        cutter.rest(); // no use to anyone, and a caller that reads on must not fill the memory
        tap.fail(eventTooLarge(maxEventBytes));
      }
      return piece(bytes);
    },
    end() {
      if (tap.last() !== null) return nothing;
      isEvent = false;
      leftOut = false;
      const rest = cutter.rest();
      if (rest !== null) tap.feed(rest);
      const closing = tap.close();
      if (tap.last() === 'failed' && rest !== null) failedEvent = join(closed(rest));
      // What is no event yet would be thrown away by its reader, and may be the beginning of an error.
      const isGoingOn = isEvent && !closing.isCut && failedEvent === null && !leftOut;
      const last = isGoingOn && rest !== null ? [rest] : [];
      // Another event follows: the one that was left out, or that of an error.
      const parts = tap.last() === 'ended' && !closing.isSupplied ? last : last.flatMap(closed);
      const end = closing.isSupplied ? [encoder.encode(client.streamEnd)] : [];
      return piece(parts.length + end.length === 0 ? null : join([...parts, ...end]));
    },
  };
};

/** Collects a whole reply, then gives it away once. */
const collecting = (
  maxReplyBytes: number,
  whenWhole: (bytes: Uint8Array) => Piece,
): ReplyTranslator => {
  let chunks: Uint8Array[] = [];
  let size = 0;
  return {
    read(chunk) {
      const wasWithin = size <= maxReplyBytes;
      size += chunk.length;
      if (size <= maxReplyBytes) {
        chunks.push(chunk);
        return nothing;
      }
      chunks = [];
      return wasWithin ? { bytes: null, deltas: [tooLarge(maxReplyBytes)] } : nothing;
    },
    end() {
      if (size > maxReplyBytes) return nothing;
      return whenWhole(join(chunks));
    },
  };
};

/**
 * Client and provider speak one dialect: bytes pass unmodified, deltas are read on the side. A stream's usage event
 * that the client did not ask for is withheld. `stream` says what the provider's reply is, by its content type.
 */
export const passThrough = (options: SameWords): ReplyTranslator => {
  const { upstream, client, passing, parameters, operation, stream, limits = {} } = options;
  const { maxReplyBytes = defaultReplyBytes, maxEventBytes = defaultEventBytes } = limits;
  if (stream) {
    const isLeftOut = parameters.wantsStreamUsage ? () => false : passing.isExtraUsage;
    return sameEvents({ upstream, client }, maxEventBytes, isLeftOut);
  }
  return collecting(maxReplyBytes, (bytes) => {
    const body = parseObject(decoder.decode(bytes));
    const deltas = body === null ? null : upstream.readReply(body, operation);
    return { bytes, deltas: deltas ?? [notAReply] };
  });
};

/**
 * Client and provider speak different dialects: what the provider's reply means is said again in the client's words.
 * A failure, and the lack of an end, are in the deltas and left to the caller.
 */
export const translating = (options: {
  readonly from: UpstreamDialect;
  readonly to: ClientDialect;
  readonly head: ReplyHead;
  readonly stream: boolean;
  readonly limits?: ReplyLimits;
}): ReplyTranslator => {
  const { from, to, head, stream, limits = {} } = options;
  const { maxReplyBytes = defaultReplyBytes, maxEventBytes = defaultEventBytes } = limits;
  if (stream) {
    const tap = startTap(from, maxEventBytes);
    const write = to.streamWriter(head);
    const piece = (): Piece => {
      const deltas = tap.deltas();
      const text = write(deltas);
      return { bytes: text === '' ? null : encoder.encode(text), deltas };
    };
    return {
      read(chunk) {
        tap.feed(chunk);
        return piece();
      },
      end() {
        tap.close();
        return piece();
      },
    };
  }
  return collecting(maxReplyBytes, (bytes) => {
    const body = parseObject(decoder.decode(bytes));
    const deltas = (body === null ? null : from.readReply(body, 'chat')) ?? [notAReply];
    if (deltas.some(({ kind }) => kind === 'failed')) return { bytes: null, deltas };
    return { bytes: encoder.encode(JSON.stringify(to.reply(deltas, head))), deltas };
  });
};

/** A stream in frames of another kind: its events are made server-sent events, and then read as such. */
export const reframed = (
  framing: Framing,
  inner: ReplyTranslator,
  { maxEventBytes = defaultEventBytes }: ReplyLimits,
): ReplyTranslator => {
  const frames = framing.start(maxEventBytes);
  return {
    read(chunk) {
      try {
        const events = frames.read(chunk);
        return events === null ? nothing : inner.read(events);
      } catch (error) {
        if (!(error instanceof FramingError)) throw error;
        return { bytes: null, deltas: [unreadable(error.type, error.message)] };
      }
    },
    end: () => inner.end(),
  };
};
