/** Days of UTC, as text: `2026-10-01`. */

/** The day of a time. @param ms epoch milliseconds */
// oxlint-disable-next-line no-restricted-globals -- says a time that it was given
export const isoDay = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** When a day begins, in epoch milliseconds; not a number for what is no day. */
export const startOfDayMs = (day: string): number => {
  // oxlint-disable-next-line no-restricted-globals -- reads a time that it was given
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : NaN;
  // 2026-02-30 would be the 2nd of March.
  return Number.isNaN(ms) || isoDay(ms) !== day ? NaN : ms;
};
