import { createParser } from 'eventsource-parser';
import type { Ask, Operation } from '../model/call.ts';
import { unreadable, type Delta, type Piece } from '../model/delta.ts';
import { parseObject } from '../model/json.ts';
import type { Dialect, ReplyHead, SseEvent } from './dialects/dialect.ts';
import { startEventCutter } from './dialects/event-cutter.ts';

/**
 * The way of one reply from a provider to a client. Bytes in, bytes out, and what they meant on the side.
 * A streamed road answers each chunk at once; a buffered one answers all at `end`.
 */
export interface Road {
  read(chunk: Uint8Array): Piece;
  /** The upstream ended its body. What is still to be sent, and the last meanings. */
  end(): Piece;
}

export interface RoadLimits {
  /** A whole reply that is not a stream; past it the road fails with `reply_too_large`. */
  readonly maxReplyBytes?: number;
  /** One event of a stream; past it the road fails with `event_too_large`. */
  readonly maxEventBytes?: number;
}

const defaultReplyBytes = 64 * 1024 * 1024;
const defaultEventBytes = 8 * 1024 * 1024;

const encoder = new TextEncoder();
/** For whole texts only; a stream needs one of its own. */
const decoder = new TextDecoder();
const nothing: Piece = { bytes: null, deltas: [] };

const tooLarge = (maxBytes: number): Delta =>
  unreadable('reply_too_large', `The provider's reply is larger than ${maxBytes} bytes.`);
const eventTooLarge = (maxBytes: number): Delta =>
  unreadable('event_too_large', `The provider sent a stream event larger than ${maxBytes} bytes.`);
const isGarbled = (delta: Delta): boolean =>
  delta.kind === 'failed' && delta.type === 'invalid_event';
const notAReply = unreadable('invalid_reply', "The provider's reply is not one of its dialect.");

/**
 * Bytes of an event stream in, deltas out, at any split of the bytes. `onEvent` sees each event before it is read.
 * After the first failure nothing more is read.
 */
const startTap = (
  dialect: Dialect,
  maxEventBytes: number,
  onEvent: (event: SseEvent) => void = () => {},
) => {
  const decoder = new TextDecoder();
  const readEvent = dialect.streamReader();
  let deltas: Delta[] = [];
  let dead = false;
  let closing = false;
  const take = (more: readonly Delta[]) => {
    if (dead) return;
    deltas.push(...more);
    dead = more.some(({ kind }) => kind === 'failed');
  };
  const parser = createParser({
    // Characters, not bytes: an event of other than ASCII text may be a few times larger.
    maxBufferSize: maxEventBytes,
    onEvent({ event, data }) {
      const framed = { event: event ?? null, data };
      onEvent(framed);
      const more = readEvent(framed);
      take(closing ? more.filter((delta) => !isGarbled(delta)) : more);
    },
    onError({ type }) {
      if (type === 'max-buffer-size-exceeded') take([eventTooLarge(maxEventBytes)]);
    },
  });
  return {
    feed(chunk: Uint8Array): void {
      if (!dead) parser.feed(decoder.decode(chunk, { stream: true }));
    },
    /**
     * The stream is over. An event that only lacks its closing blank line still counts: some servers end with
     * `data: [DONE]` and nothing more. One that was cut in the middle does not.
     */
    close(): void {
      if (dead) return;
      closing = true;
      parser.feed(`${decoder.decode()}\n\n`);
    },
    fail(delta: Delta): void {
      take([delta]);
    },
    /** The deltas since the last time. */
    deltas(): readonly Delta[] {
      const taken = deltas;
      deltas = [];
      return taken;
    },
  };
};

/** Nothing to withhold: the very same chunks go out, and the tap listens. */
const openStream = (dialect: Dialect, maxEventBytes: number): Road => {
  const tap = startTap(dialect, maxEventBytes);
  return {
    read(chunk) {
      tap.feed(chunk);
      return { bytes: chunk, deltas: tap.deltas() };
    },
    end() {
      tap.close();
      return { bytes: null, deltas: tap.deltas() };
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
    extra = false;
    tap.feed(event);
    return !extra;
  };
  return {
    read(chunk) {
      const bytes = cutter.cut(chunk, isKept);
      if (cutter.heldBytes() > maxEventBytes) {
        cutter.rest(); // no use to anyone, and a caller that reads on must not fill the memory
        tap.fail(eventTooLarge(maxEventBytes));
      }
      return { bytes, deltas: tap.deltas() };
    },
    end() {
      extra = false;
      const rest = cutter.rest();
      if (rest !== null) tap.feed(rest);
      tap.close();
      return { bytes: extra ? null : rest, deltas: tap.deltas() };
    },
  };
};

/** Collects a whole reply, then gives it away once. */
const collecting = (maxReplyBytes: number, whenWhole: (bytes: Uint8Array) => Piece): Road => {
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
      const [only] = chunks;
      if (only !== undefined && chunks.length === 1) return whenWhole(only);
      const whole = new Uint8Array(size);
      let at = 0;
      for (const chunk of chunks) {
        whole.set(chunk, at);
        at += chunk.length;
      }
      return whenWhole(whole);
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
