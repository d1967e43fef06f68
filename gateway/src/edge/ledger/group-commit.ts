/**
 * Lines of one event-loop turn become one write. What a disk refuses is tried again in small pieces every `retryMs`:
 * whoever waits for an intent is told no at once, and the rows of calls, which must not be lost, are held.
 */
import { ByteText } from '../../model/byte-text.ts';
import {
  HeldRows,
  pieceLength,
  type Ending,
  type Lent,
  type LineKind,
  type Pending,
  type Told,
} from './held-rows.ts';

/** Puts a whole line down, newline included. */
type Put = (out: ByteText) => void;

/** A finished row. */
interface RowLine extends Ending {
  readonly kind: 'row' | 'refusal';
  readonly put: Put;
}

/** The finished rows that one write brought to disk. */
export interface Committed {
  readonly closes: number;
  readonly closeBytes: number;
  /** Of these, rows of refused calls. */
  readonly refusalBytes: number;
  /** When the write began, on the monotonic clock. */
  readonly startedMs: number;
}

export interface GroupCommit {
  /** Tells once that the line is on disk, or that it will not be. */
  durable(put: Put, told: Told): void;
  /** Written with the next commit, or left out when the disk refuses. */
  offer(put: Put): void;
  /** Written with the next commit that the disk takes; how many bytes that will be. */
  keep(row: RowLine): number;
  /** Lines not yet written. */
  waiting(): number;
  /** The disk has refused the last write. */
  refusing(): boolean;
  /** Rows that are held because the disk refuses them, oldest first; null: none are, or they are lent already. */
  lend(atMost: number): Lent | null;
  /** Writes what waits now, for the last time. */
  stop(): void;
  /** Gives up what still waits, and says so to whom it belongs; how many lines that were. */
  abandon(): number;
}

const retryMs = 250;
/** Of one write: all that a turn brings, as a rule. */
const pieceBytes = 1024 * 1024;

export interface GroupCommitOptions {
  /** Appends to a file, all or nothing; null: written, else why not. */
  write(data: Buffer): string | null;
  /** Tells when what was appended is safe from whatever it is to survive, or that this cannot be said. */
  whenSafe(told: Told): void;
  /** Lets go of something on the disk, so that rows find room; false: there is nothing more. */
  makeRoom(): boolean;
  onWritten(committed: Committed): void;
  /** Nothing waits to be written any more. */
  onAllWritten(): void;
  onCommit(seconds: number): void;
  onError(message: string): void;
}

/** Counts the rows among lines that are written. */
const committed = (lines: readonly Pending[], startedMs: number): Committed => {
  let closes = 0;
  let closeBytes = 0;
  let refusalBytes = 0;
  for (const { kind, bytes } of lines) {
    if (kind === 'story') continue;
    closes += 1;
    closeBytes += bytes;
    if (kind === 'refusal') refusalBytes += bytes;
  }
  return { closes, closeBytes, refusalBytes, startedMs };
};

/** Nothing waits yet. */
export const startGroupCommit = (options: GroupCommitOptions): GroupCommit =>
  new RunningGroupCommit(options);

