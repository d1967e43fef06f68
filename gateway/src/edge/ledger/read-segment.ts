/** A sealed segment as the shipper needs it: its rows, and who wrote them. */
import { parseEntry, type StoredEntry } from './entry.ts';
import { bytesOf, readLines, type Line } from './files.ts';
import { readHead, type Head } from './identity.ts';
import { mended } from './mend.ts';

export interface Contents {
  /** Null: it was written before segments had one, or it is damaged. */
  readonly head: Head | null;
  /** The finished rows, in the order they were written. */
  readonly rows: readonly StoredEntry[];
  /** Lines that were damaged and are whole again. */
  readonly mended: number;
  /** Lines that are damaged for good. */
  readonly damaged: number;
}

/** What a row's line never begins with, unless a bit of it flipped. */
const storyKinds = new Set(['m', 'i', 's', 'a', 'p'].map((kind) => kind.charCodeAt(0)));
/** Whether it may be a row's or a head's line. */
const isNoStory = (first: number): boolean => !storyKinds.has(first);
/** Trying to mend lines costs time; a file with more damage than this is not a matter of a flipped bit. */
const maxMended = 200;

/**
 * Reads the segment at `path`; null: somebody has deleted it. Only heads and rows are checked line by line; `expected`
 * rows short of that, every line is, for a row whose first letter flipped looks like something else.
 */
export const readSegment = async (path: string, expected: number): Promise<Contents | null> => {
  const quick = await read(path, false);
  if (quick === null || (quick.rows.length >= expected && quick.damaged === 0)) return quick;
  return read(path, true);
};

const startReading = (everyLine: boolean) => {
  const rows: StoredEntry[] = [];
  let head: Head | null = null;
  let [wholeAgain, damaged] = [0, 0];

  const entryOf = (line: Line): StoredEntry | null => {
    const entry = parseEntry(line.bytes, line.from, line.to);
    if (entry !== null || !everyLine || wholeAgain + damaged >= maxMended) return entry;
    const again = mended(bytesOf(line));
    if (again !== null) wholeAgain += 1;
    return again;
  };
  return {
    take(line: Line, whole: boolean): void {
      const entry = entryOf(line);
      // One without its newline was cut short by a crash, which is no damage.
      if (entry === null) damaged += whole ? 1 : 0;
      else if (entry.kind === 'h') head = readHead(entry.json.toString());
      else if (entry.kind === 'c') rows.push(entry);
    },
    contents: (): Contents => ({ head, rows, mended: wholeAgain, damaged }),
  };
};

const read = async (path: string, everyLine: boolean): Promise<Contents | null> => {
  const reading = startReading(everyLine);
  try {
    for await (const { lines, whole } of readLines(path, everyLine ? undefined : isNoStory))
      for (const line of lines) reading.take(line, whole);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  return reading.contents();
};
