/** What an export of the ledger may be asked for. */
import { startOfDayMs } from '../../model/day.ts';

/** Days of UTC, both of them in it: `2026-10-01`. */
export interface Days {
  readonly from: string;
  readonly to: string;
}

export type ExportFormat = 'csv' | 'parquet';
export const isExportFormat = (text: string): text is ExportFormat =>
  text === 'csv' || text === 'parquet';

/** A year and a day: more is more than one file should hold, and than a server answers in one go. */
export const maxExportDays = 366;
const dayMs = 86_400_000;

/** What is wrong with the days that were asked for; null: nothing. */
export const problemOfDays = ({ from, to }: Days): string | null => {
  const [first, last] = [startOfDayMs(from), startOfDayMs(to)];
  if (Number.isNaN(first)) return `--from is a day such as 2026-10-01, not '${from}'`;
  if (Number.isNaN(last)) return `--to is a day such as 2026-10-31, not '${to}'`;
  if (last < first) return `--to ${to} lies before --from ${from}`;
  const days = (last - first) / dayMs + 1;
  return days > maxExportDays ? `${days} days are more than ${maxExportDays}` : null;
};
