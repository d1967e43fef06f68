/**
 * The protobuf wire format, as far as a reader without a schema needs it: tags, varints, lengths, and how to step
 * over a field. https://protobuf.dev/programming-guides/encoding/
 *
 * Everything reads forward through a Cursor and answers with a negative number or `false` on bytes that no decoder
 * may accept. Nothing throws: hostile input is an ending, not a bug.
 */

/** Where the reader stands. One object per reader, moved in place: the scan of a span must not allocate. */
export interface Cursor {
  at: number;
}

export const varintType = 0;
export const fixed64Type = 1;
export const bytesType = 2;
const groupStart = 3;
const groupEnd = 4;
export const fixed32Type = 5;

/** Groups inside groups; the official decoders stop at 100 too. */
const maxGroupDepth = 100;

/** The tag of a length-delimited field: its key byte for field numbers below 16. */
export const bytesTag = (field: number): number => (field << 3) | bytesType;

/**
 * Reads an unsigned varint of at most 32 bits (a tag or a length), padded to at most 10 bytes.
 * -1: truncated, longer, or larger than 32 bits.
 */
export const readVarint32 = (bytes: Uint8Array, cursor: Cursor, end: number): number => {
  let at = cursor.at;
  let value = 0;
  let scale = 1;
  for (let read = 0; read < 10 && at < end; read += 1) {
    const byte = bytes[at++] ?? 0;
    if (read < 5) value += (byte & 0x7f) * scale;
    else if ((byte & 0x7f) !== 0) return -1;
    if (byte < 0x80) {
      cursor.at = at;
      return value > 0xffffffff ? -1 : value;
    }
    scale *= 128;
  }
  return -1;
};

/** Reads a varint of up to 64 bits as an unsigned integer; null when truncated or longer. */
export const readVarint64 = (bytes: Uint8Array, cursor: Cursor, end: number): bigint | null => {
  let at = cursor.at;
  let low = 0;
  let high = 0n;
  for (let read = 0; read < 10 && at < end; read += 1) {
    const byte = bytes[at++] ?? 0;
    // 7 groups of 7 bits fit a double exactly; only what lies above needs big integers
    if (read < 7) low += (byte & 0x7f) * 2 ** (7 * read);
    else high |= BigInt(byte & 0x7f) << BigInt(7 * read);
    if (byte < 0x80) {
      if (read === 9 && byte > 1) return null;
      cursor.at = at;
      return high | BigInt(low);
    }
  }
  return null;
};

/** Reads 8 bytes, little endian. The caller has checked that they are there. */
export const readFixed64 = (bytes: Uint8Array, at: number): bigint => {
  const word = (from: number) =>
    ((bytes[from] ?? 0) |
      ((bytes[from + 1] ?? 0) << 8) |
      ((bytes[from + 2] ?? 0) << 16) |
      ((bytes[from + 3] ?? 0) << 24)) >>>
    0;
  return (BigInt(word(at + 4)) << 32n) | BigInt(word(at));
};

/** Steps over one varint. */
const skipVarint = (bytes: Uint8Array, cursor: Cursor, end: number): boolean => {
  const limit = Math.min(end, cursor.at + 10);
  const first = cursor.at;
  for (let at = first; at < limit; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x80) {
      cursor.at = at + 1;
      return at - first < 9 || byte <= 1;
    }
  }
  return false;
};

/** Steps to the end of the group `field`, whose start tag has just been read. */
const skipGroup = (bytes: Uint8Array, cursor: Cursor, end: number, field: number): boolean => {
  const open = [field];
  while (open.length > 0) {
    const tag = readVarint32(bytes, cursor, end);
    if (tag < 8) return false;
    const type = tag & 7;
    if (type === groupStart) {
      open.push(tag >>> 3);
      if (open.length > maxGroupDepth) return false;
    } else if (type === groupEnd) {
      if (open.pop() !== tag >>> 3) return false;
    } else if (!skipScalar(bytes, cursor, end, type)) return false;
  }
  return true;
};

const skipScalar = (bytes: Uint8Array, cursor: Cursor, end: number, type: number): boolean => {
  switch (type) {
    case varintType:
      return skipVarint(bytes, cursor, end);
    case fixed64Type:
      cursor.at += 8;
      return cursor.at <= end;
    case fixed32Type:
      cursor.at += 4;
      return cursor.at <= end;
    case bytesType: {
      const length = readVarint32(bytes, cursor, end);
      if (length < 0 || length > end - cursor.at) return false;
      cursor.at += length;
      return true;
    }
    default:
      return false;
  }
};

/** Steps over the value of a field whose `tag` has just been read; false when no decoder could. */
export const skipValue = (bytes: Uint8Array, cursor: Cursor, end: number, tag: number): boolean =>
  (tag & 7) === groupStart
    ? skipGroup(bytes, cursor, end, tag >>> 3)
    : skipScalar(bytes, cursor, end, tag & 7);

/** Bytes that a varint of this 32-bit value takes. */
export const varintSize = (value: number): number =>
  value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;

/** Writes a 32-bit varint at `at` and returns the place after it. */
export const writeVarint = (bytes: Uint8Array, at: number, value: number): number => {
  let rest = value;
  let to = at;
  while (rest >= 0x80) {
    bytes[to++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[to++] = rest;
  return to;
};

/** One field as `eachField` hands it out; valid only inside the callback. */
export interface Field {
  number: number;
  type: number;
  /** The value: for bytes its content, else the encoded scalar. */
  from: number;
  to: number;
}

/**
 * Calls `visit` for each field of the message at [from, to), in wire order. False when the bytes are no message.
 * The same Field object is reused for every call.
 */
export const eachField = (
  bytes: Uint8Array,
  from: number,
  to: number,
  visit: (field: Field) => void,
): boolean => {
  const cursor: Cursor = { at: from };
  const field: Field = { number: 0, type: 0, from: 0, to: 0 };
  while (cursor.at < to) {
    const tag = readVarint32(bytes, cursor, to);
    if (tag < 8) return false;
    const valueAt = cursor.at;
    field.number = tag >>> 3;
    field.type = tag & 7;
    if (field.type === bytesType) {
      const length = readVarint32(bytes, cursor, to);
      if (length < 0 || length > to - cursor.at) return false;
      field.from = cursor.at;
      cursor.at += length;
    } else {
      if (!skipValue(bytes, cursor, to, tag)) return false;
      field.from = valueAt;
    }
    field.to = cursor.at;
    visit(field);
  }
  return true;
};
