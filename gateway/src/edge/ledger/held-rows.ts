/** Rows of calls that the disk refuses: kept in memory, lent to whoever has another place for them, written when it can be. */

/** Told whether its line is on disk. A row that is held is told no, and written later all the same. */
export type Told = (ok: boolean) => void;

/** A row of a call that was refused before it reached a provider has a smaller right to the disk. */
export type LineKind = 'story' | 'row' | 'refusal';

/** What is to be done about a line once it is known what became of it. */
export interface Ending {
  readonly kind: LineKind;
  /** Null for lines nobody waits for. */
  readonly written: Told | null;
  /** Told that the line was given up; null for lines that may be left out. */
  readonly dropped: (() => void) | null;
}

/** A line that waits for the end of the turn. */
export interface Pending extends Ending {
  readonly bytes: number;
}

/** A finished row that the disk refuses, in memory of its own. */
export interface Held extends Pending {
  readonly kind: 'row' | 'refusal';
  readonly line: Buffer;
}

/** Rows that the disk did not take, in hand of somebody who has another place for them. */
export interface Lent {
  readonly lines: readonly Buffer[];
  /** Of these, rows of refused calls. */
  readonly refusalBytes: number;
  /** They are safe elsewhere. */
  done(): void;
  /** They are not: held as before. */
  giveBack(): void;
}

/** How many of `lines` make one piece; at least one. */
export const pieceLength = (lines: readonly Pending[], most: number): number => {
  let sum = 0;
  let i = 0;
  for (const { bytes } of lines) {
    sum += bytes;
    if (i > 0 && sum > most) return i;
    i += 1;
  }
  return i;
};

/** After a refusal: a disk that has room for a little again takes it. */
const smallPieceBytes = 64 * 1024;

/** Oldest first. */
export class HeldRows {
  readonly #onBack: () => void;
  #rows: Held[] = [];
  #lent: readonly Held[] = [];
  /** So many came back: they are lent together again, so that they can be known by their first. */
  #cameBack = 0;

  /** @param onBack told that rows came back which had been lent */
  constructor(onBack: () => void) {
    this.#onBack = onBack;
  }

  /** How many wait for the disk. */
  get waiting(): number {
    return this.#rows.length;
  }

  /** How many are lent. */
  get lent(): number {
    return this.#lent.length;
  }

  add(row: Held): void {
    this.#rows.push(row);
  }

  /** The first of them, as many as one write takes; they wait no longer. */
  take(): readonly Held[] {
    const length = pieceLength(this.#rows, smallPieceBytes);
    const piece = this.#rows.slice(0, length);
    this.#rows = this.#rows.slice(length);
    return piece;
  }

  /** The disk took nothing of what was taken last. */
  putBack(piece: readonly Held[]): void {
    this.#rows = [...piece, ...this.#rows];
  }

  /** The disk took something: which rows are first now is nobody's business any more. */
  moveOn(): void {
    this.#cameBack = 0;
  }

  /** The oldest, to one at a time; null: there are none, or some are lent already. */
  lend(atMost: number): Lent | null {
    if (this.#lent.length > 0 || this.#rows.length === 0) return null;
    const part = this.#rows.slice(0, this.#cameBack === 0 ? atMost : this.#cameBack);
    this.#lent = part;
    this.#rows = this.#rows.slice(part.length);
    return {
      lines: part.map(({ line }) => line),
      refusalBytes: part.reduce(
        (sum, { kind, bytes }) => sum + (kind === 'refusal' ? bytes : 0),
        0,
      ),
      done: () => this.#takeBack([]),
      giveBack: () => this.#takeBack(part),
    };
  }

  /** All that wait, given up. */
  abandon(): readonly Held[] {
    const given = this.#rows;
    this.#rows = [];
    return given;
  }

  #takeBack(part: readonly Held[]): void {
    this.#lent = [];
    this.#cameBack = part.length;
    if (part.length === 0) return;
    this.putBack(part);
    this.#onBack();
  }
}
