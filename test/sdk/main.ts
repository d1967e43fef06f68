/** `npm run sdk`: the official SDKs of Python, Node and Go through the gateway, and what they show. */
import { parseArgs } from 'node:util';
import type { Line } from './compare.ts';
import { prepare } from './languages.ts';
import { scenarios, sdks, type Language } from './table.ts';
import type { Client } from './task.ts';
import { tryTable } from './trial.ts';

const languages: readonly Language[] = ['python', 'node', 'go'];
const usage = `usage: npm run sdk [-- --json] [LANGUAGE ...]
The official SDKs of ${languages.join(', ')} (default: all) ask scripted providers directly and through the gateway; what they
show, the requests at the provider and the rows of the ledger are held against test/sdk/table.ts.
A minute; the first time Go's compiler takes 2 to 4 more. A language that cannot be had here is skipped, and counted.
  --json   print JSON and nothing else
Exit code 1: something was not as expected.`;

const readArgs = () => {
  const options = { json: { type: 'boolean' }, help: { type: 'boolean' } } as const;
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const unknown = positionals.find((one) => !languages.some((language) => language === one));
    if (unknown === undefined) return { ...values, asked: positionals };
    throw new Error(`no language '${unknown}'`);
  } catch (error) {
    process.stderr.write(`sdk: ${error instanceof Error ? error.message : ''}\n${usage}\n`);
    process.exit(2);
  }
};

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const { json = false, help = false, asked } = readArgs();
if (help) {
  print(usage);
  process.exit(0);
}

const clients = new Map<Language, Client>();
const skipped: { readonly language: Language; readonly why: string }[] = [];
for (const language of languages.filter((one) => asked.length === 0 || asked.includes(one))) {
  const startedMs = performance.now();
  const client = prepare[language]();
  if (typeof client !== 'function') {
    skipped.push({ language, why: client.missing });
    continue;
  }
  clients.set(language, client);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  if (!json) print(`sdk: ${language} is ready after ${seconds} s`);
}
const lines = await tryTable(clients);

const rowOf = ({ ok, language, sdk, scenario, seen, expected, direct, why }: Line): string => {
  const row = `${ok ? 'ok  ' : 'FAIL'} ${language.padEnd(6)} ${sdk.padEnd(9)} ${scenario.padEnd(21)} ${seen}`;
  if (!ok) return `${row}\n     expected ${expected}; directly ${direct ?? 'not asked'}`;
  return why === '' ? row : `${row} (directly ${direct ?? 'not asked'}: ${why})`;
};
const failed = lines.filter(({ ok }) => !ok).length;
const rowsSkipped = skipped.length * scenarios.length * sdks.length;
if (json) print(JSON.stringify({ lines, skipped }, null, 2));
else {
  for (const line of lines) print(rowOf(line));
  for (const { language, why } of skipped) print(`sdk: skipped every row of ${language}: ${why}`);
  print(`sdk: ${lines.length - failed} passed, ${failed} failed, ${rowsSkipped} skipped`);
}
process.exitCode = failed === 0 ? 0 : 1;
