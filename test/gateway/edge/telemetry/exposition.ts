/** A strict reader of the Prometheus text format and of OpenMetrics, as far as we write them. Throws on anything else. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly exemplar: {
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  } | null;
}

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly samples: Sample[];
}

const name = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const label = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
const labels = `(?:\\{((?:${label}(?:,${label})*)?)\\})?`;
const number = '(Na[Nn]|[+-]?Inf|[+-]?\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?)';
const sample = new RegExp(
  `^(${name})${labels} ${number}(?: # \\{(${label})\\} ${number}(?: ${number})?)?$`,
);
const oneLabel = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"/g;

const labelsOf = (text: string | undefined): Record<string, string> =>
  Object.fromEntries(
    [...(text ?? '').matchAll(oneLabel)].map(([, key = '', value = '']) => [
      key,
      value.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c)),
    ]),
  );
const numberOf = (text: string | undefined): number =>
  Number((text ?? '').replace(/Inf$/, 'Infinity'));

/** Families by name. In OpenMetrics the text must end with its mark, and only there exemplars are allowed. */
export const readExposition = (text: string, openMetrics: boolean): Map<string, Family> => {
  const families = new Map<string, Family>();
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new Error('the text does not end with a newline');
  if (openMetrics && lines.pop() !== '# EOF') throw new Error('the text does not end with # EOF');
  let current: Family | null = null;
  for (const line of lines) {
    if (line === '' || line.startsWith('# HELP ')) continue;
    const [, typed, type] = new RegExp(`^# TYPE (${name}) (\\w+)$`).exec(line) ?? [];
    if (typed !== undefined && type !== undefined) {
      if (families.has(typed)) throw new Error(`${typed} stands there twice`);
      current = { name: typed, type, samples: [] };
      families.set(typed, current);
      continue;
    }
    const found = sample.exec(line);
    if (found === null) throw new Error(`no line of this format: ${line}`);
    const [, of = '', inside, value, exemplarLabels, exemplarValue] = found;
    if (current === null || !of.startsWith(current.name))
      throw new Error(`${of} stands outside its family`);
    if (exemplarLabels !== undefined && !openMetrics)
      throw new Error(`an exemplar in plain text: ${line}`);
    current.samples.push({
      name: of,
      labels: labelsOf(inside),
      value: numberOf(value),
      exemplar:
        exemplarLabels === undefined
          ? null
          : { labels: labelsOf(exemplarLabels), value: numberOf(exemplarValue) },
    });
  }
  return families;
};
