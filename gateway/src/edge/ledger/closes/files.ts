/** The files of a closed month: written beside the folder that is asked for, which is there whole or not at all. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { syncDirectory } from '../files.ts';

export const closeFile = 'close.json';
export const rowsFile = 'rows.jsonl.gz';
export const focusFile = 'focus.csv';

export interface FileSum {
  readonly name: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

/** @throws the file system's error */
export const fileSum = async (folder: string, name: string): Promise<FileSum> => {
  const digest = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(join(folder, name))) {
    if (!(chunk instanceof Buffer)) continue;
    digest.update(chunk);
    bytes += chunk.length;
  }
  return { name, bytes, sha256: digest.digest('hex') };
};

/** Writes lines, packed. @throws the file system's error, and what the lines throw */
export const writePacked = async (path: string, lines: AsyncIterable<string>): Promise<void> => {
  await pipeline(Readable.from(lines), createGzip(), createWriteStream(path, { flush: true }));
};

/**
 * Lets `write` fill a folder, which then takes the name asked for.
 * @throws what `write` does, or because the folder is there already; nothing is left then
 */
export const intoFolder = async <T>(
  folder: string,
  write: (draft: string) => Promise<T>,
): Promise<T> => {
  await mkdir(dirname(folder), { recursive: true });
  const draft = `${folder}.${process.pid}.part`;
  await mkdir(draft);
  try {
    const written = await write(draft);
    syncDirectory(draft);
    // A folder that is there and empty would be replaced; that is as good as one that is not there.
    await rename(draft, folder);
    syncDirectory(dirname(folder));
    return written;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
};

/** The signed text is the last file of the folder. @throws the file system's error */
export const writeClose = async (draft: string, text: string): Promise<void> => {
  const file = await open(join(draft, closeFile), 'wx');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
};
