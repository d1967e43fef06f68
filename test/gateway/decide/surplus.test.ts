import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { surplus } from '../../../gateway/src/decide/surplus.ts';

test('who has nearly all connections lets go of what is above the mean', () => {
  expect(surplus(63, [63, 1])).toBe(31);
  expect(surplus(64, [64, 0])).toBe(32);
});

test('what chance makes is left alone: few connections, and a little more than the others', () => {
  expect(surplus(4, [4, 0])).toBe(0);
  expect(surplus(36, [36, 28])).toBe(0);
  expect(surplus(100, [100, 90, 80])).toBe(0);
});

test('who is alone or has the fewest keeps all', () => {
  expect(surplus(500, [500])).toBe(0);
  expect(surplus(1, [63, 1])).toBe(0);
  expect(surplus(0, [])).toBe(0);
});

test('letting go never leaves a worker below the mean, and ends: who has let go is not asked again', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(10_000), { minLength: 1, maxLength: 16 }), (counts) => {
      const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
      for (const own of counts) {
        const left = own - surplus(own, counts);
        expect(left).toBeGreaterThanOrEqual(Math.min(own, mean));
        expect(surplus(left, counts)).toBe(0);
      }
    }),
  );
});
