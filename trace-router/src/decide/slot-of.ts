import { murmur3 } from './murmur3.ts';

const slotBits = 14;

/** Slots of the placement table. */
export const slotCount = 1 << slotBits;

/** The slot of the trace whose id of 16 bytes stands at `traceIdAt`: the top bits of the hash of it. */
export const slotOf = (bytes: Uint8Array, traceIdAt: number): number =>
  murmur3(bytes, traceIdAt) >>> (32 - slotBits);
