/**
 * Finds the spans of an OTLP ExportTraceServiceRequest without decoding it: where each span lies, in which scope and
 * resource, and to which slot its trace belongs. Field numbers:
 * https://github.com/open-telemetry/opentelemetry-proto/blob/v1.11.0/opentelemetry/proto/trace/v1/trace.proto
 *
 * Three levels of one shape (request > ResourceSpans > ScopeSpans > Span): each holds its children under one field
 * number; everything else at that level (resource, scope, schema_url, fields of a later version) is remembered as
 * ranges and copied along. The fields of a span are walked once, so that the trace id is the one a full decoder sees
 * (protobuf: the last one wins) and a span that is no message is refused here, not by whoever decodes it later.
 * A Scan is scratch memory: it is valid until its scanner runs again.
 */
import { intList, item, push } from '../model/int-list.ts';
import type { IntList } from '../model/int-list.ts';
import { bytesTag, readVarint32, skipValue } from './protobuf.ts';
import type { Cursor } from './protobuf.ts';
import { readSpan } from './read-span.ts';
import type { SpanHead } from './read-span.ts';
import { slotOf } from '../decide/slot-of.ts';

/** One level: its children are a contiguous run, what is not a child is a contiguous run of ranges. */
export interface Envelopes {
  count: number;
  readonly childFrom: IntList;
  readonly childTo: IntList;
  readonly restFrom: IntList;
  readonly restTo: IntList;
  /** Pairs start, end of bytes that are not children. */
  readonly rest: IntList;
  /** Bytes of its rest. */
  readonly restBytes: IntList;
}

export interface Scan {
  bytes: Buffer;
  /** Spans that can be routed. */
  spans: number;
  /** Of the whole field, tag included. */
  readonly spanFrom: IntList;
  readonly spanTo: IntList;
  readonly traceIdAt: IntList;
  readonly slot: IntList;
  /** 1: the span has no parent. */
  readonly root: IntList;
  readonly scopes: Envelopes;
  readonly resources: Envelopes;
  /** Bytes of the request that are not ResourceSpans, as pairs. */
  readonly rest: IntList;
  /** Spans whose bytes are no message. */
  malformedSpans: number;
  /** Spans without a trace id of 16 bytes that are not all zero. */
  unidentifiedSpans: number;
  /** It holds more spans than the scanner takes; the scan ended there. */
  tooManySpans: boolean;
}

const envelopes = (): Envelopes => ({
  count: 0,
  childFrom: intList(),
  childTo: intList(),
  restFrom: intList(),
  restTo: intList(),
  rest: intList(),
  restBytes: intList(),
});

const clear = (level: Envelopes): void => {
  level.count = 0;
  for (const list of [
    level.childFrom,
    level.childTo,
    level.restFrom,
    level.restTo,
    level.rest,
    level.restBytes,
  ]) {
    list.length = 0;
  }
};

/** Records an envelope, or forgets its ranges when no child in it can be routed: empty envelopes are not sent on. */
const close = (level: Envelopes, children: number, childFrom: number, restFrom: number): void => {
  if (children === childFrom) {
    level.rest.length = restFrom;
    return;
  }
  let size = 0;
  for (let i = restFrom; i < level.rest.length; i += 2)
    size += item(level.rest, i + 1) - item(level.rest, i);
  push(level.childFrom, childFrom);
  push(level.childTo, children);
  push(level.restFrom, restFrom);
  push(level.restTo, level.rest.length);
  push(level.restBytes, size);
  level.count += 1;
};

type OnChild = (from: number, bodyFrom: number, to: number) => boolean;

