import type { Piece } from '../model/delta.ts';

/**
 * The way of one reply from a provider to a client. Bytes in, bytes out, and what they meant on the side.
 * A streamed road answers each chunk at once; a buffered one answers all at `end`.
 */
export interface Road {
  read(chunk: Uint8Array): Piece;
  /** The upstream ended its body. What is still to be sent, and the last meanings. */
  end(): Piece;
}
