/**
 * What an earlier life of this gateway left in the directory is taken over: calls that it left open get their rows, what
 * cannot be read is put aside, and the rest is sorted by what ClickHouse has of it already.
 */
import { dirname } from 'node:path';
import type { PriceTable } from '../../decide/price.ts';
import { ByteText } from '../../model/byte-text.ts';
import type { Aside } from './aside.ts';
import { putClose } from './entry.ts';
import { segmentFile, strangeFiles, syncDirectory, type SegmentFile } from './files.ts';
import { headLine, type Head } from './identity.ts';
import { crashSettlement } from './intent.ts';
import type { Shipment } from './kept.ts';
import type { Lives } from './lives.ts';
import type { RowObserver } from './observer.ts';
import { readLeftover, type Leftover } from './recover.ts';
import type { Sealed } from './rotation.ts';
import type { Rows } from './rows.ts';
import { withRoom } from './reserve.ts';
import { createSegment, type Segment } from './segment.ts';

export interface Inherited {
  /** Segments to ship, oldest first. */
  readonly toShip: readonly Sealed[];
  /** Segments that an earlier life saw arrive: they are only kept, and looked after by the reconciler. */
  readonly shipped: readonly Shipment[];
  /** Calls that were left open, whose rows are in a segment of this life now, numbered from 1. */
  readonly recovered: number;
  /** Lines that are damaged for good, and lines that had one flipped bit. */
  readonly damaged: number;
  readonly mended: number;
}

export interface InheritOptions {
  readonly dir: string;
  /** Segments of earlier lives, oldest first. */
  readonly files: readonly SegmentFile[];
  /** Of this life. */
  readonly incarnation: string;
  readonly identity: Omit<Head, 'firstSeq'>;
  /** Told what the segments say of rows that were shipped. */
  readonly lives: Lives;
  readonly aside: Aside;
  readonly prices: PriceTable;
  readonly rows: Pick<Rows, 'put'>;
  readonly observer: Pick<RowObserver, 'onLeftRow' | 'onNumbered'>;
  /** Lets go of something on the disk, so that rows find room; false: there is nothing more. */
  makeRoom(): boolean;
  onError(message: string): void;
}

/** A segment with these lines in it, whole. @throws Error when the disk does not take it; then there is none */
const written = (
  file: SegmentFile,
  parts: { readonly head: Buffer; readonly lines: Buffer },
  onError: (message: string) => void,
): Segment => {
  const segment = createSegment(file, parts.head, onError);
  const failure = segment.append(parts.lines);
  if (failure === null) return segment;
  segment.discard();
  throw new Error(failure);
};

/** A closed segment of crashed rows, on disk before anything of it is shipped. Null when no call was left open. */
const writeRecovered = async (
  options: Pick<InheritOptions, 'identity' | 'makeRoom' | 'onError'> & {
    readonly file: SegmentFile;
    readonly closes: number;
    /** The lines of their rows. */
    readonly lines: Buffer;
  },
): Promise<Sealed | null> => {
  const { file, identity, closes, lines, makeRoom, onError } = options;
  if (closes === 0) return null;
  const head = Buffer.from(headLine({ ...identity, firstSeq: 1 }));
  // What is kept for the rows of calls in flight is kept for these.
  const segment = withRoom(() => written(file, { head, lines }, onError), makeRoom);
  await segment.finish();
  syncDirectory(dirname(file.path));
  return {
    ...file,
    bytes: segment.bytes(),
    closes,
    refusalBytes: 0,
    firstRowAtMs: Date.now(),
    // Their real rows may have come to the table after all.
    doubtful: true,
    damaged: false,
  };
};

/** Says what was found wrong, and moves what cannot be read out of the way. */
const sayDamage = (
  dir: string,
  leftover: Leftover,
  aside: Aside,
  onError: (message: string) => void,
): void => {
  const { torn, mended, damaged, unreadable } = leftover;
  if (torn > 0) onError(`${torn} lines in ${dir} were cut short by the end of their process`);
  if (mended > 0) onError(`${mended} lines in ${dir} had a flipped bit and were mended`);
  if (damaged > 0) onError(`${damaged} lines in ${dir} are damaged and were left out`);
  for (const { file, why } of unreadable) aside.quarantine(file.path, why);
  for (const name of strangeFiles(dir))
    onError(`${dir}/${name} is named like no segment of ours and was left where it is`);
};

/**
 * Takes over what lies in `dir`. Throws when it cannot be written.
 * Doing it twice changes nothing: the segment of crashed rows then holds the closes of the calls that were open.
 */
export const inherit = async (options: InheritOptions): Promise<Inherited> => {
  const { dir, files, incarnation, identity, lives, aside, prices, rows } = options;
  const { observer, makeRoom, onError } = options;
  const leftover = await readLeftover(files, (replica, seq, json) =>
    observer.onLeftRow(replica, seq, json),
  );
  sayDamage(dir, leftover, aside, onError);
  for (const mark of leftover.marks) lives.read(mark);
  const lines = new ByteText();
  for (const [i, [callId, open]] of [...leftover.open].entries()) {
    const seq = i + 1;
    const settlement = crashSettlement(open, prices);
    putClose(lines, callId, seq, () => rows.put(lines, settlement, seq));
    observer.onNumbered(settlement, identity.replica, seq);
  }
  const recovered = await writeRecovered({
    file: segmentFile(dir, incarnation, 0),
    identity,
    closes: leftover.open.size,
    lines: lines.view(0),
    makeRoom,
    onError,
  });
  const isShipped = ({ segment, replica, toSeq }: Shipment): boolean =>
    !segment.damaged && (lives.of(replica)?.shippedTo ?? -1) >= toSeq;
  const unshipped = leftover.segments.filter((shipment) => !isShipped(shipment));
  return {
    toShip: [
      ...unshipped.map(({ segment }) => segment),
      ...(recovered === null ? [] : [recovered]),
    ],
    shipped: leftover.segments.filter(isShipped),
    recovered: leftover.open.size,
    damaged: leftover.damaged,
    mended: leftover.mended,
  };
};
