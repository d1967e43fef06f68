/** One flipped bit in a spool line: found by its checksum, and undone. */
import { parseEntry, type StoredEntry } from './entry.ts';

/** Trying every bit costs the square of the length: 10 ms for a common row, 150 ms for this. */
const maxLineBytes = 4096;

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

/**
 * The entry that a damaged line (without its newline) was before one bit of it flipped; null: more than that is wrong.
 * CRC-32 tells all single flips of a line this short apart, so what is found is what was written; that a line with
 * other damage fits by chance happens once in about 100,000 damaged lines.
 */
export const mended = (line: Buffer): StoredEntry | null => {
  if (line.length > maxLineBytes) return null;
  const bytes = Buffer.from(line);
  for (const [at, byte] of line.entries())
    for (let bit = 0; bit < 8; bit += 1) {
      bytes[at] = byte ^ (1 << bit);
      const entry = parseEntry(bytes);
      if (entry !== null && isJson(entry.json.toString())) return entry;
      bytes[at] = byte;
    }
  return null;
};
