import { expect, test } from 'vitest';
import { startBodyMemory } from '../../../gateway/src/decide/body-memory.ts';

const roomOf = (totalBytes: number, bytesPerKey: number, freeBytes = 10) =>
  startBodyMemory(
    () => ({ bodiesInFlightBytes: totalBytes, bodiesPerKeyBytes: bytesPerKey }),
    freeBytes,
  );

test('a key has its share, all keys together theirs, and what is released may be taken again', () => {
  const room = roomOf(250, 100);
  const [a, b, c, d] = ['x', 'x', 'y', 'z'].map((key) => room.share(key));
  expect(a?.grow(60)).toBe('fits');
  expect(b?.grow(60)).toBe('key_full');
  expect(c?.grow(100)).toBe('fits');
  expect(d?.grow(100)).toBe('full');
  expect(room.takenBytes()).toBe(160);
  a?.release();
  a?.release();
  expect(b?.grow(60)).toBe('fits');
  expect(d?.grow(90)).toBe('fits');
  for (const share of [b, c, d]) share?.release();
  expect(room.takenBytes()).toBe(0);
});

test('one body of a key always fits, and small ones whatever others hold', () => {
  const room = roomOf(50, 20);
  const first = room.share('x');
  expect(first.grow(500)).toBe('fits');
  expect(first.grow(500)).toBe('fits');
  const small = room.share('x');
  expect(small.grow(10)).toBe('fits');
  expect(small.grow(1)).toBe('key_full');
  expect(room.share('y').grow(11)).toBe('full');
});
