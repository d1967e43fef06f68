import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  boundedBytes,
  boundedMs,
  durationMs,
  sizeBytes,
} from '../../../gateway/src/config/units.ts';

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

test('every whole number of milliseconds up to a day survives being written and read', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 86_400_000 }), (ms) => {
      const complaints: string[] = [];
      expect(boundedMs(`${ms}ms`, (message) => complaints.push(message))).toBe(ms);
      expect(complaints).toEqual([]);
    }),
  );
});

test('a duration of nothing, or of more than a day, and a size out of bounds are complained about', () => {
  const complaints: string[] = [];
  const complain = (message: string) => complaints.push(message);
  boundedMs('0ms', complain);
  boundedMs('25h', complain);
  boundedBytes('1023B', 2 ** 30, complain);
  boundedBytes('1.1GiB', 2 ** 30, complain);
  boundedBytes('17TiB', 2 ** 44, complain);
  expect(complaints).toEqual([
    'must be between 1ms and 24h',
    'must be between 1ms and 24h',
    'must be between 1KiB and 1GiB',
    'must be between 1KiB and 1GiB',
    'must be between 1KiB and 16TiB',
  ]);
});
