/** Which calls a damaged segment has lost the rows of, found while the gateway that wrote it runs. */
import { dirname } from 'node:path';
import { parseEntry } from './entry.ts';
import { readLines, segmentFile, type SegmentFile } from './files.ts';
import type { OpenCall } from './intent.ts';
import { readLeftover } from './recover.ts';

/** Calls with an intent in a segment; null: it cannot be read, or not every line of it. */
const intentsIn = async ({ path }: SegmentFile): Promise<ReadonlySet<string> | null> => {
  const calls = new Set<string>();
  try {
    for await (const { lines, whole } of readLines(path))
      for (const line of lines) {
        const entry = parseEntry(line.bytes, line.from, line.to);
        // One without its newline is being written.
        if (entry === null && whole) return null;
        if (entry?.kind === 'i') calls.add(entry.callId);
      }
  } catch {
    return null;
  }
  return calls;
};

/**
 * A segment tells the whole story of every call that ended in it, and the next one begins with the calls that were open
 * when it was sealed. So a call that has no row here and was not carried there ended here, and its row is damaged.
 * Nothing is said when that is in doubt: of an ended call a second row would be worse than none.
 * @param lost how many rows of the segment cannot be read; those of refused calls, which have no story, are among them
 */
export const callsWithoutRow = async (
  segment: SegmentFile,
  lost: number,
): Promise<ReadonlyMap<string, OpenCall>> => {
  const { path, incarnation, number } = segment;
  const carried = await intentsIn(segmentFile(dirname(path), incarnation, number + 1));
  const { open } = await readLeftover([segment]);
  const ended = carried === null ? [] : [...open].filter(([callId]) => !carried.has(callId));
  return new Map(
    ended.length > lost
      ? []
      : ended.map(([callId, call]): [string, OpenCall] => [callId, { ...call, uncertain: true }]),
  );
};
