import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isTimeZone, spanAt } from '../../../../gateway/src/decide/budgets/spans.ts';
import { calendarPeriods, type CalendarPeriod } from '../../../../gateway/src/model/budget.ts';

const at = (iso: string): number => Date.parse(iso);
const shown = (period: CalendarPeriod, timeZone: string, iso: string): readonly string[] => {
  const { startMs, endMs } = spanAt(period, timeZone, at(iso));
  return [startMs, endMs].map((ms) => new Date(ms).toISOString().slice(0, 16));
};

// oxfmt-ignore
test.each<[CalendarPeriod, string, string, readonly [start: string, end: string]]>([
  ['hour', 'Europe/Berlin', '2026-03-29T00:59:59.999Z', ['2026-03-29T00:00', '2026-03-29T01:00']],
  ['day', 'UTC', '2026-02-28T23:59:59.999Z', ['2026-02-28T00:00', '2026-03-01T00:00']],
  // 23 hours, and 25.
  ['day', 'Europe/Berlin', '2026-03-29T12:00:00Z', ['2026-03-28T23:00', '2026-03-29T22:00']],
  ['day', 'Europe/Berlin', '2026-10-25T12:00:00Z', ['2026-10-24T22:00', '2026-10-25T23:00']],
  ['day', 'America/New_York', '2026-11-01T05:30:00Z', ['2026-11-01T04:00', '2026-11-02T05:00']],
  // There is no midnight on this day: the clock goes from 23:59:59 to 1:00.
  ['day', 'America/Santiago', '2026-09-06T12:00:00Z', ['2026-09-06T04:00', '2026-09-07T03:00']],
  // Half an hour off, and a quarter.
  ['day', 'Asia/Kathmandu', '2026-06-01T00:00:00Z', ['2026-05-31T18:15', '2026-06-01T18:15']],
  ['day', 'Australia/Lord_Howe', '2026-04-05T00:00:00Z', ['2026-04-04T13:00', '2026-04-05T13:30']],
  ['week', 'UTC', '2026-11-30T00:00:00Z', ['2026-11-30T00:00', '2026-12-07T00:00']],
  ['week', 'UTC', '2026-11-29T23:59:59.999Z', ['2026-11-23T00:00', '2026-11-30T00:00']],
  ['week', 'Europe/Berlin', '2026-10-25T12:00:00Z', ['2026-10-18T22:00', '2026-10-25T23:00']],
  ['month', 'UTC', '2028-02-29T12:00:00Z', ['2028-02-01T00:00', '2028-03-01T00:00']],
  ['month', 'America/New_York', '2026-12-01T04:59:59.999Z', ['2026-11-01T04:00', '2026-12-01T05:00']],
])('the %s in %s of %s begins and ends at %j', (period, timeZone, iso, span) => {
  expect(shown(period, timeZone, iso)).toEqual(span);
});

const zones = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'America/Santiago',
];
const yearMs = 366 * 86_400_000;

test('a span holds the time it was asked for, and the next one begins where it ends', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...calendarPeriods),
      fc.constantFrom(...zones),
      fc.integer({ min: at('2026-01-01'), max: at('2026-01-01') + 2 * yearMs }),
      (period, zone, ms) => {
        const span = spanAt(period, zone, ms);
        expect(span.startMs).toBeLessThanOrEqual(ms);
        expect(span.endMs).toBeGreaterThan(ms);
        expect(spanAt(period, zone, span.startMs)).toEqual(span);
        expect(spanAt(period, zone, span.endMs - 1)).toEqual(span);
        expect(spanAt(period, zone, span.endMs).startMs).toBe(span.endMs);
      },
    ),
  );
});

/** The date and hour that a wall clock shows, by the engine's own formatter. */
const clock = (timeZone: string, ms: number): string =>
  new Intl.DateTimeFormat('sv-SE', {
    timeZone,
    dateStyle: 'short',
    timeStyle: 'medium',
  }).format(ms);

const nextDate = { day: 86_400_000, month: 31 * 86_400_000 };

test.each(['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'])(
  'two years of days and months in %s follow one another, each from the first second that a wall clock shows of it',
  (zone) => {
    const endMs = at('2026-01-01') + 2 * yearMs;
    for (const period of ['day', 'month'] as const) {
      const digits = period === 'day' ? 10 : 7;
      for (let ms = at('2026-01-01T12:00:00Z'); ms < endMs;) {
        const { endMs: next } = spanAt(period, zone, ms);
        const [before, after] = [clock(zone, next - 1000), clock(zone, next)];
        const first = Date.parse(`${before.slice(0, digits).padEnd(10, '-01')}T00:00:00Z`);
        const following = new Date(first + nextDate[period]).toISOString().slice(0, digits);
        expect(after).toBe(`${following.padEnd(10, '-01')} 00:00:00`);
        ms = next;
      }
    }
  },
);

test('names of time zones are those of the IANA database', () => {
  expect(['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires'].map(isTimeZone)).toEqual([
    true,
    true,
    true,
  ]);
  expect(['', '+05:00', 'Mars/Olympus', 'Europe/Berlin ', 'UTC]'].map(isTimeZone)).toEqual([
    false,
    false,
    false,
    false,
    false,
  ]);
});
