/** When a price holds. */
import type { Constraint } from './sheet.ts';

const daySeconds = 86_400;
const secondsOf = (clock: string): number => {
  const [hours = 0, minutes = 0, seconds = 0] = clock.split(':').map(Number);
  return hours * 3600 + minutes * 60 + seconds;
};

/** When something holds, ready to be asked. */
export interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly daily: { readonly start: number; readonly end: number } | null;
}

/** A span from its days and times, all UTC; `until`: not from that day on. */
export const spanOf = ({ from, until, daily }: Constraint & { readonly until?: string }): Span => ({
  fromMs: from === undefined ? -Infinity : Date.parse(`${from}T00:00:00Z`),
  untilMs: until === undefined ? Infinity : Date.parse(`${until}T00:00:00Z`),
  daily: daily === undefined ? null : { start: secondsOf(daily.start), end: secondsOf(daily.end) },
});

/** Does it hold at a moment, epoch milliseconds? */
export const holds = ({ fromMs, untilMs, daily }: Span, atMs: number): boolean => {
  if (atMs < fromMs || atMs >= untilMs) return false;
  if (daily === null) return true;
  const seconds = (atMs / 1000) % daySeconds;
  return daily.end < daily.start
    ? seconds >= daily.start || seconds < daily.end
    : seconds >= daily.start && seconds < daily.end;
};

/** The stretch around a moment in which none of these spans begins or ends; empty when one goes by the time of day. */
export const unchanged = (
  spans: readonly Span[],
  atMs: number,
): { readonly fromMs: number; readonly untilMs: number } => {
  if (spans.some(({ daily }) => daily !== null)) return { fromMs: atMs, untilMs: atMs };
  const bounds = spans.flatMap(({ fromMs, untilMs }) => [fromMs, untilMs]);
  return {
    fromMs: Math.max(-Infinity, ...bounds.filter((bound) => bound <= atMs)),
    untilMs: Math.min(Infinity, ...bounds.filter((bound) => bound > atMs)),
  };
};
