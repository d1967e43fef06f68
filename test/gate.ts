/**
 * `npm test`: the one gate, the same here and in CI, fastest checks first. Stops at the first that fails.
 * With arguments it runs only the tests whose path contains one of them: `npm test -- ledger`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

interface Step {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

const usage = `usage: npm test [-- PATH-PART ...]
Runs format, lint, types, dead code, tests and generated files, in this order.
With PATH-PARTs: only the tests whose file path contains one of them.`;

const asked = process.argv.slice(2);
if (asked.includes('--help')) {
  process.stdout.write(`${usage}\n`);
  process.exit(0);
}

/** Tests look for these and skip, counted, what needs them. */
const tools = ['nginx', 'wrk', 'prometheus', 'promtool'];
const missing = tools.filter(
  (tool) =>
    !['/usr/bin', '/usr/sbin', '/usr/local/bin'].some((dir) => existsSync(`${dir}/${tool}`)),
);

const vitest: Step = {
  name: 'tests',
  command: 'vitest',
  // All tests together must reach the floors of vitest.config.ts.
  args: ['run', ...(asked.length === 0 ? ['--coverage'] : asked)],
};
const steps: readonly Step[] =
  asked.length > 0
    ? [vitest]
    : [
        { name: 'format', command: 'oxfmt', args: ['--check', '.'] },
        { name: 'lint', command: 'oxlint', args: ['--type-aware', '--deny-warnings', '.'] },
        { name: 'types', command: 'tsc', args: ['-p', '.'] },
        { name: 'dead code', command: 'knip', args: ['--no-progress'] },
        { name: 'generated files', command: 'node', args: ['test/generate.ts', '--check'] },
        vitest,
      ];

for (const [i, { name, command, args }] of steps.entries()) {
  const startedMs = performance.now();
  process.stdout.write(`gate ${i + 1}/${steps.length}: ${name}\n`);
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' });
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  if (error !== undefined || status !== 0) {
    process.stdout.write(
      `gate: ${name} failed after ${seconds} s${error ? `: ${error.message}` : ''}\n`,
    );
    process.exit(1);
  }
  process.stdout.write(`gate: ${name} passed in ${seconds} s\n`);
}
if (missing.length > 0) {
  process.stdout.write(
    `gate: not installed here, so their tests were skipped: ${missing.join(', ')} (Debian packages nginx, wrk, prometheus)\n`,
  );
}
process.stdout.write('gate: passed\n');
