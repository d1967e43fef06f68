/**
 * The chain of segments. The first row of each segment says what the one before it held, so that a row that was deleted,
 * changed or put in again shows: the text is part of the row, and so of what the next one says.
 */
import { createHash, hash } from 'node:crypto';

/** What a chain says of one segment. */
export interface Link {
  /** The life of a gateway that wrote it. */
  readonly replica: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly rows: number;
  /** Hex; of the SHA-256 of each row's lasting part, in the order of their numbers. */
  readonly sha256: string;
}

const linkText = /^(\S{1,300}) (\d{1,15}) (\d{1,15}) (\d{1,15}) ([0-9a-f]{64})$/;

/** Reads what a row says; null: nothing, or nothing that we wrote. */
export const readLink = (text: string): Link | null => {
  const [, replica, first, last, rows, sha256] = linkText.exec(text) ?? [];
  if (replica === undefined || sha256 === undefined) return null;
  return {
    replica,
    firstSeq: Number(first),
    lastSeq: Number(last),
    rows: Number(rows),
    sha256,
  };
};

export const rowHashBytes = 32;

/** Of one row: whoever verifies gets rows in any order, and puts these in order instead. @param lasting of the row, as JSON; in UTF-8 @returns 32 bytes, a character each */
export const rowHash = (lasting: string | Buffer): string =>
  // Each byte a character: a buffer for each costs more than the hash itself.
  hash('sha256', lasting, 'latin1');

/** Of a whole segment, from the hashes of its rows one after the other. */
export const segmentHash = (rowHashes: Buffer): string => hash('sha256', rowHashes, 'hex');

/** The chain that one life of a gateway goes on with. */
export class Chain {
  readonly #replica: string;
  #before: string;
  #digest = createHash('sha256');
  #first = 0;
  #last = 0;
  #rows = 0;

  /** @param before what was written of the last segment of the life before; empty: nothing is known of it */
  constructor(replica: string, before: string) {
    this.#replica = replica;
    this.#before = readLink(before) === null ? '' : before;
  }

  /** What the next row has to say. */
  said(): string {
    return this.#rows === 0 ? this.#before : '';
  }

  /** A row with this `rowHash` was numbered and will be in the segment that is written now. */
  add(seq: number, hash: string): void {
    if (this.#rows === 0) this.#first = seq;
    this.#last = seq;
    this.#rows += 1;
    this.#digest.update(hash, 'latin1');
  }

  /** The segment ended: what the first row of the next one says. Null: it held no row. */
  seal(): string | null {
    if (this.#rows === 0) return null;
    const sha256 = this.#digest.digest('hex');
    this.#before = `${this.#replica} ${this.#first} ${this.#last} ${this.#rows} ${sha256}`;
    this.#digest = createHash('sha256');
    this.#rows = 0;
    return this.#before;
  }
}
