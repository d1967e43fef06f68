import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Two cores: one worker for each, and no more, so that real servers get their share.
    maxWorkers: 2,
    // Nets, not measurements: a busy machine takes ten times as long.
    testTimeout: 180_000,
    hookTimeout: 300_000,
    reporters: ['default'],
  },
});
