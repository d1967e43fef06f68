/** Protobuf, written straight into the bytes of one message that grows and is used again. */

// Tags: field number * 8 + wire type. https://protobuf.dev/programming-guides/encoding/#structure
export const varint = 0;
export const fixed64 = 1;
export const delimited = 2;
export const fixed32 = 5;
export const tag = (field: number, wireType: number): number => field * 8 + wireType;

/** Longer texts are left to the engine, whose call costs more than a short loop. */
const maxLoopChars = 64;

const varintBytes = (value: number): number => {
  let bytes = 1;
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) bytes += 1;
  return bytes;
};

const hexDigits = new Uint8Array(128);
for (let digit = 0; digit < 16; digit += 1) hexDigits[digit.toString(16).charCodeAt(0)] = digit;

/** No bytes yet. It grows as it is written and is used again. */
export class ProtobufWriter {
  #bytes: Buffer;
  #at = 0;

  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity);
  }

  /** Makes sure of `more` bytes; asked before each write of a text, and once for what is small. */
  room(more: number): void {
    const needed = this.#at + more;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }

  byte(value: number): void {
    this.#bytes[this.#at] = value;
    this.#at += 1;
  }

  /** Not negative and safe. */
  varint(value: number): void {
    let rest = value;
    while (rest > 0x7f_ff_ff_ff) {
      this.byte((rest % 128) | 0x80);
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** A field that is a text. */
  text(field: number, text: string): void {
    this.room(text.length * 3 + 6);
    this.byte(tag(field, delimited));
    if (text.length <= maxLoopChars) {
      const start = this.#at;
      this.byte(text.length);
      if (this.#ascii(text)) return;
      this.#at = start;
    }
    this.varint(Buffer.byteLength(text));
    this.#at += this.#bytes.write(text, this.#at);
  }

  hex(text: string): void {
    this.room(text.length / 2);
    const to = this.#bytes;
    let next = this.#at;
    for (let i = 0; i < text.length; i += 2) {
      const high = hexDigits[text.charCodeAt(i)] ?? 0;
      to[next] = (high << 4) | (hexDigits[text.charCodeAt(i + 1)] ?? 0);
      next += 1;
    }
    this.#at = next;
  }

  copy(from: Uint8Array): void {
    this.room(from.length);
    const to = this.#bytes;
    const start = this.#at;
    for (let i = 0; i < from.length; i += 1) to[start + i] = from[i] ?? 0;
    this.#at = start + from.length;
  }

  double(value: number): void {
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
  }

  uint32(value: number): void {
    this.#at = this.#bytes.writeUInt32LE(value, this.#at);
  }

  /** Leaves room for a length of so many bytes, and answers where the message begins. */
  open(lengthBytes: number): number {
    this.room(lengthBytes);
    this.#at += lengthBytes;
    return this.#at;
  }

  /** Writes the length of what was written since `start`; a message that outgrew the room for it is moved. */
  close(start: number, lengthBytes: number): void {
    const end = this.#at;
    const length = end - start;
    const moved = varintBytes(length) - lengthBytes;
    if (moved !== 0) {
      this.room(moved);
      this.#bytes.copyWithin(start + moved, start, end);
    }
    this.#at = start - lengthBytes;
    this.varint(length);
    this.#at = end + moved;
  }

  /** A copy of everything, and an empty writer again. */
  take(): Uint8Array {
    const taken = Uint8Array.prototype.slice.call(this.#bytes, 0, this.#at);
    this.#at = 0;
    return taken;
  }

  /** True when every character was ASCII and is written; else nothing is. */
  #ascii(text: string): boolean {
    // Kept in locals: a field is read from memory and written back at every step.
    const to = this.#bytes;
    const start = this.#at;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return false;
      to[start + i] = code;
    }
    this.#at = start + text.length;
    return true;
  }
}
