/** docs/benchmarks.md against the benchmarks: all of them are there, and no number stands in a table that was typed. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { warmOption } from '../bench/support/loads.ts';

const page = readFileSync('docs/benchmarks.md', 'utf8');
const typed = page.replaceAll(/<!-- results of \w+ -->[^]*?<!-- end of results -->/g, '');

test('every benchmark is named, and every place for results is one of a benchmark', () => {
  const { stdout } = spawnSync(process.execPath, ['test/bench/main.ts', '--help'], {
    encoding: 'utf8',
  });
  const names = [...stdout.matchAll(/^ {2}(\w+) +/gm)].map(([, name = '']) => name);
  expect(names.length).toBeGreaterThanOrEqual(6);
  for (const name of names) expect(page).toContain(`npm run bench -- ${name}`);
  const places = [...page.matchAll(/<!-- results of (\w+) -->/g)].map(([, name = '']) => name);
  expect(places.filter((name) => !names.includes(name))).toEqual([]);
  expect(places).toEqual(['gateway', 'rates', 'product', 'router', 'questions', 'workers', 'soak']);
});

test('tables come from recorded runs only', () => {
  expect(typed.split('\n').filter((line) => line.startsWith('|'))).toEqual([]);
});

test('final speed is measured: code gets faster for a hundred thousand calls and more', () => {
  expect(warmOption.value).toBeGreaterThanOrEqual(150_000);
});
