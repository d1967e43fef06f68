/** Files of bills, packed or not, as lines; whatever is wrong in them by file and place. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { parse } from 'csv-parse';
import type { BillFormat, BillLine, CsvFormat, JsonFormat, ReadLine } from '../../bills/bill.ts';
import { parseNumbersAsText } from '../../bills/json-text.ts';
import { isObject } from '../../model/json.ts';

/** Of a file, unpacked: the report of a large organisation, and an answer of an API. */
const largestBytes = { csv: 16 * 2 ** 30, json: 64 * 2 ** 20 } as const;
const largestRowBytes = 2 ** 20;
/** Problems that are named; a file of another format has one in each row. */
const mostProblems = 20;

export interface BillProblem {
  readonly file: string;
  /** `line 7, column BilledCost`, or `data[0].results[2], amount`. */
  readonly at: string;
  readonly problem: string;
}

export interface BillFiles {
  /** Lines about models. */
  readonly lines: number;
  /** Lines about something else, passed over. */
  readonly others: number;
  readonly problems: readonly BillProblem[];
}

/** Stops at so many bytes: a small file may unpack to a disk full. */
const bounded = (bytes: number): Transform => {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > bytes) done(new Error(`holds more than ${bytes / 2 ** 20} MiB`));
      else done(null, chunk);
    },
  });
};

const isPacked = async (path: string): Promise<boolean> => {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await file.close();
  }
};

/** What the file holds, unpacked, given to `read` as it comes. */
const unpacked = async <T>(
  path: string,
  bytes: number,
  read: (source: AsyncIterable<Buffer>) => Promise<T>,
): Promise<T> => {
  const limit = bounded(bytes);
  const source: Readable = createReadStream(path);
  const flow = (await isPacked(path))
    ? pipeline(source, createGunzip(), limit)
    : pipeline(source, limit);
  // What `read` throws ends the flow, and its own error is the one to tell.
  const [result, ended] = await Promise.allSettled([read(limit), flow]);
  if (ended.status === 'rejected' && result.status === 'fulfilled') throw ended.reason;
  if (result.status === 'rejected') throw result.reason;
  return result.value;
};

class Reading {
  readonly problems: BillProblem[] = [];
  lines = 0;
  others = 0;
  readonly #add: (line: BillLine) => boolean;

  constructor(add: (line: BillLine) => boolean) {
    this.#add = add;
  }

  /** False: there is no use in going on. */
  take(file: string, place: string, read: ReadLine): boolean {
    switch (read.kind) {
      case 'other':
        this.others += 1;
        return true;
      case 'line':
        this.lines += 1;
        return (
          this.#add(read.line) ||
          this.bad(file, place, 'too many different lines: import fewer days at once')
        );
      case 'bad':
        return this.bad(file, `${place}, ${read.field}`, read.problem);
    }
  }

  bad(file: string, at: string, problem: string): boolean {
    this.problems.push({ file, at, problem });
    return this.problems.length < mostProblems;
  }
}

const readCsv = async (path: string, format: CsvFormat, reading: Reading): Promise<void> => {
  const file = basename(path);
  await unpacked(path, largestBytes.csv, async (source) => {
    const parser = parse({
      bom: true,
      info: true,
      max_record_size: largestRowBytes,
      skip_empty_lines: true,
      columns: (header: string[]) => {
        const names = header.map((name) => format.column(name));
        const missing = format.needs.filter((name) => !names.includes(name));
        if (missing.length > 0)
          throw new Error(`is none of ${format.about}: it has no column ${missing.join(', ')}`);
        return names;
      },
    });
    const fed = pipeline(source, parser);
    fed.catch(() => {});
    for await (const entry of parser) {
      const { record, info }: { record: Record<string, string>; info: { lines: number } } = entry;
      if (!reading.take(file, `line ${info.lines}`, format.read(record))) return;
    }
    await fed;
  });
};

const readJson = async (path: string, format: JsonFormat, reading: Reading): Promise<boolean> => {
  const file = basename(path);
  const text = await unpacked(path, largestBytes.json, async (source) => {
    const chunks: Buffer[] = [];
    for await (const chunk of source) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  });
  const value = parseNumbersAsText(text);
  const pages: readonly unknown[] = Array.isArray(value) ? value : [value];
  let hasMore = false;
  for (const [i, page] of pages.entries()) {
    const where = pages.length === 1 ? '' : `page ${i + 1}: `;
    if (!isObject(page)) {
      reading.bad(file, where, `is none of ${format.about}`);
      continue;
    }
    hasMore = format.hasMore(page);
    for (const { at, read } of format.read(page))
      if (!reading.take(file, `${where}${at}`, read)) return hasMore;
  }
  return hasMore;
};

/**
 * Reads bills, handing over line by line; pages of an API in their order. Whoever calls takes all or nothing: with a problem, nothing.
 * @param add false: it takes no more
 */
export const readBills = async (
  paths: readonly string[],
  format: BillFormat,
  add: (line: BillLine) => boolean,
): Promise<BillFiles> => {
  const reading = new Reading(add);
  let hasMore = false;
  for (const path of paths) {
    try {
      if (format.kind === 'csv') await readCsv(path, format, reading);
      else hasMore = await readJson(path, format, reading);
    } catch (error) {
      reading.bad(basename(path), '', error instanceof Error ? error.message : String(error));
    }
    if (reading.problems.length >= mostProblems) break;
  }
  const last = paths.at(-1);
  if (hasMore && last !== undefined && reading.problems.length === 0)
    reading.bad(basename(last), 'has_more', 'more pages follow, and are not among the files');
  const { lines, others, problems } = reading;
  return { lines, others, problems };
};
