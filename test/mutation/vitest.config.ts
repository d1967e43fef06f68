import { defineConfig } from 'vitest/config';

/** Runs the tests that `main.ts` names for an area, each file in a module world of its own. */
export default defineConfig({
  test: {
    include: (process.env['TOLLGATE_MUTATION_TESTS'] ?? '').split(','),
    testTimeout: 20_000,
  },
});
