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

const isKind = (text: string | undefined): text is EntryKind =>
  text === 'i' || text === 'a' || text === 'p' || text === 'c';

const shape = /^([iapc]) ([0-9a-f]{8}) (.*)$/s;

/** Reads a line without its newline. Null: damaged. */
export const parseEntry = (line: string): Entry | null => {
  const [, kind, crc, rest] = shape.exec(line) ?? [];
  if (!isKind(kind) || crc === undefined || rest === undefined) return null;
  if (crc32(rest, seeds[kind]) !== Number.parseInt(crc, 16)) return null;
  const idEnd = rest.indexOf(' ');
  const callId = rest.slice(0, idEnd);
  if (kind !== 'c') return { kind, callId, seq: 0, json: rest.slice(idEnd + 1) };
  const seqEnd = rest.indexOf(' ', idEnd + 1);
  return { kind, callId, seq: Number(rest.slice(idEnd + 1, seqEnd)), json: rest.slice(seqEnd + 1) };
};
