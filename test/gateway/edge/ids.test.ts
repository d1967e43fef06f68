import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { spanId, traceId, uuid7 } from '../../../gateway/src/edge/ids.ts';

test('trace and span ids are hex of their length, not all zero, and never twice', () => {
  const traces = Array.from({ length: 20_000 }, traceId);
  const spans = Array.from({ length: 20_000 }, spanId);
  expect(traces.every((id) => /^[0-9a-f]{32}$/.test(id) && !/^0+$/.test(id))).toBe(true);
  expect(spans.every((id) => /^[0-9a-f]{16}$/.test(id) && !/^0+$/.test(id))).toBe(true);
  expect(new Set(traces).size).toBe(traces.length);
  expect(new Set(spans).size).toBe(spans.length);
});

test('a call id is a UUIDv7 that carries its millisecond', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 48 - 1), (ms) => {
      const id = uuid7(ms);
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)).toBe(ms);
    }),
  );
});

test('call ids of one millisecond differ, and those of a later one sort after them', () => {
  const now = Array.from({ length: 50_000 }, () => uuid7(1_700_000_000_000));
  expect(new Set(now).size).toBe(now.length);
  const later = uuid7(1_700_000_000_001);
  expect(now.every((id) => id < later)).toBe(true);
});

test('all four variants occur, and all digits: no random bit is stuck', () => {
  const ids = Array.from({ length: 5000 }, () => uuid7(0));
  expect(new Set(ids.map((id) => id[19])).size).toBe(4);
  for (const at of [15, 16, 17, 20, 21, 22, 24, 30, 35])
    expect(new Set(ids.map((id) => id[at])).size).toBe(16);
});
