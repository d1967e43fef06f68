import { defineConfig } from 'vitest/config';
import { skips } from './test/skips.ts';

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
    reporters: ['default', skips],
    coverage: {
      provider: 'v8',
      // What decides and translates: nothing there needs a process or a socket to be tried.
      include: [
        'gateway/src/{model,decide,dialects,translate,providers,projections,flow,config}/**',
        'trace-router/src/{model,decide,policies,otlp,flow,config}/**',
        'deploy/settings/src/*.ts',
        'deploy/clickhouse/src/*.ts',
      ],
      // These run in the process of a trace-router only (test/trace-router/edge), or are three lines long.
      exclude: [
        'trace-router/src/otlp/{answer,grpc-frames,partition,paths,traces}.ts',
        'gateway/src/dialects/anthropic.ts',
      ],
      reporter: ['text-summary'],
      thresholds: { perFile: true, lines: 84, functions: 65, branches: 55 },
    },
  },
});
