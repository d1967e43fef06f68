import type { Ask, Operation } from '../model/call.ts';
import { unreadable, type Delta, type Piece } from '../model/delta.ts';
import { parseObject } from '../model/json.ts';
import type { Dialect, ReplyHead } from './dialects/dialect.ts';
import { join, startEndFinder, startEventCutter } from './dialects/event-cutter.ts';
import { eventTooLarge, startTap } from './dialects/tap.ts';

/**
 * The way of one reply from a provider to a client. Bytes in, bytes out, and what they meant on the side.
 * A streamed road answers each chunk at once; a buffered one answers all at `end`. Nothing that follows the last event of
 * a stream goes on to the client.
 */
export interface Road {
  read(chunk: Uint8Array): Piece;
  /**
   * The upstream ended its body as HTTP says it should. What is still to be sent, and the last meanings. A stream in which
   * all has stopped is whole then; the last event that its provider left out is supplied.
   */
  end(): Piece;
  /** The client reads an error that the provider reports inside its reply in the provider's own words. */
  readonly tellsFailures: boolean;
}

export interface RoadLimits {
  /** A whole reply that is not a stream; past it the road fails with `reply_too_large`. */
  readonly maxReplyBytes?: number;
  /** One event of a stream, counted to within a chunk; past it the road fails with `event_too_large`. */
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
const isOpen = (tail: string): boolean =>
  tail !== '' && !tail.replaceAll(/\r\n?/g, '\n').endsWith('\n\n');

/** The text that ends a stream whose provider left its last event out; `tail`: how the stream ended instead. */
const suppliedEnd = (dialect: Dialect, tail: string): Uint8Array =>
  encoder.encode((isOpen(tail) ? '\n\n' : '') + dialect.streamEnd);

/** Enough to see two ends of lines. */
const tailChars = 4;
const tailOf = (chunk: Uint8Array): string =>
  String.fromCharCode(...chunk.subarray(Math.max(0, chunk.length - tailChars)));

/** Nothing to withhold: the very same chunks go out, and the tap listens, event by event up to the last one. */
const openStream = (dialect: Dialect, maxEventBytes: number): Road => {
  const tap = startTap(dialect, maxEventBytes);
  const findEnds = startEndFinder();
  let tail = '';
  return {
    tellsFailures: true,
    read(chunk) {
      if (tap.last() !== null) return nothing;
      let from = 0;
      for (const end of findEnds(chunk)) {
        tap.feed(chunk.subarray(from, end));
        from = end;
        if (tap.last() === 'ended') break;
      }
      const isEnded = tap.last() === 'ended';
      if (!isEnded) tap.feed(chunk.subarray(from));
      tail = (tail + tailOf(chunk)).slice(-tailChars);
      const bytes = isEnded && from < chunk.length ? chunk.subarray(0, from) : chunk;
      return { bytes, deltas: tap.deltas() };
    },
    end() {
      const bytes = tap.close() ? suppliedEnd(dialect, tail) : null;
      return { bytes, deltas: tap.deltas() };
    },
  };
};

/** Cuts the usage event that only we asked for out of the stream, to the byte; all else goes out as it came. */
const withholdingStream = (dialect: Dialect, maxEventBytes: number): Road => {
  let extra = false;
  const tap = startTap(dialect, maxEventBytes, (event) => {
    extra ||= dialect.isExtraUsage(event);
  });
  const cutter = startEventCutter();
  const isKept = (event: Uint8Array): boolean => {
    if (tap.last() !== null) return false;
    extra = false;
    tap.feed(event);
    return !extra;
  };
  return {
    tellsFailures: true,
    read(chunk) {
      if (tap.last() !== null) return nothing;
      const bytes = cutter.cut(chunk, isKept);
      if (cutter.heldBytes() > maxEventBytes) {
        cutter.rest(); // no use to anyone, and a caller that reads on must not fill the memory
        tap.fail(eventTooLarge(maxEventBytes));
      }
      return { bytes, deltas: tap.deltas() };
    },
    end() {
      if (tap.last() !== null) return nothing;
      extra = false;
      const rest = cutter.rest();
      if (rest !== null) tap.feed(rest);
      const isSupplied = tap.close();
      const kept = extra || rest === null ? [] : [rest];
      const end = isSupplied ? [suppliedEnd(dialect, kept.map(tailOf).join(''))] : [];
      const bytes = kept.length + end.length === 0 ? null : join([...kept, ...end]);
      return { bytes, deltas: tap.deltas() };
    },
  };
};

/** Collects a whole reply, then gives it away once. */
const collecting = (maxReplyBytes: number, whenWhole: (bytes: Uint8Array) => Piece): Road => {
  let chunks: Uint8Array[] = [];
  let size = 0;
  return {
    tellsFailures: false,
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
export const passThrough = (options: {
  readonly dialect: Dialect;
  readonly ask: Pick<Ask, 'wantsStreamUsage'>;
  readonly operation: Operation;
  readonly stream: boolean;
  readonly limits?: RoadLimits;
}): Road => {
  const { dialect, ask, operation, stream, limits = {} } = options;
  const { maxReplyBytes = defaultReplyBytes, maxEventBytes = defaultEventBytes } = limits;
  if (stream) {
    return ask.wantsStreamUsage
      ? openStream(dialect, maxEventBytes)
      : withholdingStream(dialect, maxEventBytes);
  }
  return collecting(maxReplyBytes, (bytes) => {
    const body = parseObject(decoder.decode(bytes));
    const deltas = body === null ? null : dialect.readReply(body, operation);
    return { bytes, deltas: deltas ?? [notAReply] };
  });
};

/**
 * Client and provider speak different dialects: what the provider's reply means is said again in the client's words.
 * A failure, and the lack of an end, are in the deltas and left to the caller.
 */
export const translating = (options: {
  readonly from: Dialect;
  readonly to: Dialect;
  readonly head: ReplyHead;
  readonly stream: boolean;
  readonly limits?: RoadLimits;
}): Road => {
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
      tellsFailures: false,
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
