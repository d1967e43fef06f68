/** What one of several workers may take of limits that hold for the whole gateway. */
import { freeze } from '@tollgate/settings/checked.ts';
import type { Budget } from '../model/budget.ts';
import type { Config } from './config.ts';
import { mostWorkers } from './sections.ts';

/**
 * How many processes serve calls.
 * @param count `workers.count` of the configuration
 * @param cores how many cores this machine gives us
 */
export const workersOf = (count: Config['workers']['count'], cores: number): number =>
  count === 'auto' ? Math.max(1, Math.min(cores, mostWorkers)) : count;

/**
 * The configuration as one of so many workers has it in force: memory, disk, connections and allowances are those of the whole
 * gateway, divided, so that what a setting says holds however many workers there are. A whole number is rounded up,
 * so that nobody has none. What is of one request, one key's names or one clock stays as it is.
 */
export const shareOf = (config: Config, workers: number): Config => {
  if (workers === 1) return config;
  const { limits, ledger, telemetry, providers } = config;
  const part = (whole: number): number => Math.ceil(whole / workers);
  const maxSpoolBytes = part(ledger.maxSpoolBytes);
  const spanQueue = part(telemetry.spanQueue);
  return freeze({
    ...config,
    limits: {
      ...limits,
      bodiesInFlightBytes: part(limits.bodiesInFlightBytes),
      bodiesPerKeyBytes: part(limits.bodiesPerKeyBytes),
      callsInFlight: part(limits.callsInFlight),
      connections: part(limits.connections),
      strangersPerAddress: part(limits.strangersPerAddress),
      // By the second, of which a half is one every two seconds.
      refusals: limits.refusals / workers,
      refusalsPerKey: limits.refusalsPerKey / workers,
      refusalsOfStrangers: limits.refusalsOfStrangers / workers,
    },
    ledger: {
      ...ledger,
      maxSpoolBytes,
      maxRefusalsBytes: part(ledger.maxRefusalsBytes),
      reserveBytes: part(ledger.reserveBytes),
      segmentSizeBytes: Math.min(ledger.segmentSizeBytes, maxSpoolBytes),
    },
    telemetry: {
      ...telemetry,
      spanQueue,
      spanBatch: Math.min(telemetry.spanBatch, spanQueue),
    },
    providers: new Map(
      [...providers].map(([name, provider]) => [
        name,
        { ...provider, maxConnections: part(provider.maxConnections) },
      ]),
    ),
  });
};

/** What one of so many workers may give of a budget; all of them together give what it allows, to the last one. */
export const shareOfBudget = (budget: Budget, worker: number, workers: number): Budget => {
  const all = BigInt(workers);
  const rest = budget.limit % all;
  return { ...budget, limit: budget.limit / all + (BigInt(worker) <= rest ? 1n : 0n) };
};
