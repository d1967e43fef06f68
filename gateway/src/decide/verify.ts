/** What the rows of one life of a gateway say of themselves, held against their numbers and against what later rows say of them. */
import { rowHash, rowHashBytes, segmentHash, type Link } from './chain.ts';

export interface Finding {
  /**
   * `missing`: rows with these numbers were written, and are not there. `double`: they are there more than once. `altered`:
   * all are there once, and at least one of them is not what was written.
   */
  readonly kind: 'missing' | 'double' | 'altered';
  readonly replica: string;
  readonly from: number;
  readonly to: number;
}

/** What there is to know of one life. */
export interface LifeCheck {
  readonly findings: readonly Finding[];
  /** Rows that no later row vouches for: the last ones, and those of versions before the chain. */
  readonly unlinked: number;
}

/** Whole numbers from 1, a bit each. */
class Seen {
  static readonly #bitsPerPiece = 2 ** 20;
  readonly #pieces = new Map<number, Uint8Array>();

  has(seq: number): boolean {
    const [piece, byte, bit] = this.#place(seq);
    return ((this.#pieces.get(piece)?.[byte] ?? 0) & bit) !== 0;
  }

  add(seq: number): void {
    const [piece, byte, bit] = this.#place(seq);
    let bits = this.#pieces.get(piece);
    if (bits === undefined)
      this.#pieces.set(piece, (bits = new Uint8Array(Seen.#bitsPerPiece / 8)));
    bits[byte] = (bits[byte] ?? 0) | bit;
  }

  #place(seq: number): readonly [number, number, number] {
    const inPiece = seq % Seen.#bitsPerPiece;
    return [Math.floor(seq / Seen.#bitsPerPiece), inPiece >> 3, 1 << (inPiece & 7)];
  }
}

/** A segment of which some rows have been seen. */
interface Begun {
  readonly hashes: Buffer;
  rows: number;
}

type Span = { from: number; to: number };

/** Numbers as spans, ascending. */
const spansOf = (numbers: Iterable<number>): readonly Span[] => {
  const spans: Span[] = [];
  for (const number of numbers) {
    const last = spans.at(-1);
    if (last !== undefined && last.to === number - 1) last.to = number;
    else spans.push({ from: number, to: number });
  }
  return spans;
};

/** Looks at the rows of one life, in any order. */
export class LifeVerifier {
  readonly #replica: string;
  readonly #links: readonly Link[];
  readonly #firstSeq: number;
  readonly #seen = new Seen();
  readonly #double = new Set<number>();
  readonly #begun = new Map<Link, Begun>();
  readonly #altered: Span[] = [];
  #lastSeq: number;
  #rows = 0;
  #linked = 0;

  /**
   * @param links of this life, in any order
   * @param firstSeq the number that its first row must have; earlier ones were thrown away with their time
   */
  constructor(replica: string, links: readonly Link[], firstSeq = 1) {
    this.#replica = replica;
    const sorted = links.toSorted((a, b) => a.firstSeq - b.firstSeq);
    this.#links = sorted.filter((link) => link.firstSeq >= firstSeq);
    this.#firstSeq = firstSeq;
    this.#lastSeq = Math.max(firstSeq - 1, sorted.at(-1)?.lastSeq ?? 0);
  }

  /** @param lasting of the row, as JSON */
  row(seq: number, lasting: string): void {
    this.#rows += 1;
    this.#lastSeq = Math.max(this.#lastSeq, seq);
    if (this.#seen.has(seq)) {
      this.#double.add(seq);
      return;
    }
    this.#seen.add(seq);
    const link = this.#linkOf(seq);
    if (link !== undefined) this.#hold(link, seq, rowHash(lasting));
  }

  /**
   * A row that was written and never sent, because its call has another one; after all rows.
   * @param sha256 its `rowHash`, hex
   */
  spared(seq: number, sha256: string): void {
    if (this.#seen.has(seq)) return;
    this.#rows += 1;
    this.#lastSeq = Math.max(this.#lastSeq, seq);
    this.#seen.add(seq);
    const link = this.#linkOf(seq);
    if (link !== undefined) this.#hold(link, seq, Buffer.from(sha256, 'hex').toString('latin1'));
  }

  /** There are no more rows. */
  end(): LifeCheck {
    const named = (kind: Finding['kind'], spans: readonly Span[]): Finding[] =>
      spans.map(({ from, to }) => ({ kind, replica: this.#replica, from, to }));
    // Of rows that are there twice either may be the one that was read for its segment.
    const altered = this.#altered.filter(
      ({ from, to }) => ![...this.#double].some((seq) => seq >= from && seq <= to),
    );
    return {
      findings: [
        ...named('missing', spansOf(this.#missing())),
        ...named('double', spansOf([...this.#double].sort((a, b) => a - b))),
        ...named('altered', altered),
      ],
      unlinked: this.#rows - this.#linked,
    };
  }

  *#missing(): Generator<number> {
    for (let seq = this.#firstSeq; seq <= this.#lastSeq; seq += 1)
      if (!this.#seen.has(seq)) yield seq;
  }

  /** The link that tells of a row; undefined: none does. */
  #linkOf(seq: number): Link | undefined {
    let [low, high] = [0, this.#links.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#links[middle]?.lastSeq ?? Infinity) < seq) low = middle + 1;
      else high = middle;
    }
    const link = this.#links[low];
    return link !== undefined && seq >= link.firstSeq ? link : undefined;
  }

  #hold(link: Link, seq: number, hash: string): void {
    let begun = this.#begun.get(link);
    if (begun === undefined) {
      begun = { hashes: Buffer.alloc((link.lastSeq - link.firstSeq + 1) * rowHashBytes), rows: 0 };
      this.#begun.set(link, begun);
    }
    begun.hashes.write(hash, (seq - link.firstSeq) * rowHashBytes, 'latin1');
    begun.rows += 1;
    if (begun.rows < link.rows) return;
    this.#begun.delete(link);
    this.#linked += link.rows;
    if (segmentHash(begun.hashes) !== link.sha256)
      this.#altered.push({ from: link.firstSeq, to: link.lastSeq });
  }
}
