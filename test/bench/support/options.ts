/** Command lines of the benchmarks. */
import { parseArgs } from 'node:util';

/** One option: a number with its default and bounds, text, or a switch. */
export type OptionRow =
  | {
      readonly kind: 'number';
      readonly value: number;
      readonly range: readonly [number, number];
      readonly help: string;
    }
  | { readonly kind: 'text'; readonly value: string; readonly help: string }
  | { readonly kind: 'switch'; readonly help: string };

type ValueOf<R extends OptionRow> = R['kind'] extends 'number'
  ? number
  : R['kind'] extends 'text'
    ? string
    : boolean;

/** A command line that cannot be understood: its message is for the user. */
export class UsageError extends Error {}

const shared = {
  json: { kind: 'switch', help: 'print JSON and nothing else' },
  record: {
    kind: 'switch',
    help: 'keep the results for docs/benchmarks.md (then: npm run generate)',
  },
} as const;

const numberOf = (
  name: string,
  given: string,
  [least, most]: readonly [number, number],
): number => {
  const value = given.trim() === '' ? NaN : Number(given);
  if (value >= least && value <= most) return value;
  throw new UsageError(`--${name} must be a number from ${least} to ${most}, not '${given}'`);
};

/** Reads `--name value` and `--switch`. Throws `UsageError` for what is unknown or out of bounds. */
export const readOptions = <T extends Readonly<Record<string, OptionRow>>>(
  table: T,
  args: readonly string[],
): {
  readonly [N in keyof T | keyof typeof shared]: N extends keyof T ? ValueOf<T[N]> : boolean;
} => {
  const rows: Readonly<Record<string, OptionRow>> = { ...table, ...shared };
  let given: Readonly<Record<string, unknown>>;
  try {
    given = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: Object.fromEntries(
        Object.entries(rows).map(([name, { kind }]) => [
          name,
          { type: kind === 'switch' ? ('boolean' as const) : ('string' as const) },
        ]),
      ),
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const read = Object.fromEntries(
    Object.entries(rows).map(([name, row]) => {
      const value = given[name];
      if (row.kind === 'switch') return [name, value === true];
      if (typeof value !== 'string') return [name, row.value];
      return [name, row.kind === 'number' ? numberOf(name, value, row.range) : value];
    }),
  );
  // Built from the very table that the type is computed from.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return read as ReturnType<typeof readOptions<T>>;
};

/** The help of a benchmark: one line for each option. */
export const helpText = (
  name: string,
  what: string,
  table: Readonly<Record<string, OptionRow>>,
): string => {
  const all: Readonly<Record<string, OptionRow>> = { ...table, ...shared };
  const lines = Object.entries(all).map(([option, row]) => {
    const value = row.kind === 'switch' ? '' : row.kind === 'number' ? ' N' : ' TEXT';
    const by = row.kind === 'switch' || row.value === '' ? '' : ` (default ${row.value})`;
    return `  ${`--${option}${value}`.padEnd(20)} ${row.help}${by}`;
  });
  return `usage: npm run bench -- ${name} [options]\n${what}\n${lines.join('\n')}`;
};
