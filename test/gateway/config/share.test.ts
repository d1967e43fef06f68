import { expect, test } from 'vitest';
import { shareOf, shareOfBudget, workersOf } from '../../../gateway/src/config/share.ts';
import { budget } from '../decide/budgets/support.ts';
import { readConfig } from '../../../gateway/src/edge/config/read.ts';
import type { Config } from '../../../gateway/src/config/config.ts';
import { providers } from '../../../gateway/src/providers/registry.ts';

const read = await readConfig({ path: null, env: {}, providers });
if (read.kind === 'bad') throw new Error(JSON.stringify(read.problems));
const { config } = read;

test('a number of workers is taken at its word, auto is one for each core, and no machine has more than the most', () => {
  expect([workersOf(3, 8), workersOf('auto', 8), workersOf('auto', 1)]).toEqual([3, 8, 1]);
  expect([workersOf('auto', 0), workersOf('auto', 512)]).toEqual([1, 64]);
});

test('one worker has what the configuration says, the very same', () => {
  expect(shareOf(config, 1)).toBe(config);
});

test.each([2, 3, 7])(
  '%i workers together have the memory, disk, connections and allowances of one',
  (workers) => {
    const part = shareOf(config, workers);
    const whole = { ...config.limits, ...config.ledger, ...config.telemetry };
    const share = { ...part.limits, ...part.ledger, ...part.telemetry };
    for (const name of [
      'bodiesInFlightBytes',
      'bodiesPerKeyBytes',
      'callsInFlight',
      'connections',
      'strangersPerAddress',
      'refusals',
      'refusalsPerKey',
      'refusalsOfStrangers',
      'maxSpoolBytes',
      'maxRefusalsBytes',
      'reserveBytes',
      'spanQueue',
    ] as const) {
      const together = share[name] * workers;
      expect(together).toBeGreaterThanOrEqual(whole[name] * (1 - 1e-9));
      expect(together).toBeLessThan(whole[name] + workers);
    }
    for (const [name, { maxConnections }] of part.providers)
      expect(maxConnections).toBe(
        Math.ceil((config.providers.get(name)?.maxConnections ?? 0) / workers),
      );
  },
);

test('what is of one request, one clock or one set of names stays as it is', () => {
  const part = shareOf(config, 4);
  const { bodyBytes, requestMs, labelValues, tagsPerCall } = config.limits;
  expect(part.limits).toMatchObject({ bodyBytes, requestMs, labelValues, tagsPerCall });
  expect(part).toMatchObject({ hash: config.hash, retry: config.retry, timeouts: config.timeouts });
  expect(part.ledger.keepShippedMs).toBe(config.ledger.keepShippedMs);
});

test('a segment fits into the share of the spool, and a batch of spans into that of the queue', () => {
  const small: Config = {
    ...config,
    ledger: { ...config.ledger, maxSpoolBytes: 9_000_000, segmentSizeBytes: 8_000_000 },
    telemetry: { ...config.telemetry, spanQueue: 10, spanBatch: 8 },
  };
  const part = shareOf(small, 3);
  expect(part.ledger).toMatchObject({ maxSpoolBytes: 3_000_000, segmentSizeBytes: 3_000_000 });
  expect(part.telemetry).toMatchObject({ spanQueue: 4, spanBatch: 4 });
  expect(Object.isFrozen(part.ledger)).toBe(true);
});

test.each([
  [10n, 3, [4n, 3n, 3n]],
  [1n, 2, [1n, 0n]],
  [12n, 4, [3n, 3n, 3n, 3n]],
  [0n, 2, [0n, 0n]],
])('of a budget of %s %i workers give all, to the last one', (limit, workers, parts) => {
  const shares = parts.map((_, i) => shareOfBudget(budget({ limit }), i + 1, workers).limit);
  expect(shares).toEqual(parts);
  expect(shares.reduce((sum, one) => sum + one, 0n)).toBe(limit);
});
