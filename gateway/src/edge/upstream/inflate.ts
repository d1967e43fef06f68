/** Undoes the content encoding of a reply: some servers compress although `identity` was asked for. */
import type { Transform } from 'node:stream';
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib';

/** Of the first byte of a zlib header the low four bits say "deflate": https://www.rfc-editor.org/rfc/rfc1950#section-2.2 */
const hasZlibHeader = (first: number | undefined): boolean =>
  first !== undefined && (first & 0x0f) === 8;

/** At most 8 MiB of memory for one reply: https://www.rfc-editor.org/rfc/rfc9659#section-3 */
const zstdWindow = { params: { [constants.ZSTD_d_windowLogMax]: 23 } };

/** Some servers send `deflate` without the zlib header that it should have; the first byte tells. */
const makers = new Map<string, (first: number | undefined) => Transform>([
  ['gzip', () => createGunzip()],
  ['x-gzip', () => createGunzip()],
  ['br', () => createBrotliDecompress()],
  ['zstd', () => createZstdDecompress(zstdWindow)],
  ['deflate', (first) => (hasZlibHeader(first) ? createInflate() : createInflateRaw())],
]);

export interface InflateEvents {
  onData(bytes: Buffer): void;
  onEnd(): void;
  /** The last event: the bytes are not in that encoding, end too early, or become more than the limit. */
  onFailed(why: 'garbled' | 'too_large'): void;
  /** More may be written. */
  onDrained(): void;
}

export interface Inflater {
  /** False: wait for `onDrained` before the next chunk. */
  write(chunk: Buffer): boolean;
  /** No more chunks; the rest and `onEnd` follow. */
  end(): void;
  pause(): void;
  resume(): void;
  /** Gives up; no event follows. */
  stop(): void;
}

export type Encoding = 'identity' | 'unknown' | { readonly name: string };

/** Reads a `content-encoding`. Several encodings, one over the other, are unknown: no provider does that. */
export const encodingOf = (header: string | undefined): Encoding => {
  const name = (header ?? '').trim().toLowerCase();
  if (name === '' || name === 'identity') return 'identity';
  return makers.has(name) ? { name } : 'unknown';
};

/** Starts to undo an encoding. A reply that becomes more than `maxBytes` fails: a few bytes may say gigabytes. */
export const startInflater = (name: string, maxBytes: number, events: InflateEvents): Inflater => {
  let transform: Transform | null = null;
  let over = false;
  let size = 0;
  const finish = (tell: () => void): void => {
    if (over) return;
    over = true;
    tell();
  };
  const started = (first: number | undefined): Transform => {
    const made = makers.get(name)?.(first);
    if (made === undefined) throw new Error(`encoding ${name} was not checked`);
    made.on('data', (bytes: Buffer) => {
      if (over) return;
      size += bytes.length;
      if (size <= maxBytes) events.onData(bytes);
      else
        finish(() => {
          made.destroy();
          events.onFailed('too_large');
        });
    });
    made.on('drain', () => {
      if (!over) events.onDrained();
    });
    made.on('end', () => finish(() => events.onEnd()));
    made.on('error', () => finish(() => events.onFailed('garbled')));
    return made;
  };
  return {
    write: (chunk) => (transform ??= started(chunk[0])).write(chunk),
    end: () => {
      if (transform === null) finish(() => events.onEnd());
      else transform.end();
    },
    pause: () => transform?.pause(),
    resume: () => transform?.resume(),
    stop() {
      over = true;
      transform?.destroy();
    },
  };
};
