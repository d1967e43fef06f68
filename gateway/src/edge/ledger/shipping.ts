/**
 * What is done with one segment: read, its rows placed in the table, booked, and its file put where it belongs then. The
 * order in which segments come, and that each is tried until it is done, is the shipper's.
 */
import { basename } from 'node:path';
import { noRows, type Tally } from '../../decide/tally.ts';
import type { Aside } from './aside.ts';
import type { Row } from './clickhouse.ts';
import { forgetHalves, halvesOf } from './halves.ts';
import { tokenOf } from './identity.ts';
import type { Kept, Shipment } from './kept.ts';
import type { Lot, Placed } from './placer.ts';
import { readSegment, type Contents } from './read-segment.ts';
import type { Sealed } from './rotation.ts';
import type { ShipTotals, SpoolTotals } from './totals.ts';

export interface ShippingOptions {
  /** Of this directory; for segments that do not say whose they are. */
  readonly spoolId: string;
  readonly aside: Aside;
  readonly kept: Kept;
  readonly spool: SpoolTotals;
  /** So many rows of a segment cannot be read; it is moved out of the way when this resolves. Must not throw. */
  onRowsLost(segment: Sealed, rows: number): Promise<void>;
  /** @param spared of its rows; see `Placed` */
  onShipment(shipment: Shipment, spared: Tally): void;
  onShipped(seconds: number): void;
  onError(message: string): void;
}

/** The value of the column `replica`, from a row; for segments without a head. */
const replicaIn = (row: Row | undefined): string => {
  const values: unknown = row === undefined ? [] : JSON.parse(row.json.toString());
  return Array.isArray(values) ? String(values[2] ?? '') : '';
};

const replicaOf = ({ head, rows }: Contents): string => head?.replica ?? replicaIn(rows[0]);

const shipmentOf = (segment: Sealed, contents: Contents): Shipment => {
  const { head, rows } = contents;
  let toSeq = (head?.firstSeq ?? 1) - 1;
  let sinceMs = Infinity;
  for (const row of rows) {
    toSeq = Math.max(toSeq, row.seq);
    sinceMs = Math.min(sinceMs, row.startOfCallMs());
  }
  return {
    segment,
    replica: replicaOf(contents),
    toSeq,
    sinceMs: sinceMs === Infinity ? segment.firstRowAtMs : sinceMs,
  };
};

const nothing: Placed = { shipped: 0, dead: 0, spared: noRows };
/** Of a file that is not there any more. */
const gone: Contents = { head: null, rows: [], mended: 0, damaged: 0 };

/** Of the rows that were written. */
const lostRows = (segment: Sealed, { rows }: Contents): number =>
  Math.max(segment.closes - rows.length, 0);

/** The way of segments into the table, one at a time. */
export class Shipping {
  readonly #options: ShippingOptions;
  readonly #totals: ShipTotals;
  readonly #place: (lot: Lot) => Promise<Placed | null>;

  /** @param place puts rows into the table; null: told to stop before it was done */
  constructor(
    options: ShippingOptions,
    totals: ShipTotals,
    place: (lot: Lot) => Promise<Placed | null>,
  ) {
    this.#options = options;
    this.#totals = totals;
    this.#place = place;
  }

  /** False: told to stop before it was done. Throws what the file system or `Aside` throws. */
  async ship(segment: Sealed): Promise<boolean> {
    const { onRowsLost, onShipped } = this.#options;
    const startedMs = performance.now();
    const contents = await readSegment(segment.path, segment.closes);
    if (contents === null) {
      this.#isGone(segment);
      return true;
    }
    const placed = await this.#placeRows(segment, contents);
    if (placed === null) return false;
    const lost = lostRows(segment, contents);
    if (lost > 0) await onRowsLost(segment, lost);
    this.#book(segment, contents, placed);
    onShipped((performance.now() - startedMs) / 1000);
    return true;
  }

  /** The same for a segment that was shipped already: only what the table does not have is sent, and nothing is booked. */
  async shipAgain(segment: Sealed): Promise<boolean> {
    const contents = await readSegment(segment.path, segment.closes);
    if (contents === null) return true;
    return (await this.#placeRows({ ...segment, doubtful: true }, contents)) !== null;
  }

  #isGone(segment: Sealed): void {
    if (segment.closes > 0)
      this.#options.onError(
        `${basename(segment.path)} with ${segment.closes} rows was deleted by somebody: they are lost`,
      );
    this.#book(segment, gone, nothing);
  }

  #placeRows(segment: Sealed, contents: Contents): Promise<Placed | null> {
    const { aside, spoolId } = this.#options;
    const { head, rows } = contents;
    if (rows.length === 0) return Promise.resolve(nothing);
    const name = basename(segment.path, '.seg');
    return this.#place({
      rows,
      replica: replicaOf(contents),
      token: tokenOf(head?.spool ?? spoolId, segment),
      halves: halvesOf(segment.path),
      doubtful: segment.doubtful,
      bury: (row, part, reason) =>
        aside.bury(part === '' ? name : `${name}.${part}`, row.json, reason),
    });
  }

  /** Books what was placed, and puts the file where it belongs now. */
  #book(segment: Sealed, contents: Contents, { shipped, dead, spared }: Placed): void {
    const { spool, kept, aside, onShipment } = this.#options;
    const totals = this.#totals;
    const damaged = lostRows(segment, contents);
    totals.shipped += shipped;
    totals.dead += dead;
    totals.damaged += damaged;
    totals.mended += contents.mended;
    spool.bytes -= segment.bytes;
    spool.refusalBytes -= segment.refusalBytes;
    spool.spooledRows -= segment.closes;
    const shipment = shipmentOf(segment, contents);
    onShipment(shipment, spared);
    forgetHalves(segment.path);
    if (!segment.damaged && contents.mended + contents.damaged + damaged === 0) {
      kept.keep(shipment);
      return;
    }
    const why =
      damaged > 0 ? `${damaged} rows cannot be read` : 'some lines had to be mended or left out';
    aside.quarantine(segment.path, why);
  }
}
