/**
 * The spool's line format. One entry is one line: kind, CRC-32 of the kind and the rest, the rest.
 *   h <crc> - <json>                 head: which spool and life wrote this segment; the first line (`identity.ts`)
 *   m <crc> - <json>                 mark: up to which row a life is in ClickHouse (`lives.ts`)
 *   i <crc> <callId> <json>          intent: before the first provider is called
 *   s <crc> <callId> <json>          sent: the attempt's request went onto its connection
 *   a <crc> <callId> <json>          a further attempt: how the last one ended
 *   p <crc> <callId> <json>          progress of a stream
 *   c <crc> <callId> <seq> <json>    close: the finished row, as ClickHouse reads it
 * A line that was torn by a crash fails its checksum. The kinds are one bit apart, so the checksum covers them too.
 */
import { crc32 } from 'node:zlib';
import { ByteText } from '../../model/byte-text.ts';

export type EntryKind = 'h' | 'm' | 'i' | 's' | 'a' | 'p' | 'c';

export interface Entry {
  readonly kind: EntryKind;
  readonly callId: string;
  /** 0 unless a close. */
  readonly seq: number;
  readonly json: string;
}

const blank = 0x20;
/** The kind, a blank, the checksum, a blank. */
const crcAt = 2;
const restAt = 11;

/** Checksums of the kinds alone, which the checksum of a line goes on from. */
const seeds: Readonly<Record<EntryKind, number>> = {
  h: crc32('h'),
  m: crc32('m'),
  i: crc32('i'),
  s: crc32('s'),
  a: crc32('a'),
  p: crc32('p'),
  c: crc32('c'),
};

/** What stands before the checksum, the checksum to come, and what stands before the rest. */
const lineBegins: Readonly<Record<EntryKind, Buffer>> = {
  h: Buffer.from('h 00000000 '),
  m: Buffer.from('m 00000000 '),
  i: Buffer.from('i 00000000 '),
  s: Buffer.from('s 00000000 '),
  a: Buffer.from('a 00000000 '),
  p: Buffer.from('p 00000000 '),
  c: Buffer.from('c 00000000 '),
};

/** Puts one entry of a call down as a line, newline included. `putJson` puts down what it says. */
const putLine = (
  out: ByteText,
  kind: EntryKind,
  callId: string,
  putJson: (out: ByteText) => void,
): void => {
  const from = out.length;
  out.copy(lineBegins[kind]);
  out.ascii(callId);
  out.ascii(' ');
  putJson(out);
  out.hexAt(crc32(out.view(from + restAt), seeds[kind]), from + crcAt);
  out.ascii('\n');
};

/** The JSON of an entry, or what puts it down. */
export type Says = string | ((out: ByteText) => void);

/** Puts down an entry of a call that is no close. */
export const putEntry = (out: ByteText, kind: EntryKind, callId: string, says: Says): void =>
  putLine(out, kind, callId, typeof says === 'string' ? () => out.text(says) : says);

/** Puts the row of a call down, which has this number. */
export type PutRow = (out: ByteText, seq: number) => void;

/** Puts down a close. `putRow` puts down its row. */
export const putClose = (out: ByteText, callId: string, seq: number, putRow: PutRow): void =>
  putLine(out, 'c', callId, () => {
    out.number(seq);
    out.ascii(' ');
    putRow(out, seq);
  });

/** Where in some bytes the call id and the JSON of an entry begin, and where it ends. */
interface Place {
  readonly bytes: Buffer;
  readonly idAt: number;
  readonly jsonAt: number;
  readonly end: number;
}

/**
 * An entry as a file holds it. A segment has thousands of rows, which are all there until they are in the table: each is a place
 * in the bytes of the file, and nothing more.
 */
export class StoredEntry {
  readonly kind: EntryKind;
  /** 0 unless a close. */
  readonly seq: number;
  readonly #bytes: Buffer;
  readonly #idAt: number;
  readonly #jsonAt: number;
  readonly #end: number;

  constructor(kind: EntryKind, seq: number, { bytes, idAt, jsonAt, end }: Place) {
    this.kind = kind;
    this.seq = seq;
    this.#bytes = bytes;
    this.#idAt = idAt;
    this.#jsonAt = jsonAt;
    this.#end = end;
  }

  get callId(): string {
    const end = this.#bytes.indexOf(blank, this.#idAt);
    return this.#bytes.toString('latin1', this.#idAt, end);
  }

  /** When the call began: its id, a UUIDv7, begins with that time. Epoch milliseconds. */
  startOfCallMs(): number {
    const high = hexIn(this.#bytes, this.#idAt, 8) ?? 0;
    const low = hexIn(this.#bytes, this.#idAt + 9, 4) ?? 0;
    return high * 0x1_0000 + low;
  }

  /** UTF-8; a view of the bytes it was read from. */
  get json(): Buffer {
    return this.#bytes.subarray(this.#jsonAt, this.#end);
  }
}

const isKind = (text: string): text is EntryKind => Object.hasOwn(seeds, text);

/** Stands where a call's id does in lines that speak of no call. */
export const noCall = '-';

/** A head or a mark as a line. */
export const noteLine = (kind: 'h' | 'm', json: string): string => {
  const out = new ByteText();
  putEntry(out, kind, noCall, json);
  return out.view(0).toString();
};

/** The id of a call in a line that may be damaged; null: none can be read. */
export const callIdIn = (line: Buffer): string | null => {
  const text = line.toString('latin1', restAt, restAt + 36);
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? text : null;
};

/** The number in hex digits, as we write them; null: something else stands there. Byte by byte: a text would cost more. */
const hexIn = (bytes: Buffer, from: number, digits: number): number | null => {
  let value = 0;
  for (let at = from; at < from + digits; at += 1) {
    const byte = bytes[at] ?? blank;
    const digit =
      byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : -1;
    if (digit === -1) return null;
    value = value * 16 + digit;
  }
  return value;
};

/** Reads a line without its newline: all of `bytes`, or a part. Null: damaged. */
export const parseEntry = (bytes: Buffer, from = 0, to = bytes.length): StoredEntry | null => {
  const kind = String.fromCharCode(bytes[from] ?? blank);
  if (!isKind(kind)) return null;
  const idAt = from + restAt;
  if (idAt > to || bytes[from + crcAt - 1] !== blank || bytes[idAt - 1] !== blank) return null;
  if (crc32(bytes.subarray(idAt, to), seeds[kind]) !== hexIn(bytes, from + crcAt, 8)) return null;
  const idEnd = bytes.indexOf(blank, idAt);
  if (idEnd === -1 || idEnd >= to) return null;
  if (kind !== 'c') return new StoredEntry(kind, 0, { bytes, idAt, jsonAt: idEnd + 1, end: to });
  const seqEnd = bytes.indexOf(blank, idEnd + 1);
  if (seqEnd === -1 || seqEnd >= to) return null;
  const seq = Number(bytes.toString('latin1', idEnd + 1, seqEnd));
  return new StoredEntry(kind, seq, { bytes, idAt, jsonAt: seqEnd + 1, end: to });
};
