/** What the ledger counts of its rows and bytes: the spool, the shipper and recovery write it, all others only read it. */
import type { Inherited } from './inherit.ts';

/** Running totals. `intents = closedIntents + open` and `closes = shipped + spooled + dead` always hold. */
export interface SpoolTotals {
  intents: number;
  closedIntents: number;
  closes: number;
  recovered: number;
  /** Rows that were not recorded: of refused calls without room, of any call at the end of a process whose disk refuses. */
  dropped: number;
  /** Bytes written and not yet shipped. */
  bytes: number;
  /** Of these, rows of refused calls. */
  refusalBytes: number;
  /** Rows written and not yet shipped or set aside. */
  spooledRows: number;
}

/** No calls, no bytes, nothing yet. */
export const noTotals = (): SpoolTotals => ({
  intents: 0,
  closedIntents: 0,
  closes: 0,
  recovered: 0,
  dropped: 0,
  bytes: 0,
  refusalBytes: 0,
  spooledRows: 0,
});

/** Of what was sent to ClickHouse. */
export interface ShipTotals {
  shipped: number;
  resent: number;
  /** Refused by the table; they lie in `dead/`. */
  dead: number;
  /** Damaged on disk for good, or deleted by somebody. */
  damaged: number;
  /** Lines that had one flipped bit. */
  mended: number;
  /** Inserts and questions that ClickHouse did not answer as hoped. */
  failures: number;
}

export const nothingShipped = (): ShipTotals => ({
  shipped: 0,
  resent: 0,
  dead: 0,
  damaged: 0,
  mended: 0,
  failures: 0,
});

/** What a ledger counts from that begins with these segments. */
export const totalsFrom = ({
  toShip,
  recovered,
}: Pick<Inherited, 'toShip' | 'recovered'>): SpoolTotals => {
  const totals = { ...noTotals(), recovered };
  for (const segment of toShip) {
    totals.bytes += segment.bytes;
    totals.closes += segment.closes;
    totals.spooledRows += segment.closes;
  }
  return totals;
};
