/** docs/benchmarks.md: what was recorded, as tables, between the marks that stand in its prose. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { recordedFolder, type Recorded, type Table } from './report.ts';
import { isRecord } from './wire.ts';

const page = 'docs/benchmarks.md';
const root = resolve(import.meta.dirname, '../../..');

const isTable = (value: unknown): value is Table =>
  isRecord(value) &&
  typeof value['title'] === 'string' &&
  Array.isArray(value['head']) &&
  Array.isArray(value['rows']);

const isRecorded = (value: unknown): value is Recorded =>
  isRecord(value) &&
  typeof value['at'] === 'string' &&
  isRecord(value['machine']) &&
  isRecord(value['settings']) &&
  Array.isArray(value['tables']) &&
  value['tables'].every(isTable) &&
  Array.isArray(value['notes']) &&
  Array.isArray(value['problems']);

const cell = (text: string): string => text.replaceAll('|', '\\|');
const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;

const markdown = ({ title, head, rows }: Table): string =>
  [`**${title}**`, '', line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');

const shown = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

const resultsOf = (name: string): string => {
  const path = join(recordedFolder, `${name}.json`);
  if (!existsSync(path)) {
    return `Nothing is recorded yet: \`npm run bench -- ${name} --record\`, then \`npm run generate\`.`;
  }
  const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
  if (!isRecorded(value)) throw new Error(`${path} holds no results`);
  const { at, machine, settings, tables, notes, problems } = value;
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
