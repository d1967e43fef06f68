/**
 * MurmurHash3 x86 32-bit over the 16 bytes of a trace id: every bit of the id reaches every bit of the slot, so ids
 * with a timestamp or a constant in front spread as well as random ones.
 * https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp
 */
const mixBlock = (hash: number, block: number): number => {
  let k = Math.imul(block, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  const h = hash ^ Math.imul(k, 0x1b873593);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
};

const block = (bytes: Uint8Array, at: number): number =>
  (bytes[at] ?? 0) |
  ((bytes[at + 1] ?? 0) << 8) |
  ((bytes[at + 2] ?? 0) << 16) |
  ((bytes[at + 3] ?? 0) << 24);

/** The hash of the 16 bytes at `at`, as an unsigned 32-bit integer. */
export const murmur3 = (bytes: Uint8Array, at: number, seed = 0): number => {
  let h = mixBlock(seed, block(bytes, at));
  h = mixBlock(h, block(bytes, at + 4));
  h = mixBlock(h, block(bytes, at + 8));
  h = mixBlock(h, block(bytes, at + 12));
  h ^= 16;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
};
