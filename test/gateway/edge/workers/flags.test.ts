import { getHeapStatistics } from 'node:v8';
import { expect, test } from 'vitest';
import { hiddenVariables, workerFlags } from '../../../../gateway/src/edge/workers/flags.ts';

const heap = /^--max-old-space-size=(\d+)$/;

test('workers run with the engine’s flags of their parent, and without what binds it to its starter', () => {
  const flags = [
    '--max-semi-space-size=32',
    '--import',
    'leash.ts',
    '--require=x.cjs',
    '-r',
    'y.cjs',
  ];
  const given = workerFlags([...flags, '--import=z.ts', '--expose-gc'], 2);
  expect(given.slice(0, -1)).toEqual(['--max-semi-space-size=32', '--expose-gc']);
  expect(given.at(-1)).toMatch(heap);
});

test('all workers together have the heap of one, and none has too little to work with', () => {
  const limitMib = getHeapStatistics().heap_size_limit / 2 ** 20;
  const mibOf = (workers: number) => Number(heap.exec(workerFlags([], workers)[0] ?? '')?.[1]);
  expect(mibOf(2) * 2).toBeLessThanOrEqual(limitMib);
  expect(mibOf(2) * 2).toBeGreaterThan(limitMib * 0.99);
  expect(mibOf(10_000)).toBe(256);
});

test('nothing stays in a worker’s environment that another process might read there', () => {
  const hidden = hiddenVariables(['PATH', 'OPENAI_API_KEY', 'TOLLGATE_MASTER_KEY', 'NODE_OPTIONS']);
  expect(hidden).toEqual({ OPENAI_API_KEY: undefined, TOLLGATE_MASTER_KEY: undefined });
});
