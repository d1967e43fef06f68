/** Calls that have an intent and no close yet, as the entries that tell their story so far. */
import type { ByteText } from '../../model/byte-text.ts';
import { putEntry, type EntryKind, type Says } from './entry.ts';

/** An entry of a call, and the one before it. */
interface Told {
  readonly kind: EntryKind;
  readonly says: Says;
  readonly before: Told | null;
}

interface Story {
  /** The intent, the further attempts, and what was sent of them; the last of these. */
  last: Told;
  progress: Says | null;
}

export interface OpenCalls {
  intend(callId: string, says: Says): void;
  /** A further attempt, or that one was sent. False: there is no such call. */
  further(callId: string, kind: 'a' | 's', says: Says): boolean;
  /** False: there is no such call. */
  progress(callId: string, says: Says): boolean;
  /** Takes back the call's last entry: it never came to the disk. An intent taken back is a call that never was. */
  takeBack(callId: string): void;
  has(callId: string): boolean;
  /** True when the call was open, that is, when it had an intent. */
  close(callId: string): boolean;
  size(): number;
  /** Puts down everything a new segment must hold so that the ones before it can be deleted. */
  carry(out: ByteText): void;
}

const putTold = (out: ByteText, callId: string, { kind, says, before }: Told): void => {
  if (before !== null) putTold(out, callId, before);
  putEntry(out, kind, callId, says);
};

/** None open yet. */
export const openCalls = (): OpenCalls => {
  const open = new Map<string, Story>();
  return {
    intend(callId, says) {
      open.set(callId, { last: { kind: 'i', says, before: null }, progress: null });
    },
    further(callId, kind, says) {
      const story = open.get(callId);
      if (story === undefined) return false;
      story.last = { kind, says, before: story.last };
      // What an earlier attempt brought is told by how it ended.
      story.progress = null;
      return true;
    },
    progress(callId, says) {
      const story = open.get(callId);
      if (story === undefined) return false;
      story.progress = says;
      return true;
    },
    takeBack(callId) {
      const story = open.get(callId);
      if (story === undefined) return;
      if (story.last.before === null) open.delete(callId);
      else story.last = story.last.before;
    },
    has: (callId) => open.has(callId),
    close: (callId) => open.delete(callId),
    size: () => open.size,
    carry(out) {
      for (const [callId, { last, progress }] of open) {
        putTold(out, callId, last);
        if (progress !== null) putEntry(out, 'p', callId, progress);
      }
    },
  };
};
