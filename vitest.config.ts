import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**'],
    // More workers than the two cores of CI: half of the files wait for processes and sockets most of their time.
    maxWorkers: 4,
    // A worker takes one file after the other: a process of its own for each cost as much again as a fifth of all tests.
    // So no test may leave anything behind in its process; module state of ours is none but caches.
    isolate: false,
    // Nets, not measurements: a busy machine takes ten times as long.
    testTimeout: 180_000,
    hookTimeout: 300_000,
    reporters: ['default'],
  },
});
