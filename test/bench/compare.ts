/**
 * `npm run bench -- compare`: the last run of each benchmark beside the committed one. Ratios to nginx are judged, because
 * they are taken within one run; times of two runs are shown and not judged (docs/benchmarks.md, "How to read a number").
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { helpText, readOptions } from './support/options.ts';
import { readRecorded } from './support/recorded.ts';
import {
  conclude,
  lastFolder,
  recordedFolder,
  type Recorded,
  type Table,
} from './support/report.ts';

const options = {
  within: {
    kind: 'number',
    value: 10,
    range: [0, 1000],
    help: 'percent that a ratio may be worse by before this fails',
  },
} as const;

const what = `The last run of each benchmark (.bench/) beside the committed one (docs/benchmarks/). To compare two versions of the
code, measure both in one run: \`npm run bench -- gateway --entry PATH\`, and \`router --entry PATH\`.`;

const yardstick = 'x nginx';

/** Of one line of a table: what it cost beside nginx. */
interface Line {
  readonly title: string;
  readonly variant: string;
  readonly ratio: number;
}

const linesOf = ({ title, head, rows }: Table): readonly Line[] => {
  const at = head.indexOf(yardstick);
  if (at < 0) return [];
  return rows.flatMap(([variant = '', ...cells]) => {
    const ratio = Number(cells[at - 1]);
    return Number.isFinite(ratio) && variant !== 'nginx' ? [{ title, variant, ratio }] : [];
  });
};

export interface Compared extends Line {
  readonly before: number;
  /** Percent; above 0: it costs more than before. */
  readonly change: number;
}

/** Every line that both runs have and that stands beside nginx. */
export const compared = (before: Recorded, now: Recorded): readonly Compared[] => {
  const old = before.tables.flatMap(linesOf);
  return now.tables.flatMap(linesOf).flatMap((line) => {
    const was = old.find(({ title, variant }) => title === line.title && variant === line.variant);
    if (was === undefined) return [];
    const change = (line.ratio / was.ratio - 1) * 100;
    return [{ ...line, before: was.ratio, change }];
  });
};

const tableOf = (name: string, lines: readonly Compared[]): Table => ({
  title: `${name}: CPU beside nginx's in the same run`,
  head: ['what', 'committed', 'last run', 'change'],
  rows: lines.map(({ title, variant, before, ratio, change }) => [
    `${variant}, ${title}`,
    before.toFixed(2),
    ratio.toFixed(2),
    `${change >= 0 ? '+' : ''}${change.toFixed(0)} %`,
  ]),
});

/** Settings that the two runs do not share: their numbers may differ for that reason alone. */
const otherSettings = (before: Recorded, now: Recorded): readonly string[] => {
  const [then, today] = [before, now].map(({ settings }) => new Map(Object.entries(settings)));
  return [...(today ?? [])].flatMap(([name, value]) =>
    ['json', 'record', 'entry'].includes(name) || then?.get(name) === value
      ? []
      : [`${now.benchmark}: ${name} was ${String(then?.get(name))} and is ${String(value)}`],
  );
};

/** Runs the comparison. Answers the exit code: 1 when a ratio is worse by more than `--within`, or nothing can be compared. */
export const run = (args: readonly string[]): number => {
  if (args.includes('--help')) {
    process.stdout.write(`${helpText('compare', what, options)}\n`);
    return 0;
  }
  const given = readOptions(options, args);
  const pairs = readdirSync(recordedFolder)
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => {
      const before = readRecorded(join(recordedFolder, file));
      const now = readRecorded(join(lastFolder, file));
      return before === null || now === null || before.at === now.at ? [] : [{ before, now }];
    });
  const found = pairs
    .map(({ before, now }) => ({ name: now.benchmark, lines: compared(before, now) }))
    .filter(({ lines }) => lines.length > 0);
  const worse = found.flatMap(({ name, lines }) =>
    lines
      .filter(({ change }) => change > given.within)
      .map(
        ({ title, variant, change }) =>
          `${name}, ${variant}, ${title}: ${change.toFixed(0)} % worse`,
      ),
  );
  return conclude(
    'compare',
    {
      settings: given,
      tables: found.map(({ name, lines }) => tableOf(name, lines)),
      notes: pairs.flatMap(({ before, now }) => [
        `${now.benchmark}: committed ${before.at.slice(0, 16)}, last run ${now.at.slice(0, 16)}`,
        ...otherSettings(before, now),
      ]),
      problems: found.length === 0 ? ['nothing was run since the committed results'] : worse,
    },
    found,
    given,
  );
};
