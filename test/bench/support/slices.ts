/** Interleaved slices: every variant is alive all the time and works in turn, so that a noisy minute hits them all. */
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds, machineBusySeconds, ownCpuSeconds, quantile } from './cpu.ts';

/** What a load did in one slice. A unit is what CPU is divided by: a response, or a chunk. */
export interface Done {
  readonly units: number;
  readonly errors: number;
  readonly seconds: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

export interface Variant {
  readonly name: string;
  /** The processes whose CPU counts. */
  pids(): readonly number[];
  load(): Promise<Done>;
}

export interface Slice extends Done {
  readonly variant: string;
  readonly round: number;
  /** CPU of the process per unit, microseconds. */
  readonly us: number;
  /** Share of a core the process used while the load was on. */
  readonly busy: number;
  /** Cores that neither the benchmark nor its parts used: neighbours, and the kernel's own work. */
  readonly otherCores: number;
}

/** A set is quiet when its neighbours used less than this of a core; only then are absolute numbers worth quoting. */
const quietCores = 0.06;

/**
 * Runs `rounds` rounds of all variants, each round in the opposite order of the last. CPU is counted until `settleMs`
 * after a slice, so that work put off (batches, files to ship) is charged to the calls that caused it.
 * `parts` is every process of the benchmark, so that what remains is the neighbours' doing.
 */
export const measureSlices = async (options: {
  readonly variants: readonly Variant[];
  parts(): readonly number[];
  readonly rounds: number;
  readonly settleMs: number;
  onSlice(slice: Slice): void;
}): Promise<readonly Slice[]> => {
  const slices: Slice[] = [];
  const known = (): number => cpuSeconds(options.parts()) + ownCpuSeconds();
  for (let round = 0; round < options.rounds; round += 1) {
    const order = round % 2 === 0 ? options.variants : options.variants.toReversed();
    for (const { name, pids, load } of order) {
      const used = (): number => cpuSeconds(pids());
      const [busyBefore, knownBefore, cpuBefore] = [machineBusySeconds(), known(), used()];
      const startedMs = performance.now();
      const done = await load();
      const cpuLoaded = used();
      await sleep(options.settleMs);
      const cpu = used() - cpuBefore;
      const wallSeconds = (performance.now() - startedMs) / 1000;
      const others = machineBusySeconds() - busyBefore - (known() - knownBefore);
      const slice: Slice = {
        ...done,
        variant: name,
        round,
        us: (cpu / done.units) * 1e6,
        busy: (cpuLoaded - cpuBefore) / done.seconds,
        otherCores: Math.max(0, others / wallSeconds),
      };
      slices.push(slice);
      options.onSlice(slice);
    }
  }
  return slices;
};

export interface Summary {
  readonly variant: string;
  readonly slices: number;
  readonly us: {
    readonly min: number;
    readonly p25: number;
    readonly median: number;
    readonly max: number;
  };
  readonly perSecond: number;
  readonly busy: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly errors: number;
  readonly otherCores: { readonly median: number; readonly max: number };
  readonly quiet: boolean;
}

const medianOf = (values: readonly (number | null)[]): number | null => {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : quantile(known, 0.5);
};

/** One variant's slices as one line. */
export const summaryOf = (variant: string, all: readonly Slice[]): Summary => {
  const slices = all.filter((slice) => slice.variant === variant);
  const us = slices.map((slice) => slice.us);
  const others = slices.map((slice) => slice.otherCores);
  return {
    variant,
    slices: slices.length,
    us: {
      min: quantile(us, 0),
      p25: quantile(us, 0.25),
      median: quantile(us, 0.5),
      max: quantile(us, 1),
    },
    perSecond: quantile(
      slices.map(({ units, seconds }) => units / seconds),
      0.5,
    ),
    busy: quantile(
      slices.map(({ busy }) => busy),
      0.5,
    ),
    p50Ms: medianOf(slices.map(({ p50Ms }) => p50Ms)),
    p99Ms: medianOf(slices.map(({ p99Ms }) => p99Ms)),
    errors: slices.reduce((sum, { errors }) => sum + errors, 0),
    otherCores: { median: quantile(others, 0.5), max: quantile(others, 1) },
    quiet: quantile(others, 0.5) < quietCores,
  };
};
