import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { murmur3 } from '../../../trace-router/src/decide/murmur3.ts';
import { slotCount, slotOf } from '../../../trace-router/src/decide/slot-of.ts';

test('a slot is what the hash of the trace id begins with', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 24, maxLength: 24 }), fc.nat(8), (bytes, at) => {
      expect(slotOf(bytes, at)).toBe(Math.floor(murmur3(bytes, at) / (2 ** 32 / slotCount)));
    }),
  );
});
