import zlib from 'node:zlib';
import type { Answer } from '../model/answer.ts';

/** Below this a blocking call is cheaper than a trip to the thread pool; above it the loop must not wait. */
const syncBytes = 512 * 1024;

type Inflate = (body: Buffer, options: { maxOutputLength: number }) => Buffer;
type InflateLater = (
  body: Buffer,
  options: { maxOutputLength: number },
  done: (error: Error | null, result: Buffer) => void,
) => void;

// oxfmt-ignore
const codecs: ReadonlyMap<string, readonly [Inflate, InflateLater]> = new Map<string, readonly [Inflate, InflateLater]>([
  ['gzip', [zlib.gunzipSync, zlib.gunzip]],
  ['zstd', [zlib.zstdDecompressSync, zlib.zstdDecompress]],
  ['deflate', [zlib.inflateSync, zlib.inflate]],
]);

/** Encodings a client may use, for `grpc-accept-encoding` and error texts. */
export const encodings = ['identity', ...codecs.keys()].join(',');

/** Undoes a content encoding, never producing more than `maxBytes`. */
export const inflate = async (
  body: Buffer,
  encoding: string,
  maxBytes: number,
): Promise<Buffer | Answer> => {
  if (encoding === '' || encoding === 'identity') return body;
  const codec = codecs.get(encoding);
  if (codec === undefined) {
    return { kind: 'unsupported', message: `encoding '${encoding}'; supported are ${encodings}` };
  }
  const [now, later] = codec;
  const options = { maxOutputLength: maxBytes };
  try {
    if (body.length <= syncBytes) return now(body, options);
    return await new Promise<Buffer>((resolve, reject) => {
      later(body, options, (error, result) => (error === null ? resolve(result) : reject(error)));
    });
  } catch (error) {
    const tooLarge = error instanceof RangeError;
    return tooLarge
      ? { kind: 'too_large', message: `more than ${maxBytes} bytes after decompression` }
      : { kind: 'malformed', message: `the body is not ${encoding}` };
  }
};

/** Compresses a message for a member. */
export const deflate = (body: Buffer, compression: 'none' | 'zstd' | 'gzip'): Buffer => {
  switch (compression) {
    case 'none':
      return body;
    case 'zstd':
      return zlib.zstdCompressSync(body, {
        params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 },
      });
    case 'gzip':
      return zlib.gzipSync(body, { level: 1 });
  }
};
