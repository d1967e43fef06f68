/**
 * How Node runs the parts that carry the load; the benchmarks run them with the same. Each was measured, interleaved,
 * against the defaults (docs/benchmarks.md).
 *
 * A young generation that the garbage of calls in flight does not outgrow. And buffers counted together with the heap:
 * by default every 64 MiB of new buffers start a whole collection, which under load was two fifths of the CPU of the
 * trace-router. The initial old space is what heap and buffers may reach before the first one; twice as much saves
 * another 2 % of CPU and costs 300 MiB.
 */
export const engineFlags: readonly string[] = [
  '--max-semi-space-size=32',
  '--min-semi-space-size=32',
  '--external-memory-accounted-in-global-limit',
  '--initial-old-space-size=128',
];
