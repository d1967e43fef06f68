/**
 * How Node runs the parts that carry the load; the benchmarks run them with the same. Both settings were measured,
 * interleaved, against the defaults (docs/benchmarks.md).
 *
 * A young generation that the garbage of calls in flight does not outgrow. And buffers counted together with the heap:
 * by default every 64 MiB of new buffers start a whole collection, which under load was two fifths of the CPU of the
 * trace-router. `--initial-old-space-size` is what heap and buffers may reach before the first one.
 */
const flags = (beforeFirstCollectionMiB: number): readonly string[] => [
  '--max-semi-space-size=64',
  '--min-semi-space-size=64',
  '--external-memory-accounted-in-global-limit',
  `--initial-old-space-size=${beforeFirstCollectionMiB}`,
];

export const gatewayFlags = flags(256);
export const routerFlags = flags(128);
