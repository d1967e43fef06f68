/**
 * Lines of one event-loop turn become one write. What a disk refuses is tried again in small pieces every `retryMs`:
 * whoever waits for an intent is told no at once, and the rows of calls, which must not be lost, are held.
 */

/** Told whether its line is on disk. A row that is held is told no, and written later all the same. */
type Told = (ok: boolean) => void;

/** A row of a call that was refused before it reached a provider has a smaller right to the disk. */
export type LineKind = 'story' | 'row' | 'refusal';

interface Pending {
  readonly line: string;
  readonly kind: LineKind;
  /** Null for lines nobody waits for. */
  readonly written: Told | null;
  /** Told that the line was given up; null for lines that may be left out. */
  readonly dropped: (() => void) | null;
}

/** A finished row. */
type RowLine = Pending & { readonly kind: 'row' | 'refusal' };

/** The finished rows that one write brought to disk. */
export interface Committed {
  readonly closes: number;
  readonly closeChars: number;
  /** Of these, rows of refused calls. */
  readonly refusalChars: number;
  /** When the write began, on the monotonic clock. */
  readonly startedMs: number;
}

/** Rows that the disk did not take, in hand of somebody who has another place for them. */
export interface Lent {
  readonly lines: readonly string[];
  /** Of these, rows of refused calls. */
  readonly refusalChars: number;
  /** They are safe elsewhere. */
  done(): void;
  /** They are not: held as before. */
  giveBack(): void;
}

export interface GroupCommit {
  /** Answers once the line is on disk, or that it will not be. */
  durable(line: string): Promise<boolean>;
  /** Written with the next commit, or left out when the disk refuses. */
  offer(line: string): void;
  /** Written with the next commit that the disk takes. */
  keep(row: RowLine): void;
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
const pieceChars = 1024 * 1024;
/** After a refusal: a disk that has room for a little again takes it. */
const smallPieceChars = 64 * 1024;

/** How many of `lines` make one piece; at least one. */
const pieceLength = (lines: readonly Pending[], chars: number): number => {
  let size = 0;
  for (const [i, { line }] of lines.entries()) {
    size += line.length;
    if (i > 0 && size > chars) return i;
  }
  return lines.length;
};

export interface GroupCommitOptions {
  /** Appends text to a file, all or nothing; null: written, else why not. */
  write(text: string): string | null;
  /** Lets go of something on the disk, so that rows find room; false: there is nothing more. */
  makeRoom(): boolean;
  onWritten(committed: Committed): void;
  onCommit(seconds: number): void;
  onError(message: string): void;
}

/** What is left after a refusal: the rows, whose writers hear that they have to wait. */
const rowsOf = (rest: readonly Pending[]): Pending[] => {
  for (const { written } of rest) written?.(false);
  return rest.filter(({ kind }) => kind !== 'story').map((row) => ({ ...row, written: null }));
};

/** Tells the writers that their lines are on disk, and counts the rows among them. */
const committed = (piece: readonly Pending[], startedMs: number): Committed => {
  let closes = 0;
  let closeChars = 0;
  let refusalChars = 0;
  for (const { line, kind, written } of piece) {
    written?.(true);
    if (kind === 'story') continue;
    closes += 1;
    closeChars += line.length;
    if (kind === 'refusal') refusalChars += line.length;
  }
  return { closes, closeChars, refusalChars, startedMs };
};

/** Nothing waits yet. */
export const startGroupCommit = (options: GroupCommitOptions): GroupCommit =>
  new RunningGroupCommit(options);

class RunningGroupCommit implements GroupCommit {
  readonly #options: GroupCommitOptions;
  #pending: Pending[] = [];
  #lent: readonly Pending[] = [];
  /** So many came back: they are lent together again, so that they can be known by their first. */
  #cameBack = 0;
  /** Of the batch that is being written, the part behind the piece at hand. */
  #behind = 0;
  #scheduled = false;
  #refusing = false;
  #stopped = false;
  /** Made once: every turn with lines ends with it. */
  readonly #atEndOfTurn = (): void => this.#flush();

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  durable(line: string): Promise<boolean> {
    if (this.#stopped || this.#refusing) return Promise.resolve(false);
    return new Promise((written) => {
      this.#enqueue({ line, kind: 'story', written, dropped: null });
    });
  }

  offer(line: string): void {
    if (!this.#stopped && !this.#refusing)
      this.#enqueue({ line, kind: 'story', written: null, dropped: null });
  }

  keep(row: RowLine): void {
    if (!this.#refusing) return this.#enqueue(row);
    row.written?.(false);
    this.#enqueue({ ...row, written: null });
  }

  waiting(): number {
    return this.#pending.length + this.#behind + this.#lent.length;
  }

  refusing(): boolean {
    return this.#refusing;
  }

  lend(atMost: number): Lent | null {
    if (!this.#refusing || this.#lent.length > 0 || this.#pending.length === 0) return null;
    const part = this.#pending.slice(0, this.#cameBack === 0 ? atMost : this.#cameBack);
    this.#lent = part;
    this.#pending = this.#pending.slice(part.length);
    return {
      lines: part.map(({ line }) => line),
      refusalChars: part.reduce((sum, p) => sum + (p.kind === 'refusal' ? p.line.length : 0), 0),
      done: () => this.#takeBack([]),
      giveBack: () => this.#takeBack(part),
    };
  }

  stop(): void {
    this.#stopped = true;
    this.#refusing = false;
    this.#flush();
  }

  abandon(): number {
    const given = this.#pending;
    this.#pending = [];
    for (const { dropped } of given) dropped?.();
    return given.length;
  }

  /** What was lent is done with, or these of it wait again, before all that came since. */
  #takeBack(part: readonly Pending[]): void {
    if (part.length > 0) this.#pending = [...part, ...this.#pending];
    this.#lent = [];
    this.#cameBack = part.length;
  }

  #enqueue(line: Pending): void {
    this.#pending.push(line);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#atEndOfTurn);
  }

  /** Writes what waits, piece by piece, until all is written or the disk refuses and has nothing to let go of. */
  #flush(): void {
    this.#scheduled = false;
    if (this.#refusing) return;
    let rest: readonly Pending[] = this.#pending;
    let chars = pieceChars;
    this.#pending = [];
    while (rest.length > 0) {
      const length = pieceLength(rest, chars);
      this.#behind = rest.length - length;
      const failure = this.#write(this.#behind === 0 ? rest : rest.slice(0, length));
      if (failure === null) {
        this.#cameBack = 0;
        rest = rest.slice(length);
        continue;
      }
      [rest, chars] = [rowsOf(rest), smallPieceChars];
      if (rest.length > 0 && this.#options.makeRoom()) continue;
      this.#hold(rest, failure);
      return;
    }
  }

  /** Null: the piece is on disk, and whoever waits for it knows. */
  #write(piece: readonly Pending[]): string | null {
    const startedMs = performance.now();
    let text = '';
    for (const { line } of piece) text += line;
    const failure = this.#options.write(text);
    if (failure !== null) return failure;
    this.#options.onCommit((performance.now() - startedMs) / 1000);
    this.#options.onWritten(committed(piece, startedMs));
    return null;
  }

  /** The disk refuses these rows: they wait before all that came since, and are tried again in a while. */
  #hold(rows: readonly Pending[], failure: string): void {
    this.#options.onError(failure);
    this.#refusing = true;
    this.#behind = 0;
    this.#pending = [...rows, ...this.#pending];
    if (!this.#stopped) setTimeout(() => this.#retry(), retryMs).unref();
  }

  #retry(): void {
    this.#refusing = false;
    this.#flush();
  }
}
