import { expect, test } from 'vitest';
import { murmur3 } from '../../../trace-router/src/decide/murmur3.ts';

// Reference values of MurmurHash3_x86_32 for 16-byte keys, from an implementation written for this test.
const reference = (key: Uint8Array, seed: number): number => {
  const mul = (a: bigint, b: bigint) => (a * b) & 0xffffffffn;
  const rotl = (x: bigint, r: bigint) => ((x << r) | (x >> (32n - r))) & 0xffffffffn;
  let h = BigInt(seed);
  const view = new DataView(key.buffer, key.byteOffset);
  for (let i = 0; i < 16; i += 4) {
    const k = mul(rotl(mul(BigInt(view.getUint32(i, true)), 0xcc9e2d51n), 15n), 0x1b873593n);
    h = (mul(rotl(h ^ k, 13n), 5n) + 0xe6546b64n) & 0xffffffffn;
  }
  h ^= 16n;
  h = mul(h ^ (h >> 16n), 0x85ebca6bn);
  h = mul(h ^ (h >> 13n), 0xc2b2ae35n);
  return Number(h ^ (h >> 16n));
};

test('the hash is MurmurHash3 of the 16 bytes, wherever they lie', () => {
  for (let n = 0; n < 500; n += 1) {
    const key = Uint8Array.from({ length: 16 }, (_, i) => (n * 131 + i * 17 + (n >> 3)) & 255);
    const shifted = Buffer.concat([Buffer.alloc(n % 7), key]);
    expect(murmur3(shifted, n % 7, n)).toBe(reference(key, n));
  }
});

test('ids that differ only in their last byte spread over the slots', () => {
  const slots = new Set<number>();
  for (let n = 0; n < 256; n += 1) {
    const key = new Uint8Array(16);
    key[15] = n;
    slots.add(murmur3(key, 0) >>> 18);
  }
  expect(slots.size).toBeGreaterThan(250);
});
