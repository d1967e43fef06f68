/**
 * Who wrote a segment. Every spool directory has a name of 128 random bits, made once and kept in it, and every segment
 * says in its first line which spool and which life wrote it. Deduplication tokens are made of that alone: a new host
 * name, a moved directory or a copied volume changes no token.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { noteLine } from './entry.ts';
import { syncDirectory, type SegmentFile } from './files.ts';

/** The first line of a segment. */
export interface Head {
  /** 32 hex digits. */
  readonly spool: string;
  /** Value of the column `replica` in the rows of this segment's life. */
  readonly replica: string;
  /** No row of this life with a smaller `seq` is in this segment or a later one. */
  readonly firstSeq: number;
}

const spoolIdText = /^[0-9a-f]{32}$/;

/** Replaces a small file: after a crash or power loss either the old or the new content is there, whole. */
export const replaceFile = (path: string, text: string, dir: string): void => {
  const fd = openSync(`${path}.new`, 'w', 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.new`, path);
  syncDirectory(dir);
};

/** The spool's name; made when the directory has none. A damaged one is made anew: segments carry their own. */
export const spoolId = (dir: string): string => {
  const path = join(dir, 'spool-id');
  try {
    const text = readFileSync(path, 'utf8').trim();
    if (spoolIdText.test(text)) return text;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  const id = randomBytes(16).toString('hex');
  replaceFile(path, `${id}\n`, dir);
  return id;
};

/** A head as the line that a segment begins with. */
export const headLine = ({ spool, replica, firstSeq }: Head): string =>
  noteLine('h', JSON.stringify({ spool, replica, firstSeq }));

/** Reads the JSON of a head; null: it is none of ours. */
export const readHead = (json: string): Head | null => {
  const value: unknown = JSON.parse(json);
  if (typeof value !== 'object' || value === null) return null;
  if (!('spool' in value) || typeof value.spool !== 'string') return null;
  if (!('replica' in value) || typeof value.replica !== 'string') return null;
  if (!('firstSeq' in value) || typeof value.firstSeq !== 'number') return null;
  return { spool: value.spool, replica: value.replica, firstSeq: value.firstSeq };
};

/** Names a segment's rows to ClickHouse, for ever. */
export const tokenOf = (spool: string, { incarnation, number }: SegmentFile): string =>
  `${spool}/${incarnation}.${String(number).padStart(8, '0')}`;
