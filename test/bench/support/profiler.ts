/**
 * Preloaded into a process that is to be profiled: SIGUSR2 starts the sampling of CPU and of allocations, the next
 * one stops it and writes `BENCH_PROFILE` as `{ cpu, memory }`. So start-up and warm-up stay out of the profile.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';

const path = process.env['BENCH_PROFILE'] ?? '';
const samplingMicroseconds = 500;
const samplingBytes = 65_536;
const session = new Session();
let sampling = false;

const toggle = async (): Promise<void> => {
  if (!sampling) {
    sampling = true;
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: samplingMicroseconds });
    await session.post('HeapProfiler.startSampling', {
      samplingInterval: samplingBytes,
      // What is allocated costs, whether or not it lives until the end.
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    });
    await session.post('Profiler.start');
    return;
  }
  const { profile: cpu } = await session.post('Profiler.stop');
  const { profile: memory } = await session.post('HeapProfiler.stopSampling');
  // Whoever waits for the file sees it whole.
  writeFileSync(`${path}.part`, JSON.stringify({ cpu, memory }));
  renameSync(`${path}.part`, path);
};
process.on('SIGUSR2', () => void toggle());
