import path from 'node:path';
import type { Reporter } from 'vitest/node';

/** What vitest prints last: every test that did not run, and why. A reason is `skip('…')` in the test, or stands in its name. */
export const skips: Reporter = {
  onTestRunEnd(modules) {
    const lines = modules.flatMap(({ children, moduleId }) =>
      [...children.allTests('skipped')].map((test) => {
        const result = test.result();
        const why = result.state === 'skipped' && result.note ? `: ${result.note}` : '';
        return `  ${path.relative(process.cwd(), moduleId)}: ${test.fullName}${why}\n`;
      }),
    );
    if (lines.length > 0) process.stdout.write(`skipped (${lines.length}):\n${lines.join('')}`);
  },
};