class RunningGroupCommit implements GroupCommit {
  readonly #options: GroupCommitOptions;
  /** Lines of this turn, and their text one after the other. */
  #pending: Pending[] = [];
  #text = new ByteText();
  /** Takes the lines of the next turn while those of this one are written. */
  #otherText = new ByteText();
  /** They are older than all lines that are pending. */
  readonly #held = new HeldRows(() => {
    if (!this.#refusing) this.#schedule();
  });
  /** Of the lines that are being written, those behind the piece at hand. */
  #behind = 0;
  #scheduled = false;
  #refusing = false;
  #stopped = false;
  /** Made once: every turn with lines ends with it. */
  readonly #atEndOfTurn = (): void => this.#flush();

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  durable(put: Put, told: Told): void {
    if (this.#stopped || this.#refusing) told(false);
    else this.#enqueue(put, 'story', told, null);
  }

  offer(put: Put): void {
    if (!this.#stopped && !this.#refusing) this.#enqueue(put, 'story', null, null);
  }

  keep({ put, kind, written, dropped }: RowLine): number {
    if (!this.#refusing) return this.#enqueue(put, kind, written, dropped);
    const bytes = this.#put(put);
    const from = this.#text.length - bytes;
    const line = Buffer.from(this.#text.view(from));
    this.#text.cut(from);
    this.#held.add({ line, bytes, kind, written: null, dropped });
    written?.(false);
    return bytes;
  }

  waiting(): number {
    return this.#pending.length + this.#behind + this.#held.waiting + this.#held.lent;
  }

  refusing(): boolean {
    return this.#refusing;
  }

  lend(atMost: number): Lent | null {
    return this.#refusing ? this.#held.lend(atMost) : null;
  }

  stop(): void {
    this.#stopped = true;
    this.#refusing = false;
    this.#flush();
  }

  abandon(): number {
    const given = [...this.#held.abandon(), ...this.#pending];
    this.#pending = [];
    this.#text.cut(0);
    for (const { dropped } of given) dropped?.();
    return given.length;
  }

  #enqueue(
    put: Put,
    kind: LineKind,
    written: Ending['written'],
    dropped: Ending['dropped'],
  ): number {
    const bytes = this.#put(put);
    this.#pending.push({ bytes, kind, written, dropped });
    this.#schedule();
    return bytes;
  }

  /** How long the line is. One that cannot be put down leaves nothing behind: half of it would spoil those after it. */
  #put(put: Put): number {
    const from = this.#text.length;
    try {
      put(this.#text);
      return this.#text.length - from;
    } catch (error) {
      this.#text.cut(from);
      throw error;
    }
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#atEndOfTurn);
  }

  /** Writes what waits, until all is written or the disk refuses and has nothing to let go of. */
  #flush(): void {
    this.#scheduled = false;
    if (this.#refusing || !this.#writeHeld() || this.#pending.length === 0) return;
    const [lines, text] = [this.#pending, this.#text];
    this.#pending = [];
    [this.#text, this.#otherText] = [this.#otherText, text];
    this.#writeLines(lines, text);
    text.cut(0);
    if (this.waiting() === 0) this.#options.onAllWritten();
  }

  /** Writes lines whose text is all of `text`, piece by piece; what the disk refuses of them is held, if it must not be lost. */
  #writeLines(lines: readonly Pending[], text: ByteText): void {
    let [first, at] = [0, 0];
    while (first < lines.length) {
      const rest = first === 0 ? lines : lines.slice(first);
      const length = pieceLength(rest, pieceBytes);
      const piece = length === rest.length ? rest : rest.slice(0, length);
      const end = piece.reduce((sum, { bytes }) => sum + bytes, at);
      this.#behind = rest.length - length;
      const failure = this.#write(text.view(at, end), piece);
      if (failure !== null) {
        this.#holdRows(rest, text.view(at));
        if (this.#held.waiting === 0 || !this.#options.makeRoom()) this.#refuse(failure);
        else this.#writeHeld();
        return;
      }
      [first, at] = [first + length, end];
    }
  }

  /** Writes the rows that are held, in small pieces; false: the disk still refuses them. */
  #writeHeld(): boolean {
    while (this.#held.waiting > 0) {
      const piece = this.#held.take();
      this.#behind = 0;
      const failure = this.#write(Buffer.concat(piece.map(({ line }) => line)), piece);
      if (failure === null) continue;
      this.#held.putBack(piece);
      if (this.#options.makeRoom()) continue;
      this.#refuse(failure);
      return false;
    }
    return true;
  }

  /** Null: the piece is on disk, and whoever waits for it knows. */
  #write(data: Buffer, piece: readonly Pending[]): string | null {
    const startedMs = performance.now();
    const failure = this.#options.write(data);
    if (failure !== null) return failure;
    this.#held.moveOn();
    this.#options.onCommit((performance.now() - startedMs) / 1000);
    this.#options.whenSafe((ok) => {
      for (const { written } of piece) written?.(ok);
    });
    this.#options.onWritten(committed(piece, startedMs));
    return null;
  }

  /** Of lines that were refused, the rows wait in memory of their own; whoever waits for one of them hears it. */
  #holdRows(lines: readonly Pending[], text: Buffer): void {
    let at = 0;
    for (const { bytes, kind, written, dropped } of lines) {
      const line = text.subarray(at, at + bytes);
      at += bytes;
      if (kind !== 'story')
        this.#held.add({ line: Buffer.from(line), bytes, kind, written: null, dropped });
      written?.(false);
    }
    this.#behind = 0;
  }

  /** Nothing is written for a while. */
  #refuse(failure: string): void {
    this.#options.onError(failure);
    this.#refusing = true;
    if (!this.#stopped) setTimeout(() => this.#retry(), retryMs).unref();
  }

  #retry(): void {
    this.#refusing = false;
    this.#flush();
  }
}
