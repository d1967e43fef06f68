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

/**
 * @param options.write appends text to a file, all or nothing; null: written, else why not
 * @param options.makeRoom lets go of something on the disk, so that rows find room; false: there is nothing more
 */
export const startGroupCommit = (options: {
  write(text: string): string | null;
  makeRoom(): boolean;
  onWritten(committed: Committed): void;
  onCommit(seconds: number): void;
  onError(message: string): void;
}): GroupCommit => {
  let pending: Pending[] = [];
  let lent: readonly Pending[] = [];
  /** So many came back: they are lent together again, so that they can be known by their first. */
  let cameBack = 0;
  /** Of the batch that is being written, the part behind the piece at hand. */
  let behind = 0;
  let scheduled = false;
  let refusing = false;
  let stopped = false;

  const writePiece = (piece: readonly Pending[]): string | null => {
    const startedMs = performance.now();
    let text = '';
    for (const { line } of piece) text += line;
    const failure = options.write(text);
    if (failure !== null) return failure;
    options.onCommit((performance.now() - startedMs) / 1000);
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
    options.onWritten({ closes, closeChars, refusalChars, startedMs });
    return null;
  };

  /** What is left after a refusal: the rows, whose writers hear that they have to wait. */
  const rowsOf = (rest: readonly Pending[]): Pending[] => {
    for (const { written } of rest) written?.(false);
    return rest.filter(({ kind }) => kind !== 'story').map((row) => ({ ...row, written: null }));
  };

  const flush = (): void => {
    scheduled = false;
    if (refusing) return;
    let rest: readonly Pending[] = pending;
    let chars = pieceChars;
    pending = [];
    while (rest.length > 0) {
      const length = pieceLength(rest, chars);
      behind = rest.length - length;
      const failure = writePiece(behind === 0 ? rest : rest.slice(0, length));
      if (failure === null) {
        cameBack = 0;
        rest = rest.slice(length);
        continue;
      }
      [rest, chars] = [rowsOf(rest), smallPieceChars];
      if (rest.length > 0 && options.makeRoom()) continue;
      options.onError(failure);
      refusing = true;
      behind = 0;
      pending = [...rest, ...pending];
      if (!stopped) setTimeout(retry, retryMs).unref();
      return;
    }
  };
  const retry = (): void => {
    refusing = false;
    flush();
  };

  const enqueue = (line: Pending): void => {
    pending.push(line);
    if (scheduled) return;
    scheduled = true;
    setImmediate(flush);
  };

  return {
    durable: (line) =>
      stopped || refusing
        ? Promise.resolve(false)
        : new Promise((written) => {
            enqueue({ line, kind: 'story', written, dropped: null });
          }),
    offer(line) {
      if (!stopped && !refusing) enqueue({ line, kind: 'story', written: null, dropped: null });
    },
    keep(row) {
      if (!refusing) return enqueue(row);
      row.written?.(false);
      enqueue({ ...row, written: null });
    },
    waiting: () => pending.length + behind + lent.length,
    refusing: () => refusing,
    lend(atMost) {
      if (!refusing || lent.length > 0 || pending.length === 0) return null;
      const part = pending.slice(0, cameBack === 0 ? atMost : cameBack);
      lent = part;
      pending = pending.slice(part.length);
      return {
        lines: part.map(({ line }) => line),
        refusalChars: part.reduce((sum, p) => sum + (p.kind === 'refusal' ? p.line.length : 0), 0),
        done() {
          [lent, cameBack] = [[], 0];
        },
        giveBack() {
          pending = [...part, ...pending];
          [lent, cameBack] = [[], part.length];
        },
      };
    },
    stop() {
      stopped = true;
      refusing = false;
      flush();
    },
    abandon() {
      const given = pending;
      pending = [];
      for (const { dropped } of given) dropped?.();
      return given.length;
    },
  };
};
