import type { IncomingMessage } from 'node:http';
import type { Share } from '../../decide/body-memory.ts';
import { turn } from '../turn.ts';

export type Body =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'too_large' | 'too_slow' }
  /** There is no room for it: in the share of its key, or in all. */
  | { readonly kind: 'key_full' | 'full' }
  /** The connection closed before the body was whole. */
  | { readonly kind: 'cut' };

/** A body counts twice in memory: as it came and as it is sent. */
const copies = 2;

/** Bytes of bodies that are read in one turn of the event loop: what is more waits for the next one. */
const bytesPerTurn = 1024 * 1024;

interface Reader {
  readonly bytes: number;
  go(): void;
}

const whenRead = turn<Reader>(
  (readers) => {
    for (const { go } of readers) go();
  },
  { of: ({ bytes }) => bytes, most: bytesPerTurn },
);

/**
 * Reads the body of a request as bytes; never throws. What comes after a refusal is read and thrown away, so that the
 * answer can be sent.
 */
export const readBytes = (
  request: IncomingMessage,
  limits: { readonly maxBytes: number; readonly withinMs: number; readonly share: Share },
): Promise<Body> => {
  const { promise, resolve } = Promise.withResolvers<Body>();
  const { maxBytes, withinMs, share } = limits;
  let chunks: Buffer[] = [];
  let size = 0;
  let over = false;
  const finish = (body: Body): void => {
    if (over) return;
    over = true;
    clearTimeout(clock);
    chunks = [];
    whenRead.add({ bytes: body.kind === 'whole' ? size : 0, go: () => resolve(body) });
  };
  const clock = setTimeout(() => finish({ kind: 'too_slow' }), withinMs);
  request.on('data', (chunk: Buffer) => {
    if (over) return;
    size += chunk.length;
    if (size > maxBytes) {
      finish({ kind: 'too_large' });
      return;
    }
    const growth = share.grow(chunk.length * copies);
    if (growth === 'fits') chunks.push(chunk);
    else finish({ kind: growth });
  });
  request.on('end', () => {
    const [only] = chunks;
    const bytes = only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks, size);
    finish({ kind: 'whole', bytes });
  });
  // Node says so of every connection that ends too early.
  request.on('error', () => finish({ kind: 'cut' }));
  if (Number(request.headers['content-length']) > maxBytes) finish({ kind: 'too_large' });
  return promise;
};
