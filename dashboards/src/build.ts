/** Writes everything that is generated here: `node dashboards/src/build.ts`. Importing it writes nothing. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { rulesFile, rulesTestFile } from './alerts/files.ts';
import { type Board, classic } from './boards/board.ts';
import { boards } from './boards/registry.ts';
import { boardFoldersFile, dataSourcesFile } from './provisioning.ts';

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Keys in alphabetical order, so that an upgrade of the SDK that reorders its code changes no board. */
const sorted = (_key: string, value: unknown): unknown =>
  isRecord(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : value;

const json = (board: Board): string => `${JSON.stringify(classic(board), sorted, 2)}\n`;

/** Every generated file: its path from the root of the repository, and its content. */
export const generatedFiles = (): Record<string, string> => ({
  ...Object.fromEntries(
    Object.entries(boards).map(([name, board]) => [
      `dashboards/out/classic/${name}.json`,
      json(board),
    ]),
  ),
  'dashboards/out/rules.yml': rulesFile(),
  'dashboards/out/rules_test.yml': rulesTestFile(),
  'deploy/prometheus/rules.yml': rulesFile(),
  'deploy/grafana/provisioning/datasources/tollgate.yaml': dataSourcesFile(),
  'deploy/grafana/provisioning/dashboards/tollgate.yaml': boardFoldersFile(),
});

if (import.meta.main) {
  const root = join(import.meta.dirname, '../..');
  for (const [path, content] of Object.entries(generatedFiles())) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
    process.stdout.write(`written: ${path}\n`);
  }
}
