/** What a benchmark prints and writes. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { join, resolve } from 'node:path';

/** Where every run leaves its results. */
export const lastFolder = resolve(import.meta.dirname, '../../../.bench');

/** Rows of text as aligned columns; the first row is the head, numbers stand to the right. */
export const table = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
};

/** The machine, without names that would tell whose it is. */
export const machine = (): Readonly<Record<string, string | number>> => ({
  cores: availableParallelism(),
  cpu: cpus()[0]?.model ?? 'unknown',
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  kernel: release().split('-')[0] ?? '',
  node: process.version,
  loadAverage: Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]),
});

/** One table of results: what its lines are about, its head, its lines. Cells are text as it is shown. */
export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What a benchmark found. `notes` and `problems` are one line each. */
export interface Findings {
  readonly settings: object;
  readonly tables: readonly Table[];
  readonly notes: readonly string[];
  readonly problems: readonly string[];
}

/** What is kept of a run for docs/benchmarks.md. */
export interface Recorded extends Findings {
  readonly benchmark: string;
  readonly at: string;
  readonly machine: ReturnType<typeof machine>;
}

/** Where results are kept that the documentation shows. */
export const recordedFolder = resolve(import.meta.dirname, '../../../docs/benchmarks');

/** Writes `.bench/<name>.json`, and prints either the text or the same JSON. */
export const publish = (name: string, text: string, value: object, json: boolean): void => {
  const whole = `${JSON.stringify({ benchmark: name, at: new Date().toISOString(), machine: machine(), ...value }, null, 2)}\n`;
  mkdirSync(lastFolder, { recursive: true });
  writeFileSync(join(lastFolder, `${name}.json`), whole);
  process.stdout.write(json ? whole : `${text}\n`);
};

/**
 * Publishes findings with all that was measured; with `record` also keeps them for docs/benchmarks.md, which
 * `npm run generate` writes. Returns the exit code.
 */
export const conclude = (
  name: string,
  findings: Findings,
  measured: object,
  { json, record }: { readonly json: boolean; readonly record: boolean },
): number => {
  const { tables, notes, problems } = findings;
  const text = [
    ...tables.map(({ title, head, rows }) => `${title}\n${table([head, ...rows])}\n`),
    ...notes,
    ...problems.map((problem) => `problem: ${problem}`),
  ].join('\n');
  const kept: Recorded = {
    benchmark: name,
    at: new Date().toISOString(),
    machine: machine(),
    ...findings,
  };
  publish(name, text, { ...kept, measured }, json);
  if (record) {
    mkdirSync(recordedFolder, { recursive: true });
    writeFileSync(join(recordedFolder, `${name}.json`), `${JSON.stringify(kept, null, 2)}\n`);
  }
  return problems.length === 0 ? 0 : 1;
};

/** Says on stderr what is going on, unless only JSON was asked for. */
export const sayer =
  (json: boolean) =>
  (text: string): void => {
    if (!json) process.stderr.write(`bench: ${text}\n`);
  };
