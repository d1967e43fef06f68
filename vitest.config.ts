import { defineConfig } from 'vitest/config';

/** Rules, schemas and arithmetic: what is tested here does no I/O (`test/contract/boundaries.test.ts` holds it) and keeps no state between calls. */
const core = [
  'test/gateway/{config,decide,dialects,flow,model,providers,translate}/**/*.test.ts',
  'test/trace-router/{config,decide,flow,policies}/**/*.test.ts',
];

export default defineConfig({
  test: {
    // More workers than the two cores of CI: half of the files wait for processes and sockets most of their time.
    maxWorkers: 4,
    // Nets, not measurements: a busy machine takes ten times as long.
    testTimeout: 180_000,
    hookTimeout: 300_000,
    reporters: ['default'],
    projects: [
      // A process for each file costs more than most of these tests do.
      { extends: true, test: { name: 'core', include: core, isolate: false } },
      {
        extends: true,
        test: {
          name: 'edge',
          include: ['test/**/*.test.ts'],
          exclude: [...core, '**/node_modules/**'],
        },
      },
    ],
  },
});
