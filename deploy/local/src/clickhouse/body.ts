import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { decoder } from './codec.ts';
import { Refusal, refusal } from './errors.ts';

/** A request's body after decompression: its beginning in memory, the rest still on its way. */
export interface Body {
  readonly head: Buffer;
  /** False: more follows the head. */
  readonly complete: boolean;
  /** Writes `lead`, then the head from `offset` on, then all that follows, to a file. Returns the bytes written. */
  readonly spill: (file: string, lead: Uint8Array, offset: number) => Promise<number>;
}

/**
 * Starts to read a body. At least `headBytes` are in the head, unless the body is shorter.
 * @throws Refusal when it cannot be decompressed or exceeds `bodyBytes`.
 */
export const readBody = async (
  source: Readable,
  encoding: string,
  { headBytes, bodyBytes }: { readonly headBytes: number; readonly bodyBytes: number },
): Promise<Body> => {
  const decode = decoder(encoding);
  let sizeBytes = 0;
  async function* bounded(): AsyncGenerator<Buffer> {
    const plain = decode === null ? source : source.pipe(decode);
    // A hang-up of the client must reach the reader; `pipe` alone does not pass it on.
    if (decode !== null) source.once('error', (error) => decode.destroy(error));
    try {
      for await (const chunk of plain) {
        const bytes = Buffer.from(chunk);
        sizeBytes += bytes.length;
        if (sizeBytes > bodyBytes) {
          throw refusal(
            'LIMIT_EXCEEDED',
            `The body exceeds ${bodyBytes} bytes (TOLLGATE_CLICKHOUSE_MAX_BODY_BYTES)`,
          );
        }
        yield bytes;
      }
    } catch (error) {
      if (error instanceof Refusal) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw refusal(
        'INCORRECT_DATA',
        `Cannot read the body (Content-Encoding '${encoding}'): ${reason}`,
      );
    }
  }
  const chunks = bounded();
  const head: Buffer[] = [];
  let complete = false;
  for (let have = 0; have < headBytes;) {
    const step = await chunks.next();
    if (step.done === true) {
      complete = true;
      break;
    }
    head.push(step.value);
    have += step.value.length;
  }
  const first = Buffer.concat(head);
  return {
    head: first,
    complete,
    async spill(file, lead, offset) {
      async function* all() {
        if (lead.length > 0) yield lead;
        if (offset < first.length) yield first.subarray(offset);
        yield* chunks;
      }
      const out = createWriteStream(file, { mode: 0o600 });
      await pipeline(Readable.from(all(), { objectMode: false }), out);
      return out.bytesWritten;
    },
  };
};
