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
import { bytesTag, bytesType, readVarint32, skipValue } from './protobuf.ts';
import type { Cursor } from './protobuf.ts';
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

const allZero = (bytes: Uint8Array, from: number, to: number): boolean => {
  for (let at = from; at < to; at += 1) if (bytes[at] !== 0) return false;
  return true;
};

const malformed = -2;
const unidentified = -1;
const parentField = 4;

/**
 * A scanner with memory of its own, for requests of up to `maxSpans`. The result of a call is overwritten by the next call; null: not a request.
 */
export const createScanner = (maxSpans = Infinity): ((bytes: Buffer) => Scan | null) => {
  const scan: Scan = {
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
  const cursor: Cursor = { at: 0 };
  let isRoot = 1;

  /** Walks the fields of a span: the place of its trace id, or why it cannot be routed. Sets `isRoot`. */
  const readSpan = (bytes: Uint8Array, from: number, to: number): number => {
    let traceIdAt = unidentified;
    isRoot = 1;
    let at = from;
    while (at < to) {
      let tag = bytes[at] ?? 0;
      if (tag < 0x80) at += 1;
      else {
        cursor.at = at;
        tag = readVarint32(bytes, cursor, to);
        at = cursor.at;
      }
      if (tag < 8) return malformed;
      if ((tag & 7) !== bytesType) {
        cursor.at = at;
        if (!skipValue(bytes, cursor, to, tag)) return malformed;
        at = cursor.at;
        continue;
      }
      // at === to reads a byte past the span; the length check below refuses it
      let length = at < to ? (bytes[at] ?? 0) : 0x80;
      if (length < 0x80) at += 1;
      else {
        cursor.at = at;
        length = readVarint32(bytes, cursor, to);
        at = cursor.at;
        if (length < 0) return malformed;
      }
      if (length > to - at) return malformed;
      if (tag === bytesTag(1)) traceIdAt = length === 16 ? at : unidentified;
      else if (tag === bytesTag(parentField)) isRoot = allZero(bytes, at, at + length) ? 1 : 0;
      at += length;
    }
    if (traceIdAt >= 0 && bytes[traceIdAt] === 0 && allZero(bytes, traceIdAt, traceIdAt + 16)) {
      return unidentified;
    }
    return traceIdAt;
  };

  const onSpan = (from: number, bodyFrom: number, to: number): boolean => {
    const { bytes } = scan;
    if (scan.spans + scan.malformedSpans + scan.unidentifiedSpans >= maxSpans) {
      scan.tooManySpans = true;
      return false;
    }
    const traceIdAt = readSpan(bytes, bodyFrom, to);
    if (traceIdAt < 0) {
      if (traceIdAt === malformed) scan.malformedSpans += 1;
      else scan.unidentifiedSpans += 1;
      return true;
    }
    push(scan.spanFrom, from);
    push(scan.spanTo, to);
    push(scan.traceIdAt, traceIdAt);
    push(scan.slot, slotOf(bytes, traceIdAt));
    push(scan.root, isRoot);
    scan.spans += 1;
    return true;
  };

  /** Walks one envelope: children go to `onChild`, all other fields are remembered in `rest` as ranges. */
  const readLevel = (
    range: { readonly from: number; readonly to: number },
    childField: number,
    rest: IntList,
    onChild: (from: number, bodyFrom: number, to: number) => boolean,
  ): boolean => {
    const { bytes } = scan;
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
  };

  const onScope = (_from: number, bodyFrom: number, to: number): boolean => {
    const { scopes } = scan;
    const firstSpan = scan.spans;
    const firstRest = scopes.rest.length;
    if (!readLevel({ from: bodyFrom, to }, 2, scopes.rest, onSpan)) return false;
    close(scopes, scan.spans, firstSpan, firstRest);
    return true;
  };

  const onResource = (_from: number, bodyFrom: number, to: number): boolean => {
    const { resources, scopes } = scan;
    const firstScope = scopes.count;
    const firstRest = resources.rest.length;
    if (!readLevel({ from: bodyFrom, to }, 2, resources.rest, onScope)) return false;
    close(resources, scopes.count, firstScope, firstRest);
    return true;
  };

  return (bytes) => {
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
    const whole = readLevel({ from: 0, to: bytes.length }, 1, scan.rest, onResource);
    return whole || scan.tooManySpans ? scan : null;
  };
};
