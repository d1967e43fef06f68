/**
 * Preloaded into a process that is to be profiled: SIGUSR2 starts the sampling, the next one stops it and writes
 * `BENCH_PROFILE`. So start-up and warm-up stay out of the profile.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';

const path = process.env['BENCH_PROFILE'] ?? '';
const samplingMicroseconds = 500;
const session = new Session();
let sampling = false;

const toggle = async (): Promise<void> => {
  if (!sampling) {
    sampling = true;
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: samplingMicroseconds });
    await session.post('Profiler.start');
    return;
  }
  const { profile } = await session.post('Profiler.stop');
  // Whoever waits for the file sees it whole.
  writeFileSync(`${path}.part`, JSON.stringify(profile));
  renameSync(`${path}.part`, path);
};
process.on('SIGUSR2', () => void toggle());
