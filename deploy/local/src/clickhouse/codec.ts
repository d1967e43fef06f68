import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { refusal } from './errors.ts';

const decoders: Readonly<Record<string, () => Transform>> = {
  gzip: () => zlib.createGunzip(),
  'x-gzip': () => zlib.createGunzip(),
  deflate: () => zlib.createInflate(),
  br: () => zlib.createBrotliDecompress(),
  zstd: () => zlib.createZstdDecompress(),
};

/** Level 1 to 3: these bytes usually travel over the loopback interface. */
const encoders = {
  zstd: () => zlib.createZstdCompress({ params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } }),
  gzip: () => zlib.createGzip({ level: 3 }),
  br: () => zlib.createBrotliCompress({ params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 3 } }),
  deflate: () => zlib.createDeflate({ level: 3 }),
} as const satisfies Readonly<Record<string, () => Transform>>;
export type Encoding = keyof typeof encoders;

/**
 * The stream that undoes a request's `Content-Encoding`, or null when it has none.
 * @throws Refusal for an encoding not spoken here (lz4, xz, bz2, snappy).
 */
export const decoder = (encoding: string): Transform | null => {
  if (encoding === '' || encoding === 'identity') return null;
  const make = decoders[encoding];
  if (make !== undefined) return make();
  const known = Object.keys(decoders).join(', ');
  throw refusal('NOT_IMPLEMENTED', `Content-Encoding '${encoding}'; known here: ${known}`);
};

export const encoder = (encoding: Encoding): Transform => encoders[encoding]();

/** The first encoding the client named that is spoken here, in ClickHouse's manner without q-values; null: send plain. */
export const chooseEncoding = (accepts: string): Encoding | null => {
  const offered = accepts.split(',').map((part) => part.split(';')[0]?.trim().toLowerCase());
  const isEncoding = (name: string | undefined): name is Encoding =>
    name !== undefined && Object.hasOwn(encoders, name);
  return offered.find(isEncoding) ?? null;
};
