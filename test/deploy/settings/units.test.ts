import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { durationMs, durationText, sizeBytes, sizeText } from '@tollgate/settings/units.ts';

test.each([
  ['500ms', 500],
  ['1.5s', 1500],
  ['15m', 900_000],
  ['1h', 3_600_000],
  ['0.001s', 1],
])('%s is %d ms', (text, ms) => expect(durationMs(text)).toBe(ms));

test.each(['', '5', 's', '1 s', '1d', '-1s', '1e3s', '1,5s', '.5s', '1s2', '1S'])(
  '%j is no duration',
  (text) => expect(durationMs(text)).toBeNull(),
);

test.each([
  ['64KiB', 65_536],
  ['8MB', 8_000_000],
  ['4GiB', 4_294_967_296],
  ['1.5KiB', 1536],
  ['10B', 10],
])('%s is %d bytes', (text, bytes) => expect(sizeBytes(text)).toBe(bytes));

test.each(['', '32', '32 MiB', '32mib', 'MiB', '-1MiB'])('%j is no size', (text) =>
  expect(sizeBytes(text)).toBeNull(),
);

test('what is written for a duration or a size is read back as the same', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 86_400_000 }), (ms) => {
      expect(durationMs(durationText(ms))).toBe(ms);
    }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 44 }), (bytes) => {
      expect(sizeBytes(sizeText(bytes))).toBe(bytes);
    }),
  );
});

test('a duration and a size are written as a person would write them', () => {
  expect([250, 1500, 10_000, 900_000].map(durationText)).toEqual(['250ms', '1500ms', '10s', '15m']);
  expect([1000, 8_000_000, 8 * 2 ** 20, 4 * 2 ** 30].map(sizeText)).toEqual([
    '1KB',
    '8MB',
    '8MiB',
    '4GiB',
  ]);
});
