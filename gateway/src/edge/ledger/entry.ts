/**
 * The spool's line format. One entry is one line: kind, CRC-32 of the kind and the rest, the rest.
 *   i <crc> <callId> <json>          intent: before the first provider is called
 *   a <crc> <callId> <json>          a further attempt: how the last one ended
 *   p <crc> <callId> <json>          progress of a stream
 *   c <crc> <callId> <seq> <json>    close: the finished row, as ClickHouse reads it
 * A line that was torn by a crash fails its checksum. The kinds are one bit apart, so the checksum covers them too.
 */
import { crc32 } from 'node:zlib';

export type EntryKind = 'i' | 'a' | 'p' | 'c';

export interface Entry {
  readonly kind: EntryKind;
  readonly callId: string;
  /** 0 unless a close. */
  readonly seq: number;
  readonly json: string;
}

/** Checksums of the kinds alone, which the checksum of a line goes on from. */
const seeds: Readonly<Record<EntryKind, number>> = {
  i: crc32('i'),
  a: crc32('a'),
  p: crc32('p'),
  c: crc32('c'),
};

/** One entry as a line, newline included. */
export const entryLine = ({ kind, callId, seq, json }: Entry): string => {
  const rest = kind === 'c' ? `${callId} ${seq} ${json}` : `${callId} ${json}`;
  return `${kind} ${crc32(rest, seeds[kind]).toString(16).padStart(8, '0')} ${rest}\n`;
};

/** An entry as a file holds it. */
export interface StoredEntry extends Omit<Entry, 'json'> {
  /** UTF-8; a view of the bytes it was read from. */
  readonly json: Buffer;
}

const isKind = (text: string | undefined): text is EntryKind =>
  text === 'i' || text === 'a' || text === 'p' || text === 'c';

const blank = 0x20;
/** The kind, a blank, the checksum, a blank. */
const crcAt = 2;
const restAt = 11;
const crcText = /^[0-9a-f]{8}$/;

/** Reads a line without its newline. Null: damaged. */
export const parseEntry = (line: Buffer): StoredEntry | null => {
  const kind = line.toString('latin1', 0, 1);
  const crc = line.toString('latin1', crcAt, restAt - 1);
  if (!isKind(kind) || !crcText.test(crc)) return null;
  if (line[crcAt - 1] !== blank || line[restAt - 1] !== blank) return null;
  const rest = line.subarray(restAt);
  if (crc32(rest, seeds[kind]) !== Number.parseInt(crc, 16)) return null;
  const idEnd = rest.indexOf(blank);
  const callId = rest.toString('latin1', 0, idEnd);
  if (kind !== 'c') return { kind, callId, seq: 0, json: rest.subarray(idEnd + 1) };
  const seqEnd = rest.indexOf(blank, idEnd + 1);
  const seq = Number(rest.toString('latin1', idEnd + 1, seqEnd));
  return { kind, callId, seq, json: rest.subarray(seqEnd + 1) };
};