class Scanner {
  readonly #maxSpans: number;
  readonly #scan: Scan = {
    bytes: Buffer.alloc(0),
    spans: 0,
    spanFrom: intList(),
    spanTo: intList(),
    traceIdAt: intList(),
    slot: intList(),
    root: intList(),
    scopes: envelopes(),
    resources: envelopes(),
    rest: intList(),
    malformedSpans: 0,
    unidentifiedSpans: 0,
    tooManySpans: false,
  };
  readonly #cursor: Cursor = { at: 0 };
  readonly #head: SpanHead = { traceIdAt: 0, root: 1 };

  constructor(maxSpans: number) {
    this.#maxSpans = maxSpans;
  }

  read(bytes: Buffer): Scan | null {
    const scan = this.#scan;
    scan.bytes = bytes;
    scan.spans = 0;
    scan.malformedSpans = 0;
    scan.unidentifiedSpans = 0;
    scan.tooManySpans = false;
    scan.rest.length = 0;
    for (const list of [scan.spanFrom, scan.spanTo, scan.traceIdAt, scan.slot, scan.root])
      list.length = 0;
    clear(scan.scopes);
    clear(scan.resources);
    const whole = this.#readLevel({ from: 0, to: bytes.length }, 1, scan.rest, this.#onResource);
    return whole || scan.tooManySpans ? scan : null;
  }

  /** Walks one envelope: children go to `onChild`, all other fields are remembered in `rest` as ranges. */
  #readLevel(
    range: { readonly from: number; readonly to: number },
    childField: number,
    rest: IntList,
    onChild: OnChild,
  ): boolean {
    const { bytes } = this.#scan;
    const cursor = this.#cursor;
    const childTag = bytesTag(childField);
    const { to } = range;
    let at = range.from;
    while (at < to) {
      const fieldAt = at;
      cursor.at = at;
      const tag = readVarint32(bytes, cursor, to);
      if (tag < 8) return false;
      if (tag === childTag) {
        const length = readVarint32(bytes, cursor, to);
        const bodyAt = cursor.at;
        if (length < 0 || length > to - bodyAt) return false;
        at = bodyAt + length;
        if (!onChild(fieldAt, bodyAt, at)) return false;
      } else {
        if (!skipValue(bytes, cursor, to, tag)) return false;
        at = cursor.at;
        push(rest, fieldAt);
        push(rest, at);
      }
    }
    return true;
  }

  readonly #onResource: OnChild = (_from, bodyFrom, to) => {
    const { resources, scopes } = this.#scan;
    const firstScope = scopes.count;
    const firstRest = resources.rest.length;
    if (!this.#readLevel({ from: bodyFrom, to }, 2, resources.rest, this.#onScope)) return false;
    close(resources, scopes.count, firstScope, firstRest);
    return true;
  };

  readonly #onScope: OnChild = (_from, bodyFrom, to) => {
    const { scopes } = this.#scan;
    const firstSpan = this.#scan.spans;
    const firstRest = scopes.rest.length;
    if (!this.#readLevel({ from: bodyFrom, to }, 2, scopes.rest, this.#onSpan)) return false;
    close(scopes, this.#scan.spans, firstSpan, firstRest);
    return true;
  };

  readonly #onSpan: OnChild = (from, bodyFrom, to) => {
    const scan = this.#scan;
    if (scan.spans + scan.malformedSpans + scan.unidentifiedSpans >= this.#maxSpans) {
      scan.tooManySpans = true;
      return false;
    }
    const head = this.#head;
    const how = readSpan(scan.bytes, bodyFrom, to, head);
    if (how === 'malformed') scan.malformedSpans += 1;
    else if (how === 'unidentified') scan.unidentifiedSpans += 1;
    else {
      push(scan.spanFrom, from);
      push(scan.spanTo, to);
      push(scan.traceIdAt, head.traceIdAt);
      push(scan.slot, slotOf(scan.bytes, head.traceIdAt));
      push(scan.root, head.root);
      scan.spans += 1;
    }
    return true;
  };
}

/**
 * A scanner with memory of its own, for requests of up to `maxSpans`. The result of a call is overwritten by the next
 * call; null: not a request.
 */
export const startScanner = (maxSpans = Infinity): ((bytes: Buffer) => Scan | null) => {
  const scanner = new Scanner(maxSpans);
  return (bytes) => scanner.read(bytes);
};
