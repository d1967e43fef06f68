/** What the bill of a provider says, and how a format of it is read. */
import type { JsonObject } from '../model/json.ts';
import type { Decimal } from './decimal.ts';

/** The model of a line that no model is named for. */
export const anyModel = '*';

/** A line of a bill, for one day of UTC. */
export interface BillLine {
  readonly day: string;
  /** Empty: the bill does not say. */
  readonly account: string;
  /** In the words of the bill; `*`: none. */
  readonly model: string;
  /** What was sold, in the words of the bill. */
  readonly item: string;
  readonly quantity: Decimal;
  readonly unit: string;
  /** US dollars, before tax. */
  readonly amount: Decimal;
  /** The provider says that it is invoiced; null: it does not say whether. */
  readonly isFinal: boolean | null;
}

export type ReadLine =
  | { readonly kind: 'line'; readonly line: BillLine }
  /** About something else than models, or tax. */
  | { readonly kind: 'other' }
  /** `field`: the column or key at fault. */
  | { readonly kind: 'bad'; readonly field: string; readonly problem: string };

export const bad = (field: string, problem: string): ReadLine => ({ kind: 'bad', field, problem });

/** What a file was found to hold, or which of its parts is wrong. */
export interface ReadPart {
  /** Where it stands: `data[0].results[2]`. */
  readonly at: string;
  readonly read: ReadLine;
}

interface Common {
  readonly name: string;
  /** What the ledger calls the provider, unless it is said; null: it must be said. */
  readonly provider: string | null;
  readonly about: string;
}

/** A row by its columns, each under its plain name. */
export type CsvRow = Readonly<Record<string, string>>;

export interface CsvFormat extends Common {
  readonly kind: 'csv';
  /** Columns without which a file is none of these, by their plain names. */
  readonly needs: readonly string[];
  /** The plain name of a column as it is written in a header. */
  column(header: string): string;
  read(row: CsvRow): ReadLine;
}

export interface JsonFormat extends Common {
  readonly kind: 'json';
  /** One answer of the provider's API; its numbers are texts, as they were written. */
  read(page: JsonObject): readonly ReadPart[];
  /** It says that more pages follow. */
  hasMore(page: JsonObject): boolean;
}

export type BillFormat = CsvFormat | JsonFormat;
