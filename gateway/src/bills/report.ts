/** Lines of a bill, summed to one for each day, account, model and item: what `tollgate.provider_bills` keeps. */
import { createHash } from 'node:crypto';
import type { BillLine } from './bill.ts';
import { decimalText, noAmount, type Decimal } from './decimal.ts';

/** Lines of one report at most. */
export const maxReportLines = 200_000;
const longestText = 500;

/** A line as the table has it. */
export interface ReportLine {
  readonly day: string;
  readonly account: string;
  readonly model: string;
  readonly line_item: string;
  readonly unit: string;
  readonly is_final: boolean;
  readonly quantity: string;
  readonly amount_usd: string;
}

export interface Report {
  /** SHA-256 of all of it, hex: the same report, imported again, has the same. */
  readonly id: string;
  readonly lines: readonly ReportLine[];
  readonly amountUsd: string;
  readonly firstDay: string;
  readonly lastDay: string;
}

/** Which lines are one. */
type Key = Pick<ReportLine, 'day' | 'account' | 'model' | 'line_item' | 'unit' | 'is_final'>;
interface Sum {
  readonly key: Key;
  quantity: Decimal;
  amount: Decimal;
}

export interface ReportOptions {
  readonly format: string;
  readonly provider: string;
  /** Takes the place of the accounts that the bill names; null: those stand. */
  readonly account: string | null;
  /** Days up to this one are final where the bill does not say. */
  readonly finalTo: string;
}

/** Sums up lines, one at a time. */
export class ReportSums {
  readonly #options: ReportOptions;
  readonly #sums = new Map<string, Sum>();

  constructor(options: ReportOptions) {
    this.#options = options;
  }

  /** False: there are too many lines. */
  add(line: BillLine): boolean {
    const { account, finalTo } = this.#options;
    const key: Key = {
      day: line.day,
      account: account ?? line.account,
      model: line.model.slice(0, longestText),
      line_item: line.item.slice(0, longestText),
      unit: line.unit.slice(0, longestText),
      is_final: line.isFinal ?? line.day <= finalTo,
    };
    const name = JSON.stringify(key);
    let sum = this.#sums.get(name);
    if (sum === undefined) {
      if (this.#sums.size >= maxReportLines) return false;
      this.#sums.set(name, (sum = { key, quantity: noAmount, amount: noAmount }));
    }
    sum.quantity += line.quantity;
    sum.amount += line.amount;
    return true;
  }

  report(): Report {
    const { format, provider } = this.#options;
    let total = noAmount;
    const lines = [...this.#sums.entries()]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { key, quantity, amount }]): ReportLine => {
        total += amount;
        return {
          ...key,
          quantity: decimalText(quantity, 6),
          amount_usd: decimalText(amount, 12),
        };
      });
    const days = lines.map(({ day }) => day).toSorted();
    const text = JSON.stringify([format, provider, lines]);
    return {
      id: createHash('sha256').update(text).digest('hex'),
      lines,
      amountUsd: decimalText(total, 12),
      firstDay: days[0] ?? '',
      lastDay: days.at(-1) ?? '',
    };
  }
}
