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

export type EntryKind = 'h' | 'm' | 'i' | 's' | 'a' | 'p' | 'c';

export interface Entry {
  readonly kind: EntryKind;
  readonly callId: string;
  /** 0 unless a close. */
  readonly seq: number;
  readonly json: string;
}

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

const isKind = (text: string): text is EntryKind => Object.hasOwn(seeds, text);

/** Stands where a call's id does in lines that speak of no call. */
const noCall = '-';

/** A head or a mark as a line. */
export const noteLine = (kind: 'h' | 'm', json: string): string =>
  entryLine({ kind, callId: noCall, seq: 0, json });

/** The id of a call in a line that may be damaged; null: none can be read. */
export const callIdIn = (line: Buffer): string | null => {
  const text = line.toString('latin1', restAt, restAt + 36);
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? text : null;
};

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
