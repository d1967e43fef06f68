/** The loads of the benchmarks of calls, each for one slice: what was done, how long it took, what went wrong. */
import { setTimeout as sleep } from 'node:timers/promises';
import { loadCore, runLoad, type LoadSettings } from './helpers.ts';
import type { Done } from './slices.ts';
import type { Server } from './stage.ts';
import type { Provider } from './wire.ts';
import { hasWrk, runWrk } from './wrk.ts';

/** Node's own clients, not wrk. Units are completed calls. */
const ownLoad = async (
  dir: string,
  { port, key }: Server,
  given: Omit<LoadSettings, 'port' | 'key' | 'hangupShare' | 'withIds'>,
): Promise<Done> => {
  const startedMs = performance.now();
  const done = await runLoad(dir, { port, key, hangupShare: 0, withIds: false, ...given });
  const failures = Object.keys(done.failures).length;
  return {
    units: done.completed,
    errors: done.failed + failures,
    // An open stream is read to its end; whole replies end with the time.
    seconds: given.stream ? (performance.now() - startedMs) / 1000 : given.seconds,
    p50Ms: done.p50Ms,
    p99Ms: done.p99Ms,
  };
};

/** Whole replies as fast as they come: wrk where it is installed, else our own client. */
export const chatLoad = async (
  dir: string,
  server: Server,
  load: { readonly provider: Provider; readonly connections: number; readonly seconds: number },
): Promise<Done> => {
  if (!hasWrk) return ownLoad(dir, server, { ...load, stream: false, rate: 0, rampMs: 0 });
  const { port, key } = server;
  const { responses, ...rest } = await runWrk({ dir, port, key, ...load, cores: [loadCore] });
  return { units: responses, ...rest };
};

/** Whole replies at a fixed rate. */
export const pacedLoad = (
  dir: string,
  server: Server,
  load: { readonly provider: Provider; readonly rate: number; readonly seconds: number },
): Promise<Done> => ownLoad(dir, server, { ...load, stream: false, connections: 1, rampMs: 0 });

/** Streams; a unit is a write of the provider: its events, its usage, and [DONE]. */
export const streamLoad = async (
  dir: string,
  server: Server,
  load: {
    readonly streams: number;
    readonly events: number;
    readonly gapMs: number;
    readonly seconds: number;
  },
): Promise<Done> => {
  const { streams, events, gapMs, seconds } = load;
  const done = await ownLoad(dir, server, {
    provider: 'node',
    stream: true,
    rate: 0,
    connections: streams,
    seconds,
    rampMs: gapMs,
  });
  // How long a stream lasts is the provider's doing.
  return { ...done, units: done.units * (events + 2), p50Ms: null, p99Ms: null };
};

/** Nothing; a unit is a second. */
export const noLoad = async (seconds: number): Promise<Done> => {
  await sleep(seconds * 1000);
  return { units: seconds, errors: 0, seconds, p50Ms: null, p99Ms: null };
};

/** Calls before anything is measured: code runs at its final speed after a hundred thousand and more. */
export const warmOption = {
  kind: 'number',
  value: 150_000,
  range: [0, 10_000_000],
  help: 'calls before anything is measured; fewer only to try the benchmark itself',
} as const;
const warmUpSeconds = 4;
const maxWarmUps = 60;

/** Runs a load until so many units are done, or for four minutes: on a busy machine it takes a while. */
export const warmUp = async (
  name: string,
  calls: number,
  load: (seconds: number) => Promise<Done>,
  say: (text: string) => void,
): Promise<void> => {
  let units = 0;
  for (let i = 0; i < maxWarmUps && units < calls; i += 1)
    units += (await load(warmUpSeconds)).units;
  say(`${name}: warmed up with ${units} units`);
};
