import { randomBytes } from 'node:crypto';
import zlib from 'node:zlib';
import { expect, test } from 'vitest';
import { inflate } from '../../../trace-router/src/edge/inflate.ts';

const large = Buffer.alloc(3 * 1024 * 1024, 'abc');

test.each([
  ['gzip', zlib.gzipSync],
  ['zstd', zlib.zstdCompressSync],
  ['deflate', zlib.deflateSync],
] as const)('%s is undone up to the limit, and not a byte further', async (encoding, encode) => {
  expect(await inflate(encode(large), encoding, large.length)).toEqual(large);
  expect(await inflate(encode(large), encoding, large.length - 1)).toMatchObject({
    kind: 'too_large',
  });
  expect(await inflate(Buffer.from('no'), encoding, 10)).toMatchObject({ kind: 'malformed' });
});

test('a body too large for a blocking call is inflated in the thread pool, to the same end', async () => {
  const noise = randomBytes(900_000);
  const packed = zlib.gzipSync(noise);
  expect(packed.length).toBeGreaterThan(512 * 1024);
  expect(await inflate(packed, 'gzip', noise.length)).toEqual(noise);
  expect(await inflate(packed, 'gzip', 1000)).toMatchObject({ kind: 'too_large' });
});

test('an encoding we do not know is named with those we do', async () => {
  expect(await inflate(large, 'br', 1)).toMatchObject({
    kind: 'unsupported',
    message: expect.stringContaining('zstd'),
  });
  expect(await inflate(large, 'identity', 1)).toBe(large);
});
