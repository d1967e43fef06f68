import { bytesTag, bytesType, readVarint32, skipValue } from './protobuf.ts';
import type { Cursor } from './protobuf.ts';

/** What routing needs to know of a span. One object per reader, written in place: reading a span must not allocate. */
export interface SpanHead {
  /** Where the 16 bytes of its trace id stand. */
  traceIdAt: number;
  /** 1: it has no parent. */
  root: 0 | 1;
}

const parentField = 4;

const allZero = (bytes: Uint8Array, from: number, to: number): boolean => {
  for (let at = from; at < to; at += 1) if (bytes[at] !== 0) return false;
  return true;
};

const cursor: Cursor = { at: 0 };

/**
 * Walks the fields of the span at [from, to) once. `malformed`: it is no message; `unidentified`: it has no trace id of
 * 16 bytes that are not all zero.
 */
export const readSpan = (
  bytes: Uint8Array,
  from: number,
  to: number,
  head: SpanHead,
): 'ok' | 'malformed' | 'unidentified' => {
  let traceIdAt = -1;
  head.root = 1;
  let at = from;
  while (at < to) {
    let tag = bytes[at] ?? 0;
    if (tag < 0x80) at += 1;
    else {
      cursor.at = at;
      tag = readVarint32(bytes, cursor, to);
      at = cursor.at;
    }
    if (tag < 8) return 'malformed';
    if ((tag & 7) !== bytesType) {
      cursor.at = at;
      if (!skipValue(bytes, cursor, to, tag)) return 'malformed';
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
      if (length < 0) return 'malformed';
    }
    if (length > to - at) return 'malformed';
    if (tag === bytesTag(1)) traceIdAt = length === 16 ? at : -1;
    else if (tag === bytesTag(parentField)) head.root = allZero(bytes, at, at + length) ? 1 : 0;
    at += length;
  }
  // most ids do not begin with a zero, and need no loop
  if (traceIdAt < 0 || (bytes[traceIdAt] === 0 && allZero(bytes, traceIdAt, traceIdAt + 16))) {
    return 'unidentified';
  }
  head.traceIdAt = traceIdAt;
  return 'ok';
};
