/**
 * `npm run again -- RUNS`: all tests, so many times in a row, beside one busy loop for each core. No test may depend on
 * speed; this is how to see whether one does. One line for each run; exit code 1 when a test failed in any of them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';

const usage = 'usage: npm run again [-- RUNS [PATH-PART ...]] (20 runs of all tests)\n';
const [runsText = '20', ...asked] = process.argv.slice(2);
const runs = Number(runsText);
if (!Number.isSafeInteger(runs) || runs < 1) {
  process.stderr.write(usage);
  process.exit(1);
}

/** Of vitest's report what is needed here. https://vitest.dev/guide/reporters#json-reporter */
const Report = Compile(
  Type.Object({
    numPassedTests: Type.Number(),
    numFailedTests: Type.Number(),
    testResults: Type.Array(
      Type.Object({
        name: Type.String(),
        status: Type.String(),
        message: Type.String(),
        assertionResults: Type.Array(
          Type.Object({
            fullName: Type.String(),
            status: Type.String(),
            failureMessages: Type.Optional(Type.Array(Type.String())),
          }),
        ),
      }),
    ),
  }),
);

interface Run {
  readonly passed: number;
  readonly failed: number;
  /** What failed and why, a few lines each. */
  readonly faults: readonly string[];
}

const firstLines = (text: string): string => text.split('\n').slice(0, 6).join('\n    ');

const readReport = (file: string): Run => {
  const report: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (!Report.Check(report)) throw new Error(`${file} is no report of vitest`);
  const faults = report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const where = path.relative(process.cwd(), name);
    const failed = assertionResults.filter((one) => one.status === 'failed');
    // A file may fail outside of its tests: while it is loaded, or in a hook.
    if (failed.length === 0) return status === 'failed' ? [`${where}: ${firstLines(message)}`] : [];
    return failed.map(
      ({ fullName, failureMessages = [] }) =>
        `${where}: ${fullName}\n    ${firstLines(failureMessages.join('\n'))}`,
    );
  });
  return { passed: report.numPassedTests, failed: report.numFailedTests, faults };
};

const dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-again-'));
const runOnce = async (): Promise<Run> => {
  const file = path.join(dir, 'report.json');
  rmSync(file, { force: true });
  const args = ['run', '--reporter=json', `--outputFile=${file}`, ...asked];
  const child = spawn('vitest', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code]: unknown[] = await once(child, 'exit');
  const run = readReport(file);
  const isSilent = code !== 0 && run.faults.length === 0;
  return isSilent ? { ...run, faults: [`vitest ended with ${String(code)}`] } : run;
};

// Threads: they end with this process, however it ends.
const loops = os.cpus().map(() => new Worker('for (;;);', { eval: true }));
let faulty = 0;
for (let run = 1; run <= runs; run += 1) {
  const startedMs = performance.now();
  const { passed, failed, faults } = await runOnce();
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(0);
  process.stdout.write(`run ${run}/${runs}: ${seconds} s, ${passed} passed, ${failed} failed\n`);
  for (const fault of faults) process.stdout.write(`  ${fault}\n`);
  if (faults.length > 0) faulty += 1;
}
await Promise.all(loops.map((loop) => loop.terminate()));
rmSync(dir, { recursive: true, force: true });
process.stdout.write(`again: ${runs - faulty} of ${runs} runs were green\n`);
process.exit(faulty === 0 ? 0 : 1);
