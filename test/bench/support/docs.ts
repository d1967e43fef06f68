/** docs/benchmarks.md: what was recorded, as tables, between the marks that stand in its prose. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readRecorded } from './recorded.ts';
import { recordedFolder, type Table } from './report.ts';

const page = 'docs/benchmarks.md';
const root = resolve(import.meta.dirname, '../../..');

const cell = (text: string): string => text.replaceAll('|', '\\|');
const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;

const markdown = ({ title, head, rows }: Table): string =>
  [`**${title}**`, '', line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');

const shown = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

const resultsOf = (name: string): string => {
  const recorded = readRecorded(join(recordedFolder, `${name}.json`));
  if (recorded === null) {
    return `Nothing is recorded yet: \`npm run bench -- ${name} --record\`, then \`npm run generate\`.`;
  }
  const { at, machine, settings, tables, notes, problems } = recorded;
  const { cores, cpu, memoryGiB, kernel, node, loadAverage } = machine;
  const given = Object.entries(settings)
    .filter(([, setting]) => setting !== '' && setting !== false)
    .map(([setting, by]) => `${setting} ${shown(by)}`)
    .join(', ');
  return [
    `Recorded ${at.slice(0, 16).replace('T', ' ')} UTC: ${cores} cores of ${cpu}, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}; load average at the end ${loadAverage}. Settings: ${given}.`,
    ...tables.map(markdown),
    [...notes, ...problems.map((problem) => `**missed:** ${problem}`)]
      .map((note) => `- ${note}`)
      .join('\n'),
  ].join('\n\n');
};

const block = /(<!-- results of (\w+) -->\n)[^]*?(<!-- end of results -->)/g;

/** The page with the recorded results of each benchmark that it has a place for. */
export const generatedFiles = (): Readonly<Record<string, string>> => {
  const text = readFileSync(join(root, page), 'utf8');
  return {
    [page]: text.replaceAll(
      block,
      (_all, begin: string, name: string, end: string) => `${begin}\n${resultsOf(name)}\n\n${end}`,
    ),
  };
};
