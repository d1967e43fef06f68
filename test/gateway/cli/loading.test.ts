/** A command loads what it needs and no other command: with all of them the program takes several times as long to start. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { expect, test } from 'vitest';

/** What is loaded with a file: values that it imports or passes on. Types are not, nor what it may import later. */
const imported = /^(?:import|export)\s+(?!type\b)(?:[^'"`;]*?\bfrom\s+)?'([^'\n]+)'/gm;
const later = /\bimport\(\s*'([^'\n]+)'\s*\)/g;

const found = (path: string, pattern: RegExp): readonly string[] =>
  [...readFileSync(path, 'utf8').matchAll(pattern)].map(([, to = '']) =>
    to.startsWith('.')
      ? join(dirname(path), to)
      : to.replace(/^@tollgate\/([^/]+)\//, 'deploy/$1/src/'),
  );

/** A file of ours and all that is loaded with it; of others only what is asked for directly. */
const loadedWith = (path: string): ReadonlySet<string> => {
  const all = new Set([path]);
  // A set that grows is gone through to its end.
  for (const one of all) if (existsSync(one)) for (const to of found(one, imported)) all.add(to);
  return all;
};

const start = 'gateway/src/cli.ts';
const lists = [
  start,
  'gateway/src/cli/bills.ts',
  'gateway/src/cli/ledger.ts',
  'gateway/src/cli/prices.ts',
];
const commands = lists.flatMap((path) => found(path, later));

test('every command is one that a list imports when it is called', () => {
  const files = globSync('gateway/src/cli/**/*.ts').filter((path) =>
    /= command\(/.test(readFileSync(path, 'utf8')),
  );
  expect(commands.toSorted()).toEqual(files.toSorted());
});

test('before a command is called only the lists are loaded, and what writes a usage', () => {
  expect([...loadedWith(start)].toSorted()).toEqual(
    [...lists, 'gateway/src/cli/command.ts', 'citty', 'node:util'].toSorted(),
  );
});

test.each(commands)('%s loads no other command', (path) => {
  const loaded = loadedWith(path);
  expect(loaded).toContain('gateway/src/cli/command.ts');
  expect(commands.filter((other) => loaded.has(other))).toEqual([path]);
});

test('only commands that are about a configuration load what reads one', () => {
  const [reader, schema] = ['gateway/src/cli/configuration.ts', 'gateway/src/config/schema.ts'];
  expect(loadedWith(reader)).toContain(schema);
  expect(commands.filter((path) => loadedWith(path).has(schema)).toSorted()).toEqual([
    'gateway/src/cli/check.ts',
    'gateway/src/cli/ledger/reprice.ts',
    'gateway/src/cli/prices/diff.ts',
    'gateway/src/cli/prices/explain.ts',
    'gateway/src/cli/prices/import.ts',
    'gateway/src/cli/prices/show.ts',
  ]);
});
