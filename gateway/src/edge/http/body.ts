import type { IncomingMessage } from 'node:http';
import { turn } from '../turn.ts';

export type Body =
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'too_large' | 'too_slow' }
  /** The connection closed before the body was whole. */
  | { readonly kind: 'cut' };

const whenRead = turn<() => void>((readers) => {
  for (const go of readers) go();
});

/**
 * Reads the body of a request as bytes; never throws. What comes after a refusal is read and thrown away, so that the
 * answer can be sent.
 */
export const readBody = (
  request: IncomingMessage,
  limits: { readonly maxBytes: number; readonly withinMs: number },
): Promise<Body> => {
  const { promise, resolve } = Promise.withResolvers<Body>();
  const { maxBytes, withinMs } = limits;
  let chunks: Buffer[] = [];
  let size = 0;
  let over = false;
  const finish = (body: Body): void => {
    if (over) return;
    over = true;
    clearTimeout(clock);
    chunks = [];
    whenRead.add(() => resolve(body));
  };
  const clock = setTimeout(() => finish({ kind: 'too_slow' }), withinMs);
  request.on('data', (chunk: Buffer) => {
    if (over) return;
    size += chunk.length;
    if (size > maxBytes) finish({ kind: 'too_large' });
    else chunks.push(chunk);
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
