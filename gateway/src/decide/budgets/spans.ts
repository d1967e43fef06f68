/** Which hour, day, week or month is it? By the calendar of a time zone, with its days of 23 and 25 hours. */
import type { CalendarPeriod } from '../../model/budget.ts';

/** A stretch of time, epoch milliseconds; its end is not part of it. */
export interface Span {
  readonly startMs: number;
  readonly endMs: number;
}

const hourMs = 3_600_000;

const inZone = (ms: number, timeZone: string): Temporal.ZonedDateTime =>
  Temporal.Instant.fromEpochMilliseconds(Math.floor(ms)).toZonedDateTimeISO(timeZone);

/** Whether there is such a time zone: a name of the IANA database, or `UTC`. */
export const isTimeZone = (name: string): boolean => {
  // An offset (`+05:00`) is none: it would not follow a change of law.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    inZone(0, name);
    return true;
  } catch {
    return false;
  }
};

const daysOf = (
  period: Exclude<CalendarPeriod, 'hour'>,
  now: Temporal.ZonedDateTime,
): readonly [first: Temporal.PlainDate, next: Temporal.PlainDate] => {
  const today = now.toPlainDate();
  switch (period) {
    case 'day':
      return [today, today.add({ days: 1 })];
    case 'week': {
      const monday = today.subtract({ days: today.dayOfWeek - 1 });
      return [monday, monday.add({ days: 7 })];
    }
    case 'month': {
      const first = today.with({ day: 1 });
      return [first, first.add({ months: 1 })];
    }
  }
};

/**
 * The span of a calendar that a time is in. Days begin with their first moment, which is not midnight where the clock is put
 * forward at midnight.
 * @param ms epoch milliseconds @throws RangeError for no time zone
 */
export const spanAt = (period: CalendarPeriod, timeZone: string, ms: number): Span => {
  if (period === 'hour') {
    const startMs = Math.floor(ms / hourMs) * hourMs;
    return { startMs, endMs: startMs + hourMs };
  }
  const [first, next] = daysOf(period, inZone(ms, timeZone));
  return {
    startMs: first.toZonedDateTime({ timeZone }).epochMilliseconds,
    endMs: next.toZonedDateTime({ timeZone }).epochMilliseconds,
  };
};
