import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { decoder } from './codec.ts';
import { Refusal, refusal } from './errors.ts';
import { watchPace } from './watchdog.ts';
import type { Pace } from './watchdog.ts';

/** A request's body after decompression: its beginning in memory, the rest still on its way. */
export interface Body {
  readonly head: Buffer;
  /** False: more follows the head. */
  readonly complete: boolean;
  /** Writes `lead`, then the head from `offset` on, then all that follows, to a file. Returns the bytes written. */
  readonly spill: (file: string, lead: Uint8Array, offset: number) => Promise<number>;
}

/** How a body may come. */
export interface BodyLimits extends Pace {
  readonly headBytes: number;
  readonly bodyBytes: number;
}

const tooLarge = (bodyBytes: number) =>
  refusal(
    'LIMIT_EXCEEDED',
    `The body exceeds ${bodyBytes} bytes (TOLLGATE_CLICKHOUSE_MAX_BODY_BYTES)`,
  );
const late = ({ bytesPerSecond, transferMs }: Pace) =>
  refusal(
    'TIMEOUT_EXCEEDED',
    `The body came too slowly: at least ${bytesPerSecond} bytes a second, all of it within ${transferMs} ms (TOLLGATE_CLICKHOUSE_MIN_BYTES_PER_SECOND, _MAX_TRANSFER_MS)`,
  );
const unreadable = (encoding: string, error: unknown) =>
  refusal(
    'INCORRECT_DATA',
    `Cannot read the body (Content-Encoding '${encoding}'): ${error instanceof Error ? error.message : String(error)}`,
  );

/** The decompressed pieces of a body. The connection stays usable when they are not read to the end, so that the refusal can be sent. */
async function* pieces(
  source: Readable,
  encoding: string,
  limits: BodyLimits,
): AsyncGenerator<Buffer> {
  const decode = decoder(encoding);
  const plain = decode === null ? source : source.pipe(decode);
  // A hang-up of the client must reach the reader; `pipe` alone does not pass it on.
  if (decode !== null) source.once('error', (error) => decode.destroy(error));
  let sizeBytes = 0;
  // Only the time that we wait for the client counts, not the time that it waits for us.
  let [waitedMs, askedMs] = [0, performance.now()];
  const tardy = Promise.withResolvers<'late'>();
  const stop = watchPace(
    limits,
    {
      bytes: () => sizeBytes,
      waitedMs: () => waitedMs + (askedMs === 0 ? 0 : performance.now() - askedMs),
    },
    () => tardy.resolve('late'),
  );
  const chunks = plain[Symbol.asyncIterator]();
  try {
    for (;;) {
      askedMs = performance.now();
      const step = chunks.next();
      // When time was up first, how this ends is of no interest.
      step.catch(() => {});
      const got = await Promise.race([step, tardy.promise]);
      waitedMs += performance.now() - askedMs;
      askedMs = 0;
      if (got === 'late') throw late(limits);
      if (got.done === true) return;
      const bytes = Buffer.from(got.value);
      sizeBytes += bytes.length;
      if (sizeBytes > limits.bodyBytes) throw tooLarge(limits.bodyBytes);
      yield bytes;
    }
  } catch (error) {
    throw error instanceof Refusal ? error : unreadable(encoding, error);
  } finally {
    stop();
  }
}

/**
 * Starts to read a body. At least `headBytes` are in the head, unless the body is shorter.
 * @throws Refusal when it cannot be decompressed, exceeds `bodyBytes`, or comes too slowly.
 */
export const readBody = async (
  source: Readable,
  encoding: string,
  limits: BodyLimits,
): Promise<Body> => {
  const chunks = pieces(source, encoding, limits);
  const head: Buffer[] = [];
  let complete = false;
  for (let have = 0; have < limits.headBytes;) {
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
