import type { Edits } from '../model/edits.ts';
import { isObject, type Json } from '../model/json.ts';
import { stringEnd } from '../model/json-scan.ts';
import { join } from './event-cutter.ts';

// A client's body goes to a provider of its own dialect byte for byte. The one or two fields that must differ are
// cut into those bytes, so numbers keep their digits, keys their order, and what we do not know stays as it was.

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const open = 0x7b;
const close = 0x7d;

const isBlank = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
const opens = (byte: number | undefined): boolean => byte === open || byte === 0x5b;
const closes = (byte: number | undefined): boolean => byte === close || byte === 0x5d;

const skipBlanks = (bytes: Uint8Array, from: number): number => {
  let at = from;
  while (isBlank(bytes[at])) at += 1;
  return at;
};

/** From an opening quote to just behind the closing one; -1: there is none. */
const skipString = (bytes: Uint8Array, from: number): number => {
  const end = stringEnd(bytes, from + 1);
  return end < bytes.length ? end + 1 : -1;
};

/** From the first byte of a value to just behind its last; -1: it has no end. Counts depth, so nesting costs no stack. */
const skipValue = (bytes: Uint8Array, from: number): number => {
  let at = from;
  let depth = 0;
  while (at < bytes.length) {
    const byte = bytes[at];
    if (byte === quote) {
      at = skipString(bytes, at);
      if (at < 0) return -1;
      if (depth === 0) return at;
      continue;
    }
    if (opens(byte)) depth += 1;
    else if (closes(byte)) {
      if (depth === 0) return at > from ? at : -1;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (byte === comma || isBlank(byte))) return at > from ? at : -1;
    at += 1;
  }
  return -1;
};

interface Field {
  readonly key: string;
  readonly keyStart: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** The text of a key, escapes resolved: `"\\u006dodel"` is `model`. Null: it is no JSON string. */
const keyText = (bytes: Uint8Array): string | null => {
  const text = decoder.decode(bytes);
  if (!text.includes('\\')) return text.slice(1, -1);
  try {
    const key: unknown = JSON.parse(text);
    return typeof key === 'string' ? key : null;
  } catch {
    return null;
  }
};

const fieldAt = (bytes: Uint8Array, from: number): Field | null => {
  if (bytes[from] !== quote) return null;
  const keyEnd = skipString(bytes, from);
  if (keyEnd < 0) return null;
  const key = keyText(bytes.subarray(from, keyEnd));
  const afterKey = skipBlanks(bytes, keyEnd);
  if (key === null || bytes[afterKey] !== colon) return null;
  const valueStart = skipBlanks(bytes, afterKey + 1);
  const valueEnd = skipValue(bytes, valueStart);
  return valueEnd < 0 ? null : { key, keyStart: from, valueStart, valueEnd };
};

/** The top-level fields of an object and where its closing brace is; null: the bytes are no JSON object. */
const scan = (
  bytes: Uint8Array,
): { readonly fields: readonly Field[]; readonly end: number } | null => {
  const start = skipBlanks(bytes, 0);
  if (bytes[start] !== open) return null;
  const fields: Field[] = [];
  let at = skipBlanks(bytes, start + 1);
  if (bytes[at] === close) return { fields, end: at };
  for (;;) {
    const field = fieldAt(bytes, at);
    if (field === null) return null;
    fields.push(field);
    at = skipBlanks(bytes, field.valueEnd);
    if (bytes[at] === close) return { fields, end: at };
    if (bytes[at] !== comma) return null;
    at = skipBlanks(bytes, at + 1);
  }
};

/** The bytes of a field's new value; an object keeps the members that it had. */
const valueBytes = (before: Uint8Array, value: Json): Uint8Array =>
  (isObject(value) && before[0] === open ? spliceTopLevel(before, { set: value }) : null) ??
  encoder.encode(JSON.stringify(value));

/** A stretch of bytes that gives way to others. */
interface Cut {
  readonly from: number;
  readonly to: number;
  readonly instead: readonly Uint8Array[];
}

/** Runs of dropped fields, each with the comma behind it, or at the end of the object with the one before it. */
const cutOut = (fields: readonly Field[], dropped: ReadonlySet<string>): readonly Cut[] => {
  const cuts: Cut[] = [];
  const isDropped = (field: Field | undefined) => field !== undefined && dropped.has(field.key);
  for (let i = 0; i < fields.length; i += 1) {
    const first = fields[i];
    if (first === undefined || !isDropped(first)) continue;
    const before = fields[i - 1];
    while (isDropped(fields[i + 1])) i += 1;
    const next = fields[i + 1];
    cuts.push(
      next === undefined
        ? {
            from: before?.valueEnd ?? first.keyStart,
            to: (fields[i] ?? first).valueEnd,
            instead: [],
          }
        : { from: first.keyStart, to: next.keyStart, instead: [] },
    );
  }
  return cuts;
};

/**
 * Sets and drops top-level fields of a JSON object in its raw UTF-8 bytes; every other byte stays as it was. A key that occurs
 * more than once is replaced each time (parsers disagree on which one counts), one that is absent is appended.
 * Answers null when the bytes are no JSON object; values themselves are skipped over, not validated. Linear in the
 * size of the body.
 */
export const spliceTopLevel = (bytes: Uint8Array, { set, drop = [] }: Edits): Uint8Array | null => {
  const found = scan(bytes);
  if (found === null) return null;
  const { fields, end } = found;
  const wanted = new Map(
    Object.entries(set).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
  const dropped = new Set(drop);
  const kept = fields.filter(({ key }) => !dropped.has(key));
  const sets = kept.flatMap(({ key, valueStart, valueEnd }): Cut[] => {
    const value = wanted.get(key);
    if (value === undefined) return [];
    const instead = [valueBytes(bytes.subarray(valueStart, valueEnd), value)];
    return [{ from: valueStart, to: valueEnd, instead }];
  });
  const seen = new Set(kept.map(({ key }) => key));
  const absent = [...wanted].filter(([key]) => !seen.has(key));
  const text = absent
    .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
    .join(',');
  const added = text === '' ? '' : kept.length > 0 ? `,${text}` : text;
  const parts: Uint8Array[] = [];
  let copied = 0;
  for (const { from, to, instead } of [
    ...[...sets, ...cutOut(fields, dropped)].toSorted((a, b) => a.from - b.from),
    { from: end, to: end, instead: [encoder.encode(added)] },
  ]) {
    parts.push(bytes.subarray(copied, from), ...instead);
    copied = to;
  }
  parts.push(bytes.subarray(copied));
  return join(parts);
};
