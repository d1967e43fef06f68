// Cuts a stream of server-sent events, as raw bytes, at the ends of its events, so that one of them can be left out or
// looked at before it goes on.
// A line ends with LF, CRLF or CR, an event with an empty line:
// https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream

const lf = 0x0a;
const cr = 0x0d;

export interface EventCutter {
  /**
   * The bytes that go on, null when there are none: all whole events that `isKept` keeps, in order. Bytes of an event
   * that is not whole are held back. When a chunk goes on unchanged, it is the very same object.
   */
  cut(chunk: Uint8Array, isKept: (event: Uint8Array) => boolean): Uint8Array | null;
  /** How many bytes are held back now. */
  heldBytes(): number;
  /** At the end of the stream: what was held back, null when nothing was. */
  rest(): Uint8Array | null;
}

/** Several pieces as one; a single one is the very same object. */
export const join = (parts: readonly Uint8Array[]): Uint8Array => {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
};

/**
 * Finds the ends of events byte by byte; remembers across chunks only what it must. Events end at once at LF. After a
 * CR it waits for the next byte, which may be the LF that belongs to it.
 */
const startEndFinder = () => {
  let lineIsEmpty = true;
  let afterCr = false;
  /** Offsets just behind each event that ends in this chunk. 0: the event ended with the chunk before. */
  return (chunk: Uint8Array): readonly number[] => {
    const ends: number[] = [];
    const endLine = (at: number) => {
      if (lineIsEmpty) ends.push(at);
      lineIsEmpty = true;
    };
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (afterCr) {
        afterCr = false;
        endLine(byte === lf ? at + 1 : at);
        if (byte === lf) continue;
      }
      if (byte === cr) afterCr = true;
      else if (byte === lf) endLine(at + 1);
      else lineIsEmpty = false;
    }
    return ends;
  };
};

/** Starts a cutter for one stream. It holds at most the bytes of one event that is not whole yet. */
export const startEventCutter = (): EventCutter => {
  const findEnds = startEndFinder();
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  const take = (): Uint8Array[] => {
    const taken = held;
    held = [];
    heldBytes = 0;
    return taken;
  };
  return {
    cut(chunk, isKept) {
      const out: Uint8Array[] = [];
      /** Where the events begin that go on together. */
      let keptFrom = 0;
      let from = 0;
      for (const end of findEnds(chunk)) {
        const beginning = take();
        const here = chunk.subarray(from, end);
        if (isKept(beginning.length === 0 ? here : join([...beginning, here])))
          out.push(...beginning);
        else {
          if (from > keptFrom) out.push(chunk.subarray(keptFrom, from));
          keptFrom = end;
        }
        from = end;
      }
      if (out.length === 0 && keptFrom === 0 && from === chunk.length && from > 0) return chunk;
      if (from > keptFrom) out.push(chunk.subarray(keptFrom, from));
      if (from < chunk.length) {
        held.push(chunk.subarray(from));
        heldBytes += chunk.length - from;
      }
      return out.length === 0 ? null : join(out);
    },
    heldBytes: () => heldBytes,
    rest: () => (heldBytes === 0 ? null : join(take())),
  };
};
