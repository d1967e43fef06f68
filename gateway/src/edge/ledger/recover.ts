/** What an earlier life of this gateway left behind: rows to ship, and calls that never ended. */
import { statSync } from 'node:fs';
import { parseEntry } from './entry.ts';
import { readLines, type SegmentFile } from './files.ts';
import type { OpenCall } from './intent.ts';
import type { Sealed } from './rotation.ts';

export interface Leftover {
  readonly segments: readonly Sealed[];
  /** Calls with an intent and no close, by call id. */
  readonly open: ReadonlyMap<string, OpenCall>;
  /** Lines that failed their checksum. */
  readonly damaged: number;
}

/**
 * Reads left-over segments, oldest first. A call is open only while its close has not been seen, so what is kept in
 * memory is no more than was ever in flight: an intent always stands before its close. The one exception, after a
 * clock that went back, are the closes that recovery wrote (segment 0 of a life), so those are remembered.
 */
export const readLeftover = async (files: readonly SegmentFile[]): Promise<Leftover> => {
  const open = new Map<string, { intent: string; further: string[]; progress: string | null }>();
  const recovered = new Set<string>();
  const segments: Sealed[] = [];
  let damaged = 0;
  for (const file of files) {
    const { size, mtimeMs } = statSync(file.path);
    let closes = 0;
    for await (const lines of readLines(file.path))
      for (const line of lines) {
        const entry = parseEntry(line);
        if (entry === null) {
          damaged += 1;
          continue;
        }
        const call = open.get(entry.callId);
        switch (entry.kind) {
          case 'i':
            // Carried into a later segment: what that one says replaces what this one said.
            open.set(entry.callId, { intent: entry.json.toString(), further: [], progress: null });
            break;
          case 'a':
            call?.further.push(entry.json.toString());
            break;
          case 'p':
            if (call !== undefined) call.progress = entry.json.toString();
            break;
          case 'c':
            closes += 1;
            if (!open.delete(entry.callId) && file.number === 0) recovered.add(entry.callId);
            break;
        }
      }
    segments.push({ ...file, bytes: size, closes, sealedAtMs: mtimeMs });
  }
  for (const callId of recovered) open.delete(callId);
  return { segments, open, damaged };
};
