/**
 * Text that is put together as the bytes it will be written as (UTF-8). A row of the ledger has some forty pieces: as strings
 * they are joined, copied and encoded several times over, and what is left of them is the collector's work.
 */
import type { Json, JsonObject } from './json.ts';
import { usdText } from './money.ts';

/** Little, because a note of the spool is a text of its own too; what is written each turn soon has what it needs. */
const initialBytes = 1024;
/** What a burst has taken beyond this is given back. */
const keptBytes = 4 * 1024 * 1024;
const maxUtf8BytesPerUnit = 3;
/** Up to here a loop costs less than a call. */
const shortBytes = 24;

const quote = 0x22;
const backslash = 0x5c;
const zero = 0x30;
const dot = 0x2e;
const comma = 0x2c;

/** So large that nine digits are left of it. */
const billion = 1_000_000_000;

/** In pico-dollars. */
const dollar = 1_000_000_000_000;
/** In these a dollar has as many parts as each of them has. */
const microdollar = 1_000_000;

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

export class ByteText {
  #bytes = Buffer.allocUnsafeSlow(initialBytes);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What was put in between two places; valid until more is put in, or all is taken away. */
  view(from: number, to: number = this.#length): Buffer {
    return this.#bytes.subarray(from, to);
  }

  /** Takes away what was put in after `length`. */
  cut(length: number): void {
    this.#length = length;
    if (length === 0 && this.#bytes.length > keptBytes)
      this.#bytes = Buffer.allocUnsafeSlow(initialBytes);
  }

  /** Characters below 128. */
  ascii(text: string): void {
    const { length } = text;
    const bytes = this.#room(length);
    const at = this.#length;
    if (length > shortBytes) bytes.write(text, at);
    else for (let i = 0; i < length; i += 1) bytes[at + i] = text.charCodeAt(i);
    this.#length = at + length;
  }

  /** Half a surrogate pair becomes U+FFFD. */
  text(text: string): void {
    const bytes = this.#room(text.length * maxUtf8BytesPerUnit);
    this.#length += bytes.write(text, this.#length);
  }

  copy(piece: Uint8Array): void {
    const { length } = piece;
    const bytes = this.#room(length);
    const at = this.#length;
    if (length > shortBytes) bytes.set(piece, at);
    else for (let i = 0; i < length; i += 1) bytes[at + i] = piece[i] ?? 0;
    this.#length = at + length;
  }

  byte(code: number): void {
    this.#room(1)[this.#length] = code;
    this.#length += 1;
  }

  /** A number as JSON writes it. */
  number(value: number): void {
    if (value === (value | 0) && value >= 0) this.#whole(value);
    else if (Number.isSafeInteger(value) && value > 0) {
      const billions = Math.floor(value / billion);
      if (billions > 0) this.#whole(billions);
      this.#room(9);
      this.#digits(value - billions * billion, this.#length, 9);
      this.#length += 9;
    } else this.ascii(JSON.stringify(value));
  }

  /** Pico-dollars as decimal dollars, as `usdText` says them. */
  usd(picodollars: bigint): void {
    const amount = Number(picodollars);
    if (!(amount >= 0 && amount < dollar)) return this.ascii(usdText(picodollars));
    if (amount === 0) return this.byte(zero);
    const micros = Math.floor(amount / microdollar);
    const rest = amount - micros * microdollar;
    const bytes = this.#room(14);
    const at = this.#length;
    bytes[at] = zero;
    bytes[at + 1] = dot;
    this.#digits(micros, at + 2, 6);
    this.#digits(rest, at + 8, 6);
    let end = at + 14;
    while (bytes[end - 1] === zero) end -= 1;
    this.#length = end;
  }

  /** As eight hex digits, over what stands at `at`. */
  hexAt(value: number, at: number): void {
    const bytes = this.#bytes;
    let rest = value;
    for (let i = 7; i >= 0; i -= 1) {
      const digit = rest & 0xf;
      bytes[at + i] = digit < 10 ? zero + digit : 0x57 + digit;
      rest >>>= 4;
    }
  }

  /** A value as JSON, in which half a surrogate pair is U+FFFD: ClickHouse refuses what JSON has for it. */
  json(value: Json): void {
    if (typeof value === 'string') this.#quoted(value);
    else if (typeof value === 'number') this.number(value);
    else if (typeof value !== 'object' || value === null) this.ascii(JSON.stringify(value));
    else if (isList(value)) this.#list(value);
    else this.#object(value);
  }

  #list(list: readonly Json[]): void {
    this.byte(0x5b);
    let isFirst = true;
    for (const value of list) {
      if (!isFirst) this.byte(comma);
      isFirst = false;
      this.json(value);
    }
    this.byte(0x5d);
  }

  #object(object: JsonObject): void {
    let isFirst = true;
    this.byte(0x7b);
    for (const key in object) {
      const value = object[key];
      if (value === undefined) continue;
      if (!isFirst) this.byte(comma);
      isFirst = false;
      this.#quoted(key);
      this.byte(0x3a);
      this.json(value);
    }
    this.byte(0x7d);
  }

  #quoted(text: string): void {
    const { length } = text;
    const bytes = this.#room(length + 2);
    const at = this.#length;
    bytes[at] = quote;
    for (let i = 0; i < length; i += 1) {
      const code = text.charCodeAt(i);
      // Nearly all texts have nothing that JSON writes in another way; the others it writes itself.
      if (code < 0x20 || code > 0x7e || code === quote || code === backslash)
        return this.text(JSON.stringify(text.toWellFormed()));
      bytes[at + 1 + i] = code;
    }
    bytes[at + 1 + length] = quote;
    this.#length = at + 2 + length;
  }

  #whole(value: number): void {
    let digits = 1;
    for (let rest = value; rest >= 10; rest = (rest / 10) | 0) digits += 1;
    this.#room(digits);
    this.#digits(value, this.#length, digits);
    this.#length += digits;
  }

  /** Of a number below 2^31, with zeros before it. */
  #digits(value: number, at: number, digits: number): void {
    const bytes = this.#bytes;
    let rest = value | 0;
    for (let i = at + digits - 1; i >= at; i -= 1) {
      const tenth = (rest / 10) | 0;
      bytes[i] = zero + (rest - tenth * 10);
      rest = tenth;
    }
  }

  /** The bytes, with room for so many more. */
  #room(more: number): Buffer {
    const needed = this.#length + more;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    return this.#bytes;
  }
}
