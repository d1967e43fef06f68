/** One series of a Prometheus text exposition. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The number as it was written. */
  readonly text: string;
}

const line = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)/;
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

/** Reads the text format. https://prometheus.io/docs/instrumenting/exposition_formats/ */
export const samples = (text: string): readonly Sample[] =>
  text.split('\n').flatMap((row) => {
    const [, name, labels = '', value] = row.startsWith('#') ? [] : (line.exec(row) ?? []);
    if (name === undefined || value === undefined) return [];
    const pairs = [...labels.matchAll(label)].map(
      ([, key = '', found = '']) => [key, found] as const,
    );
    return [{ name, labels: Object.fromEntries(pairs), text: value }];
  });
