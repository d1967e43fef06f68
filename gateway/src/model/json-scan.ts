/**
 * One pass over the bytes of a JSON text, before anything is built from it: how many values, how deep, how many keys,
 * and whether a key stands twice in one object. RFC 8259, section 4, leaves open which of two equal keys counts, so a
 * provider may read another than we do. Whether the text is JSON at all is left to the parser: on text that it takes,
 * this sees the same keys.
 */

/** What a JSON text may hold at most. */
export interface JsonLimits {
  /** Strings, numbers, lists, objects and the rest, all together. */
  readonly values: number;
  /** Lists and objects inside one another. */
  readonly depth: number;
  /** In one object. */
  readonly keys: number;
}

export type JsonFinding =
  | { readonly kind: 'too_many_values' | 'too_deep' }
  /** `path` as in `messages[2].role`; of a key that is no plain name only `*` is shown, for it may be content. */
  | { readonly kind: 'too_many_keys' | 'duplicate_key'; readonly path: string };

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openObject = 0x7b;
const closeObject = 0x7d;
const openList = 0x5b;
const closeList = 0x5d;

/** A string is read byte by byte for so long, then by a search of the platform's, which costs as much to start. */
const steppedBytes = 32;

/** From behind an opening quote to the closing one; the length of the text when there is none. */
export const stringEnd = (bytes: Uint8Array, from: number): number => {
  let at = from;
  for (;;) {
    const stepped = Math.min(bytes.length, at + steppedBytes);
    while (at < stepped) {
      const byte = bytes[at];
      if (byte === quote) return at;
      at += byte === backslash ? 2 : 1;
    }
    const end = bytes.indexOf(quote, at);
    if (end < 0) return bytes.length;
    let before = end;
    while (before > at && bytes[before - 1] === backslash) before -= 1;
    // Escapes are pairs: after an even number of backslashes the quote stands for itself.
    if ((end - before) % 2 === 0) return end;
    at = end + 1;
  }
};

/** An object's keys are compared one by one up to here, and kept in a set from here on. */
const fewKeys = 12;

/** An open object or list. */
interface Frame {
  isObject: boolean;
  /** Where the ranges of its keys begin in `ranges`. */
  readonly firstRange: number;
  /** Of an object: how many keys it has, and where the last one stands. */
  keys: number;
  keyFrom: number;
  keyTo: number;
  /** Its keys' texts, once they are many or one is written with escapes. */
  names: Set<string> | null;
  /** Of a list: the member being read. */
  index: number;
}

const decoder = new TextDecoder();

/** A key's text with its escapes resolved: `"\u006dodel"` is `model`. */
const keyText = (bytes: Uint8Array, from: number, to: number): string => {
  const text = decoder.decode(bytes.subarray(from, to));
  if (!text.includes('\\')) return text;
  try {
    const key: unknown = JSON.parse(`"${text}"`);
    return typeof key === 'string' ? key : text;
  } catch {
    return text;
  }
};

const sameBytes = (bytes: Uint8Array, a: number, b: number, length: number): boolean => {
  for (let i = 0; i < length; i += 1) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
};

const has = (bytes: Uint8Array, byte: number, from: number, to: number): boolean => {
  for (let at = from; at < to; at += 1) if (bytes[at] === byte) return true;
  return false;
};

// Scratch of one scan, used again by the next: an object of its own for each brace of a body costs as much as the scan.
const frames: Frame[] = [];
/** Start and end of the keys of all open objects; each depth has room for `fewKeys`. */
let ranges = new Int32Array(64 * 2 * fewKeys);

const openFrame = (depth: number, isObject: boolean): Frame => {
  let frame = frames[depth];
  if (frame === undefined) {
    const firstRange = depth * 2 * fewKeys;
    frame = { isObject, firstRange, keys: 0, keyFrom: 0, keyTo: 0, names: null, index: 0 };
    frames[depth] = frame;
    if (firstRange + 2 * fewKeys > ranges.length) {
      const larger = new Int32Array(ranges.length * 2);
      larger.set(ranges);
      ranges = larger;
    }
  }
  frame.isObject = isObject;
  frame.keys = 0;
  frame.names = null;
  frame.index = 0;
  return frame;
};

/** The texts of an object's first keys. */
const gathered = (bytes: Uint8Array, firstRange: number, keys: number): Set<string> => {
  const names = new Set<string>();
  for (let i = firstRange; i < firstRange + 2 * keys; i += 2)
    names.add(keyText(bytes, ranges[i] ?? 0, ranges[i + 1] ?? 0));
  return names;
};

/** Adds a key to the innermost object; false: it is there already. */
const addKey = (bytes: Uint8Array, object: Frame, from: number, to: number): boolean => {
  object.keyFrom = from;
  object.keyTo = to;
  const { firstRange, keys } = object;
  object.keys += 1;
  if (object.names === null && keys < fewKeys && !has(bytes, backslash, from, to)) {
    const next = firstRange + 2 * keys;
    for (let i = firstRange; i < next; i += 2) {
      const start = ranges[i] ?? 0;
      const length = (ranges[i + 1] ?? 0) - start;
      if (length === to - from && sameBytes(bytes, start, from, length)) return false;
    }
    ranges[next] = from;
    ranges[next + 1] = to;
    return true;
  }
  const names = (object.names ??= gathered(bytes, firstRange, keys));
  const before = names.size;
  return names.add(keyText(bytes, from, to)).size > before;
};

const plainName = /^[\w-]{1,64}$/;
/** Steps of a path that are shown. */
const maxSteps = 12;

const pathTo = (bytes: Uint8Array, depth: number): string =>
  frames.slice(0, Math.min(depth, maxSteps)).reduce((path, frame) => {
    if (!frame.isObject) return `${path}[${frame.index}]`;
    const key = keyText(bytes, frame.keyFrom, frame.keyTo);
    return `${path}${path === '' ? '' : '.'}${plainName.test(key) ? key : '*'}`;
  }, '');

/** What is wrong with a JSON text in UTF-8, or null. Linear in its size; its memory grows with depth and keys only. */
// oxlint-disable-next-line complexity -- one loop over every byte of every body: a function for each kind of byte would cost more than it tells
export const scanJson = (bytes: Uint8Array, limits: JsonLimits): JsonFinding | null => {
  let depth = 0;
  let top: Frame | undefined;
  let values = 1;
  /** In an object, the next string is a key. */
  let keyNext = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    // Digits, signs, colons, capital letters.
    if (byte > comma && byte < openList) continue;
    if (byte === quote) {
      const end = stringEnd(bytes, at + 1);
      if (keyNext && top !== undefined) {
        keyNext = false;
        if (!addKey(bytes, top, at + 1, end))
          return { kind: 'duplicate_key', path: pathTo(bytes, depth) };
        if (top.keys > limits.keys)
          return { kind: 'too_many_keys', path: pathTo(bytes, depth - 1) };
      }
      at = end;
    } else if (byte === comma) {
      values += 1;
      if (values > limits.values) return { kind: 'too_many_values' };
      if (top?.isObject === true) keyNext = true;
      else if (top !== undefined) top.index += 1;
    } else if (byte === openObject || byte === openList) {
      values += 1;
      if (values > limits.values) return { kind: 'too_many_values' };
      if (depth >= limits.depth) return { kind: 'too_deep' };
      keyNext = byte === openObject;
      top = openFrame(depth, keyNext);
      depth += 1;
    } else if ((byte === closeObject || byte === closeList) && top !== undefined) {
      depth -= 1;
      top = depth > 0 ? frames[depth - 1] : undefined;
      keyNext = false;
    }
  }
  return null;
};
