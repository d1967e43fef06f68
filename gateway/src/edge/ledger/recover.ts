/** What an earlier life of this gateway left behind: rows to ship, and calls that never ended. */
import { statSync } from 'node:fs';
import { callIdIn, parseEntry, type StoredEntry } from './entry.ts';
import { bytesOf, readLines, type SegmentFile } from './files.ts';
import { readHead, type Head } from './identity.ts';
import type { OpenCall } from './intent.ts';
import type { Shipment } from './kept.ts';
import { mended } from './mend.ts';
import type { RowObserver } from './observer.ts';
import type { Sealed } from './rotation.ts';

export interface Leftover {
  readonly segments: readonly Shipment[];
  /** Calls with an intent and no close, by call id. */
  readonly open: ReadonlyMap<string, OpenCall>;
  /** What the segments say of shipped rows, in order (`lives.ts`). */
  readonly marks: readonly string[];
  /** Segments that cannot be read, and why. */
  readonly unreadable: readonly { readonly file: SegmentFile; readonly why: string }[];
  /** Lines that failed their checksum: cut short by a crash; whole again; damaged for good. */
  readonly torn: number;
  readonly mended: number;
  readonly damaged: number;
}

interface Story {
  intent: string;
  further: string[];
  progress: string | null;
  sent: boolean;
}

/** A file with more damage than this is not a matter of a flipped bit; mending costs time. */
const maxMended = 200;

/** A power loss leaves zeros where a write had not come to the disk. */
const unwritten = Buffer.alloc(8);
const isTorn = (line: Buffer, whole: boolean): boolean => !whole || line.includes(unwritten);

/** The calls of left-over segments, taken in oldest first. */
const startStories = () => {
  const open = new Map<string, Story>();
  const recovered = new Set<string>();
  return {
    open,
    recovered,
    /** @param marksSent segments without a head were written before it was said what was sent */
    take(entry: StoredEntry, file: SegmentFile, marksSent: boolean): void {
      const { callId, kind } = entry;
      const call = open.get(callId);
      switch (kind) {
        case 'h':
        case 'm':
          break;
        case 'i':
          // Carried into a later segment: what that one says replaces what this one said.
          open.set(callId, {
            intent: entry.json.toString(),
            further: [],
            progress: null,
            sent: !marksSent,
          });
          break;
        case 's':
          if (call !== undefined) call.sent = true;
          break;
        case 'a':
          call?.further.push(entry.json.toString());
          if (call !== undefined) [call.progress, call.sent] = [null, !marksSent];
          break;
        case 'p':
          if (call !== undefined) call.progress = entry.json.toString();
          break;
        case 'c':
          if (!open.delete(callId) && file.number === 0) recovered.add(callId);
          break;
      }
    },
  };
};

const replicaOf = (head: Head | null): string => head?.replica ?? '';

/**
 * Reads left-over segments, oldest first. A call is open only while its close has not been seen, so what is kept in
 * memory is no more than was ever in flight: an intent always stands before its close. The one exception, after a
 * clock that went back, are the closes that recovery wrote (segment 0 of a life), so those are remembered.
 * Each row is handed over as it is read. A call is `uncertain` when the line that ended it may be among the damaged ones.
 */
export const readLeftover = async (
  files: readonly SegmentFile[],
  onRow: RowObserver['onLeftRow'] = () => {},
): Promise<Leftover> => {
  const stories = startStories();
  const segments: Shipment[] = [];
  const marks: string[] = [];
  const unreadable: { file: SegmentFile; why: string }[] = [];
  const counts = { torn: 0, mended: 0, damaged: 0 };
  /** Calls with a damaged line, and whether there is damage that names none. */
  const suspects = new Set<string>();
  let anySuspect = false;

  const entryOf = (line: Buffer, whole: boolean): StoredEntry | null => {
    const entry = parseEntry(line);
    if (entry !== null) return entry;
    if (isTorn(line, whole)) {
      counts.torn += 1;
      return null;
    }
    const again = counts.mended + counts.damaged < maxMended ? mended(line) : null;
    if (again !== null) {
      counts.mended += 1;
      return again;
    }
    counts.damaged += 1;
    const callId = callIdIn(line);
    if (callId === null) anySuspect = true;
    else suspects.add(callId);
    return null;
  };

  for (const file of files) {
    let closes = 0;
    let head: Head | null = null;
    let toSeq = 0;
    let sinceMs = Infinity;
    const before = counts.mended + counts.damaged;
    const take = (line: Buffer, whole: boolean): void => {
      const entry = entryOf(line, whole);
      if (entry === null) return;
      if (entry.kind === 'h') head = readHead(entry.json.toString());
      if (entry.kind === 'm') marks.push(entry.json.toString());
      if (entry.kind === 'c') {
        closes += 1;
        toSeq = Math.max(toSeq, entry.seq);
        sinceMs = Math.min(sinceMs, entry.startOfCallMs());
        onRow(replicaOf(head), entry.seq, entry.json);
      }
      stories.take(entry, file, head !== null);
    };
    try {
      const { size, mtimeMs } = statSync(file.path);
      for await (const { lines, whole } of readLines(file.path))
        for (const line of lines) take(bytesOf(line), whole);
      const segment: Sealed = {
        ...file,
        bytes: size,
        closes,
        refusalBytes: 0,
        firstRowAtMs: mtimeMs,
        doubtful: true,
        damaged: counts.mended + counts.damaged > before,
      };
      segments.push({ segment, replica: replicaOf(head), toSeq, sinceMs });
    } catch (error) {
      unreadable.push({ file, why: String(error) });
      anySuspect = true;
    }
  }
  for (const callId of stories.recovered) stories.open.delete(callId);
  const open = new Map(
    [...stories.open].map(([callId, story]): [string, OpenCall] => [
      callId,
      { ...story, uncertain: anySuspect || suspects.has(callId) },
    ]),
  );
  return { segments, open, marks, unreadable, ...counts };
};
