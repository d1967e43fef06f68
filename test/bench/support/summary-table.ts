/** Summaries of slices as a table, beside the yardstick of the same run. */
import type { Table } from './report.ts';
import { measureSlices, summaryOf, type Slice, type Summary, type Variant } from './slices.ts';

const yardstick = 'nginx';

/** CPU per unit at the 25th percentile, over nginx's in the same run; empty without nginx. */
export const ratios = (summaries: readonly Summary[]): Readonly<Record<string, number>> => {
  const base = summaries.find(({ variant }) => variant === yardstick);
  if (base === undefined) return {};
  return Object.fromEntries(summaries.map(({ variant, us }) => [variant, us.p25 / base.us.p25]));
};

export const shownNumber = (value: number | null | undefined, digits = 1): string =>
  value === null || value === undefined ? '-' : value.toFixed(digits);

/** One line for each variant. `unit` is what CPU was divided by. */
export const summaryTable = (title: string, unit: string, summaries: readonly Summary[]): Table => {
  const all = ratios(summaries);
  return {
    title,
    head: [
      'variant',
      `us/${unit} min`,
      'p25',
      'median',
      'x nginx',
      `${unit}s/s`,
      'core busy',
      'p50 ms',
      'p99 ms',
      'errors',
      'neighbours, cores',
    ],
    rows: summaries.map((s) => [
      s.variant,
      shownNumber(s.us.min),
      shownNumber(s.us.p25),
      shownNumber(s.us.median),
      shownNumber(all[s.variant], 2),
      shownNumber(s.perSecond, s.perSecond < 10 ? 1 : 0),
      shownNumber(s.busy, 2),
      shownNumber(s.p50Ms, 2),
      shownNumber(s.p99Ms, 2),
      String(s.errors),
      `${shownNumber(s.otherCores.median, 2)} ${s.quiet ? 'quiet' : 'noisy'}`,
    ]),
  };
};

export interface Measured {
  readonly slices: readonly Slice[];
  readonly summaries: readonly Summary[];
}

/** Longer than a segment's greatest age: what a slice leaves behind is shipped, and counted, before the next. */
export const settleMs = 1500;

/** Measures variants in turn, saying how each slice went. */
export const measure = async (options: {
  readonly variants: readonly Variant[];
  parts(): readonly number[];
  readonly rounds: number;
  /** Default: long enough for what a slice leaves behind. */
  readonly settleMs?: number;
  say(text: string): void;
}): Promise<Measured> => {
  const { variants, parts, rounds, say } = options;
  const slices = await measureSlices({
    variants,
    parts,
    rounds,
    settleMs: options.settleMs ?? settleMs,
    onSlice: ({ variant, us, units, seconds, errors, otherCores }) =>
      say(
        `${variant.padEnd(8)} ${us.toFixed(1).padStart(7)} us  ${Math.round(units / seconds)}/s  ${errors} errors  neighbours ${otherCores.toFixed(2)} cores`,
      ),
  });
  return { slices, summaries: variants.map(({ name }) => summaryOf(name, slices)) };
};

/** Failed calls, one line for each variant that had some. */
export const errorProblems = (all: readonly (Measured | null)[]): readonly string[] =>
  all.flatMap((measured) =>
    (measured?.summaries ?? [])
      .filter(({ errors }) => errors > 0)
      .map(({ variant, errors }) => `${variant}: ${errors} errors`),
  );
