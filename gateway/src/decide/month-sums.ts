/**
 * What the rows of a month come to, hour by hour, and a hash of each hour: who has the same rows, in whatever order they were
 * read, comes to the same, and who changed, added or took away one does not.
 */
import { createHash } from 'node:crypto';
import { lastingColumns, lastingCorrectionColumns } from '../contract/ledger.ts';
import { amountOf, usdText } from '../model/money.ts';
import { rowHash } from './chain.ts';

/** One hour of UTC. Money as decimal dollars. */
export interface HourSum {
  /** When it begins, epoch seconds. */
  readonly hour: number;
  readonly rows: number;
  readonly costUsd: string;
  /** Hex; of the `rowHash` of each row, ordered by replica and number. */
  readonly sha256: string;
}

/** What calls were priced by one version of the prices. */
export interface VersionSum {
  readonly version: string;
  readonly rows: number;
  readonly costUsd: string;
}

export interface MonthSums {
  readonly calls: number;
  readonly corrections: number;
  readonly costUsd: string;
  readonly discountUsd: string;
  readonly wasteUsd: string;
  /** Ascending; hours without rows are left out. */
  readonly hours: readonly HourSum[];
  readonly priceVersions: readonly VersionSum[];
}

const at = {
  startedAt: lastingColumns.indexOf('started_at'),
  replica: lastingColumns.indexOf('replica'),
  seq: lastingColumns.indexOf('seq'),
  cost: lastingColumns.indexOf('cost_usd'),
  discount: lastingColumns.indexOf('discount_usd'),
  waste: lastingColumns.indexOf('waste_usd'),
  priceVersion: lastingColumns.indexOf('price_version'),
  entry: lastingCorrectionColumns.indexOf('entry'),
} as const;

const hourSeconds = 3600;

/** When the call of a row began, epoch seconds, down to the hour. @param values in the order of `lastingColumns` */
const hourOf = (values: readonly unknown[]): number =>
  Math.floor(Number(values[at.startedAt]) / hourSeconds) * hourSeconds;

/** @throws Error for what is no amount */
const amountAt = (values: readonly unknown[], column: number): bigint =>
  amountOf(String(values[column]), 'a row has');

interface RowOfHour {
  readonly replica: string;
  readonly seq: number;
  readonly hash: string;
}

const inOrder = (a: RowOfHour, b: RowOfHour): number =>
  a.replica === b.replica ? a.seq - b.seq : a.replica < b.replica ? -1 : 1;

/** Sums up the rows of a month, which come hour by hour; within an hour in any order. */
export class MonthSummer {
  #hour = -Infinity;
  #rows: RowOfHour[] = [];
  #hourCost = 0n;
  readonly #hours: HourSum[] = [];
  readonly #versions = new Map<string, { rows: number; cost: bigint }>();
  #calls = 0;
  #corrections = 0;
  #cost = 0n;
  #discount = 0n;
  #waste = 0n;

  /**
   * @param lasting the row as JSON, as it was hashed when it was written
   * @param values the same, parsed
   * @throws Error when hours are out of order, or money is none
   */
  row(lasting: string, values: readonly unknown[]): void {
    const hour = hourOf(values);
    // Also what is no number.
    if (!(hour >= this.#hour)) throw new Error('rows are not in the order of their hours');
    if (hour > this.#hour) this.#endHour();
    this.#hour = hour;
    const cost = amountAt(values, at.cost);
    const [replica, seq] = [String(values[at.replica]), Number(values[at.seq])];
    this.#rows.push({ replica, seq, hash: rowHash(lasting) });
    this.#hourCost += cost;
    this.#cost += cost;
    this.#discount += amountAt(values, at.discount);
    this.#waste += amountAt(values, at.waste);
    if (values[at.entry] === 'correction') this.#corrections += 1;
    else this.#calls += 1;
    const version = String(values[at.priceVersion]);
    const known = this.#versions.get(version);
    if (known === undefined) this.#versions.set(version, { rows: 1, cost });
    else {
      known.rows += 1;
      known.cost += cost;
    }
  }

  /** There are no more rows. */
  end(): MonthSums {
    this.#endHour();
    return {
      calls: this.#calls,
      corrections: this.#corrections,
      costUsd: usdText(this.#cost),
      discountUsd: usdText(this.#discount),
      wasteUsd: usdText(this.#waste),
      hours: this.#hours,
      priceVersions: [...this.#versions]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([version, { rows, cost }]) => ({ version, rows, costUsd: usdText(cost) })),
    };
  }

  #endHour(): void {
    if (this.#rows.length === 0) return;
    const digest = createHash('sha256');
    for (const { hash } of this.#rows.toSorted(inOrder)) digest.update(hash, 'latin1');
    this.#hours.push({
      hour: this.#hour,
      rows: this.#rows.length,
      costUsd: usdText(this.#hourCost),
      sha256: digest.digest('hex'),
    });
    [this.#rows, this.#hourCost] = [[], 0n];
  }
}
