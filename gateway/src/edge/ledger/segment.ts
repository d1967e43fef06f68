/** One segment file while it is written: appended to, synced, sealed once. */
import { closeSync, fdatasync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import type { SegmentFile } from './files.ts';

export interface Segment {
  readonly file: SegmentFile;
  /** Bytes written so far. */
  bytes(): number;
  /** All or nothing; null: written, else why not. */
  append(text: string): string | null;
  /** Begins to put what was written on the disk itself, unless that is under way or done. */
  sync(): void;
  /** Ends the file: on the disk itself, closed, never written again. Resolves also when the disk complains. */
  finish(): Promise<void>;
  /** Takes the file back, as if it had never been. */
  discard(): void;
}

/** Texts are encoded into memory that is used again: a fresh piece for each write costs the kernel a page at a time. */
const scratch = Buffer.allocUnsafeSlow(1024 * 1024);
const maxUtf8BytesPerChar = 3;

/** Valid until the next call. */
const encoded = (text: string): Buffer =>
  text.length * maxUtf8BytesPerChar > scratch.length
    ? Buffer.from(text)
    : scratch.subarray(0, scratch.write(text));

const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/**
 * Creates a segment's file and holds it open.
 * @param head what it begins with
 * @param onError told what a background write to disk complained about
 * @throws Error when it cannot be created, or is already there
 */
export const createSegment = (
  file: SegmentFile,
  head: string,
  onError: (message: string) => void,
): Segment => {
  const fd = openSync(file.path, 'wx', 0o600);
  let bytes = 0;
  let dirty = false;
  let syncing = false;
  let finishing = false;

  /** After a failed sync the kernel may have dropped what it could not write: said, for nothing can be done. */
  const complain = (error: Error | null): void => {
    if (error !== null) onError(`${file.path} may not survive a power loss: ${error.message}`);
  };
  const close = (): void => {
    try {
      closeSync(fd);
    } catch (error) {
      onError(`cannot close ${file.path}: ${reasonOf(error)}`);
    }
  };

  const append = (text: string): string | null => {
    const data = encoded(text);
    let done = 0;
    try {
      while (done < data.length)
        done += writeSync(fd, data, done, data.length - done, bytes + done);
    } catch (error) {
      try {
        if (done > 0) ftruncateSync(fd, bytes);
      } catch {
        // A torn line that stays fails its checksum when it is read, and the next append goes over it.
      }
      return reasonOf(error);
    }
    bytes += data.length;
    dirty = true;
    return null;
  };
  const discard = (): void => {
    close();
    rmSync(file.path, { force: true });
  };

  const failure = append(head);
  if (failure !== null) {
    discard();
    throw new Error(failure);
  }
  /** What is to be done once no background sync uses the descriptor any more. */
  let whenIdle: (() => void) | null = null;

  return {
    file,
    bytes: () => bytes,
    append,
    sync() {
      if (syncing || finishing || !dirty) return;
      syncing = true;
      dirty = false;
      fdatasync(fd, (error) => {
        syncing = false;
        complain(error);
        whenIdle?.();
      });
    },
    finish() {
      finishing = true;
      return new Promise((resolve) => {
        whenIdle = () =>
          fdatasync(fd, (error) => {
            complain(error);
            close();
            resolve();
          });
        if (!syncing) whenIdle();
      });
    },
    discard,
  };
};
