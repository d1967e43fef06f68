/**
 * `npm run mutate [-- AREA ...]`: plants small faults in the code that must not be wrong, one at a time, and runs the tests
 * that guard it (Stryker, https://stryker-mutator.io). A fault that no test notices is listed. It works in a copy of the
 * checkout and changes nothing here.
 */
import { Stryker } from '@stryker-mutator/core';

interface Area {
  /** Where faults are planted. */
  readonly mutate: readonly string[];
  /** What must notice them. */
  readonly tests: readonly string[];
  /** Percent of the planted faults that must be noticed. */
  readonly floor: number;
}

const areas: Readonly<Record<string, Area>> = {
  money: {
    mutate: ['gateway/src/model/money.ts', 'gateway/src/decide/price.ts'],
    tests: ['test/gateway/model/money.test.ts', 'test/gateway/decide/price.test.ts'],
    floor: 90,
  },
  splitting: {
    mutate: ['trace-router/src/otlp/split.ts', 'trace-router/src/decide/slots.ts'],
    tests: ['test/trace-router/otlp/split.test.ts', 'test/trace-router/decide/slots.test.ts'],
    floor: 80,
  },
  spool: {
    mutate: [
      'gateway/src/edge/ledger/entry.ts',
      'gateway/src/edge/ledger/mend.ts',
      'gateway/src/edge/ledger/group-commit.ts',
      'gateway/src/edge/ledger/rotation.ts',
      'gateway/src/edge/ledger/read-segment.ts',
    ],
    tests: [
      'test/gateway/edge/ledger/entry.test.ts',
      'test/gateway/edge/ledger/group-commit.test.ts',
      'test/gateway/edge/ledger/read-segment.test.ts',
      'test/gateway/edge/ledger/recover.test.ts',
      'test/gateway/edge/ledger/spool.test.ts',
    ],
    floor: 80,
  },
};

const usage = `usage: npm run mutate [-- --json] [${Object.keys(areas).join(' | ')}] ...
Plants faults in an area (default: all of them), one at a time, and runs the tests that guard it. Some minutes each.
Exit code 1: the tests of an area notice too few; 2: misused.`;

const args = process.argv.slice(2);
const json = args.includes('--json');
const asked = args.filter((arg) => arg !== '--json');
if (asked.includes('--help')) {
  process.stdout.write(`${usage}\n`);
  process.exit(0);
}
if (asked.some((name) => !Object.hasOwn(areas, name))) {
  process.stderr.write(`${usage}\n`);
  process.exit(2);
}

const noticed = new Set(['Killed', 'Timeout']);
const unnoticed = new Set(['Survived', 'NoCoverage']);

const tryArea = async (name: string, { mutate, tests, floor }: Area) => {
  process.env['TOLLGATE_MUTATION_TESTS'] = tests.join(',');
  const results = await new Stryker({
    plugins: ['@stryker-mutator/vitest-runner'],
    testRunner: 'vitest',
    vitest: { configFile: 'test/mutation/vitest.config.ts', related: false },
    coverageAnalysis: 'perTest',
    mutate: [...mutate],
    // It would rewrite the paths in it with an API that TypeScript 7 does not have.
    tsconfigFile: 'none.json',
    ignorePatterns: ['.toolchain*', '.sdk', '.bench', '.tollgate', 'docs', 'dashboards'],
    tempDirName: '.mutation',
    reporters: json ? [] : ['progress-append-only'],
    allowEmpty: false,
  }).runMutationTest();
  const survivors = results
    .filter(({ status }) => unnoticed.has(status))
    .map(({ fileName, location: { start }, replacement }) => ({
      at: `${fileName}:${start.line}:${start.column}`,
      replacement: replacement.replaceAll(/\s+/g, ' ').slice(0, 100),
    }));
  const caught = results.filter(({ status }) => noticed.has(status)).length;
  const percent = (caught / Math.max(1, caught + survivors.length)) * 100;
  return { name, floor, percent, faults: caught + survivors.length, survivors };
};

const found = [];
for (const [name, area] of Object.entries(areas)) {
  if (asked.length === 0 || asked.includes(name)) found.push(await tryArea(name, area));
}
if (json) process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
else {
  for (const { survivors } of found)
    for (const { at, replacement } of survivors)
      process.stdout.write(`not noticed: ${at}  ${replacement}\n`);
  for (const { name, faults, percent, floor } of found)
    process.stdout.write(
      `mutate: ${name}: ${percent.toFixed(1)} % of ${faults} faults noticed (at least ${floor})\n`,
    );
}
process.exitCode = found.some(({ percent, floor }) => percent < floor) ? 1 : 0;
