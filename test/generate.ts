/**
 * Writes every generated file: `npm run generate`. With --check it writes nothing and exits 1 naming each stale file.
 * A generator is a function from nothing to { path: content }; its output is committed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { generatedFiles as boardsAndRules } from '../dashboards/src/build.ts';
import { generatedFiles as clickhouseErrors } from '../deploy/clickhouse/src/generate-docs.ts';
import { generatedFiles as localEnvironment } from '../deploy/local/src/generate-docs.ts';
import { generatedFiles as gatewayConfiguration } from '../gateway/src/config/generate.ts';
import { generatedFiles as priceCatalogue } from '../gateway/src/edge/prices/generate.ts';
import { reference } from '../gateway/src/docs/reference.ts';
import { generatedFiles as routerConfiguration } from '../trace-router/src/config/generate.ts';
import { generatedFiles as benchmarkResults } from './bench/support/docs.ts';

type Generated = Readonly<Record<string, string>>;

const generators: readonly (() => Generated | Promise<Generated>)[] = [
  () => ({ 'docs/reference.md': reference() }),
  gatewayConfiguration,
  priceCatalogue,
  routerConfiguration,
  clickhouseErrors,
  localEnvironment,
  boardsAndRules,
  benchmarkResults,
];

const current = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
};

const check = process.argv.includes('--check');
const stale: string[] = [];
for (const generate of generators) {
  for (const [path, content] of Object.entries(await generate())) {
    if (current(path) === content) continue;
    stale.push(path);
    if (!check) writeFileSync(path, content);
  }
}
for (const path of stale) process.stdout.write(`${check ? 'stale' : 'written'}: ${path}\n`);
if (check && stale.length > 0) {
  process.stdout.write('run: npm run generate\n');
  process.exit(1);
}
