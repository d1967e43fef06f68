/** One segment file while it is written: appended to, synced, sealed once. */
import { closeSync, fdatasync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import type { SegmentFile } from './files.ts';

export interface Segment {
  readonly file: SegmentFile;
  /** Bytes written so far. */
  bytes(): number;
  /** All or nothing; null: written, else why not. */
  append(data: Buffer): string | null;
  /** Begins to put what was written on the disk itself, unless that is under way or done. */
  sync(): void;
  /** Tells when all that was written until now is on the disk itself, or that this cannot be said. Begins a sync. */
  whenSynced(told: (ok: boolean) => void): void;
  /** Something was written that no sync was begun for. */
  isDirty(): boolean;
  /** Ends the file: on the disk itself, closed, never written again. Resolves also when the disk complains. */
  finish(): Promise<void>;
  /** Takes the file back, as if it had never been. */
  discard(): void;
}

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
  head: Buffer,
  onError: (message: string) => void,
): Segment => {
  const segment = new OpenSegment(file, onError);
  const failure = segment.append(head);
  if (failure === null) return segment;
  segment.discard();
  throw new Error(failure);
};

class OpenSegment implements Segment {
  readonly file: SegmentFile;
  readonly #onError: (message: string) => void;
  readonly #fd: number;
  #bytes = 0;
  #isDirty = false;
  #isSyncing = false;
  /** What is to be done once no background sync uses the descriptor any more; set when the file has ended. */
  #whenIdle: (() => void) | null = null;
  /** They wait for a sync that begins later than now. */
  #waiting: ((ok: boolean) => void)[] = [];

  constructor(file: SegmentFile, onError: (message: string) => void) {
    this.file = file;
    this.#onError = onError;
    this.#fd = openSync(file.path, 'wx', 0o600);
  }

  bytes(): number {
    return this.#bytes;
  }

  append(data: Buffer): string | null {
    let done = 0;
    try {
      while (done < data.length)
        done += writeSync(this.#fd, data, done, data.length - done, this.#bytes + done);
    } catch (error) {
      try {
        if (done > 0) ftruncateSync(this.#fd, this.#bytes);
      } catch {
        // A torn line that stays fails its checksum when it is read, and the next append goes over it.
      }
      return reasonOf(error);
    }
    this.#bytes += data.length;
    this.#isDirty = true;
    return null;
  }

  isDirty(): boolean {
    return this.#isDirty;
  }

  sync(): void {
    if (this.#isDirty && this.#mayBegin()) this.#begin();
  }

  whenSynced(told: (ok: boolean) => void): void {
    this.#waiting.push(told);
    if (this.#mayBegin()) this.#begin();
  }

  finish(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void =>
        this.#syncAll(() => {
          this.#close();
          resolve();
        });
      this.#whenIdle = end;
      if (!this.#isSyncing) end();
    });
  }

  discard(): void {
    this.#close();
    rmSync(this.file.path, { force: true });
  }

  #mayBegin(): boolean {
    return !this.#isSyncing && this.#whenIdle === null;
  }

  #begin(): void {
    this.#isSyncing = true;
    this.#syncAll(() => {
      this.#isSyncing = false;
      if (this.#whenIdle !== null) this.#whenIdle();
      else if (this.#waiting.length > 0) this.#begin();
    });
  }

  /** Puts all that was written on the disk itself, and tells whoever waits for it. */
  #syncAll(then: () => void): void {
    const told = this.#waiting;
    this.#waiting = [];
    this.#isDirty = false;
    fdatasync(this.#fd, (error) => {
      // After a failed sync the kernel may have dropped what it could not write: said, for nothing can be done.
      if (error !== null)
        this.#onError(`${this.file.path} may not survive a power loss: ${error.message}`);
      for (const tell of told) tell(error === null);
      then();
    });
  }

  #close(): void {
    try {
      closeSync(this.#fd);
    } catch (error) {
      this.#onError(`cannot close ${this.file.path}: ${reasonOf(error)}`);
    }
  }
}
