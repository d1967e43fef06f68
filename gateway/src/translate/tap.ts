/** Listens to a provider's event stream: bytes in, meanings out. */
import { createParser } from 'eventsource-parser';
import { unreadable, type Delta } from '../model/delta.ts';
import type { SseEvent, UpstreamDialect } from '../dialects/dialect.ts';

export const eventTooLarge = (maxBytes: number): Delta =>
  unreadable(
    'event_too_large',
    `The provider sent a stream event larger than ${maxBytes} bytes (limits.event).`,
  );
const isGarbled = (delta: Delta): boolean =>
  delta.kind === 'failed' && delta.type === 'invalid_event';

/**
 * Bytes of an event stream in, deltas out, at any split of the bytes. `onEvent` sees each event before it is read.
 * After the first failure nothing more is read. After the end only usage is, and only what is here already: in the chunk that
 * the end stands in.
 */
export const startTap = (
  dialect: Pick<UpstreamDialect, 'streamReader'>,
  maxEventBytes: number,
  onEvent: (event: SseEvent) => void = () => {},
) => {
  const decoder = new TextDecoder();
  const reader = dialect.streamReader();
  let deltas: Delta[] = [];
  let last: 'ended' | 'failed' | null = null;
  let closing = false;
  /** The stream ended in the middle of an event. */
  let isCut = false;
  /** Of the event that is not whole yet, but for what came before it in its first chunk. */
  let openBytes = 0;
  const take = (more: readonly Delta[]) => {
    for (const delta of more) {
      if (last !== null) return;
      deltas.push(delta);
      if (delta.kind === 'failed' || delta.kind === 'ended') last = delta.kind;
    }
  };
  const parser = createParser({
    // Counted in characters; none has fewer bytes.
    maxBufferSize: maxEventBytes,
    onEvent({ event, data }) {
      openBytes = 0;
      const framed = { event: event ?? null, data };
      if (last === 'ended') {
        deltas.push(...reader.readBehind(framed));
        return;
      }
      onEvent(framed);
      const more = reader.read(framed);
      isCut ||= closing && more.some(isGarbled);
      take(closing ? more.filter((delta) => !isGarbled(delta)) : more);
    },
    onComment() {
      openBytes = 0;
    },
    onError({ type }) {
      if (type === 'max-buffer-size-exceeded') take([eventTooLarge(maxEventBytes)]);
    },
  });
  const feed = (chunk: Uint8Array): void => {
    openBytes += chunk.length;
    parser.feed(decoder.decode(chunk, { stream: true }));
    if (openBytes > maxEventBytes) take([eventTooLarge(maxEventBytes)]);
  };
  return {
    feed(chunk: Uint8Array): void {
      if (last === null) feed(chunk);
    },
    /** An event of the same chunk that the end stands in, and behind it. */
    feedBehind(event: Uint8Array): void {
      if (last === 'ended') feed(event);
    },
    /**
     * The stream is over. An event that only lacks its closing blank line still counts: some servers end with
     * `data: [DONE]` and nothing more. One that was cut in the middle (`isCut`) does not. `isSupplied`: all had stopped, and
     * the end that was left out is added.
     */
    close(): { readonly isCut: boolean; readonly isSupplied: boolean } {
      if (last !== null) return { isCut, isSupplied: false };
      closing = true;
      parser.feed(`${decoder.decode()}\n\n`);
      const isSupplied = last === null && !isCut && reader.hasStopped();
      if (isSupplied) take([{ kind: 'ended' }]);
      return { isCut, isSupplied };
    },
    fail(delta: Delta): void {
      take([delta]);
    },
    /** What the last thing read was, when nothing more is read. */
    last: () => last,
    /** The deltas since the last time. */
    deltas(): readonly Delta[] {
      const taken = deltas;
      deltas = [];
      return taken;
    },
  };
};
