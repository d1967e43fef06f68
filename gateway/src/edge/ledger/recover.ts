/** What an earlier life of this gateway left behind: rows to ship, and calls that never ended. */
import { createReadStream, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseEntry } from './entry.ts';
import type { SegmentFile } from './files.ts';
import type { OpenCall } from './intent.ts';
import type { Sealed } from './spool.ts';

export interface Leftover {
  readonly segments: readonly Sealed[];
  /** Calls with an intent and no close, by call id. */
  readonly open: ReadonlyMap<string, OpenCall>;
  readonly rows: number;
  /** Lines that failed their checksum. */
  readonly damaged: number;
}

/**
 * Reads left-over segments, oldest first. A call is open only while its close has not been seen, so what is kept in
 * memory is no more than was ever in flight.
 */
export const readLeftover = async (files: readonly SegmentFile[]): Promise<Leftover> => {
  const open = new Map<string, { intent: string; further: string[]; progress: string | null }>();
  const closed = new Set<string>();
  const segments: Sealed[] = [];
  let rows = 0;
  let damaged = 0;
  for (const file of files) {
    const { size, mtimeMs } = statSync(file.path);
    let closes = 0;
    for await (const text of createInterface({ input: createReadStream(file.path, 'utf8') })) {
      if (text === '') continue;
      const entry = parseEntry(text);
      if (entry === null) {
        damaged += 1;
        continue;
      }
      const call = open.get(entry.callId);
      switch (entry.kind) {
        case 'i':
          // Carried into a later segment: what that one says replaces what this one said.
          open.set(entry.callId, { intent: entry.json, further: [], progress: null });
          break;
        case 'a':
          call?.further.push(entry.json);
          break;
        case 'p':
          if (call !== undefined) call.progress = entry.json;
          break;
        case 'c':
          closes += 1;
          if (!open.delete(entry.callId)) closed.add(entry.callId);
          break;
      }
    }
    rows += closes;
    segments.push({ ...file, bytes: size, closes, sealedAtMs: mtimeMs });
  }
  for (const callId of closed) open.delete(callId);
  return { segments, open, rows, damaged };
};
