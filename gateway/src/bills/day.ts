/** Days of UTC in bills. */
import { isoDay, startOfDayMs } from '../model/day.ts';

/** Bills are of this century or the next. */
const [firstMs, lastMs] = [startOfDayMs('2000-01-01'), startOfDayMs('2199-12-31')];

const inBills = (ms: number): string | null => (ms >= firstMs && ms <= lastMs ? isoDay(ms) : null);

const daySeconds = 86_400;

/** The day that begins at this second of the epoch; null when none does. */
export const dayOfEpoch = (seconds: number): string | null =>
  seconds % daySeconds === 0 ? inBills(seconds * 1000) : null;

/** The day of `2026-10-01`, `2026-10-01T13:00:00Z`, `2026-10-01 13:00:00.000` or, as Azure writes it, `10/01/2026`; null: it is none. */
export const dayOfText = (text: string): string | null => {
  const iso =
    /^(\d{4}-\d{2}-\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|\+00:?00| UTC)?)?$/.exec(
      text,
    );
  const [, month, day, year] = /^(\d{2})\/(\d{2})\/(\d{4})$/.exec(text) ?? [];
  return inBills(startOfDayMs(iso?.[1] ?? `${year}-${month}-${day}`));
};
