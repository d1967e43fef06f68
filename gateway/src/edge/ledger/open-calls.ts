/** Calls that have an intent and no close yet, as the lines that tell their story so far. */

interface Story {
  /** The intent, the further attempts, and what was sent of them, in order. */
  readonly lines: string[];
  progress: string;
}

export interface OpenCalls {
  intend(callId: string, line: string): void;
  /** A further attempt, or that one was sent. False: there is no such call. */
  further(callId: string, line: string): boolean;
  /** False: there is no such call. */
  progress(callId: string, line: string): boolean;
  /** Takes back the call's last line: it never came to the disk. An intent taken back is a call that never was. */
  takeBack(callId: string): void;
  has(callId: string): boolean;
  /** True when the call was open, that is, when it had an intent. */
  close(callId: string): boolean;
  size(): number;
  /** Everything a new segment must hold so that the ones before it can be deleted. */
  carried(): string;
}

/** None open yet. */
export const openCalls = (): OpenCalls => {
  const open = new Map<string, Story>();
  return {
    intend(callId, line) {
      open.set(callId, { lines: [line], progress: '' });
    },
    further(callId, line) {
      const story = open.get(callId);
      if (story === undefined) return false;
      story.lines.push(line);
      // What an earlier attempt brought is told by how it ended.
      story.progress = '';
      return true;
    },
    progress(callId, line) {
      const story = open.get(callId);
      if (story === undefined) return false;
      story.progress = line;
      return true;
    },
    takeBack(callId) {
      const story = open.get(callId);
      story?.lines.pop();
      if (story?.lines.length === 0) open.delete(callId);
    },
    has: (callId) => open.has(callId),
    close: (callId) => open.delete(callId),
    size: () => open.size,
    carried() {
      let text = '';
      for (const { lines, progress } of open.values()) text += lines.join('') + progress;
      return text;
    },
  };
};
