/** A body, read where it is best read: small ones at once, large ones in the thread for them. */
import { promptOf, unknownPrompt, type Prompt } from '../../decide/budgets/prompt.ts';
import { estimateInputTokens } from '../../decide/estimate.ts';
import type { RequestParameters } from '../../model/call.ts';
import { parseObject, type JsonObject } from '../../model/json.ts';
import { clientDialects } from '../../dialects/registry.ts';
import { writeBody, type Written } from '../../translate/request.ts';
import type { LargeBodies } from './large-bodies.ts';
import type { WriteAnswer, WriteFor } from './messages.ts';
import { readAsk, type Bad, type Reading } from './read-json.ts';

/**
 * From this size on a body is large. Up to it, the worst one (nothing but brackets) takes the event loop some 20 ms;
 * of ordinary ones, long conversations and images are above.
 */
export const largeBytes = 256 * 1024;

export interface ReadBody {
  readonly kind: 'ok';
  readonly parameters: RequestParameters;
  /** What it says of the size of its prompt. Before it is closed. */
  prompt(): Prompt;
  /** Tokens of the request, counted by us. */
  inputTokens(): number;
  /** What to send to each of these, in their order. Once. */
  write(targets: readonly WriteFor[]): WriteAnswer | Promise<WriteAnswer>;
  /** Lets go of what was read. */
  close(): void;
}

const readSmall = (bytes: Buffer, reading: Reading): ReadBody | Bad => {
  const read = readAsk(bytes, reading);
  if (read.kind === 'bad') return read;
  const { parameters } = read;
  let json: JsonObject | null = read.json;
  return {
    kind: 'ok',
    parameters,
    prompt: () => (json === null ? unknownPrompt : promptOf(json, bytes.length)),
    // Seldom asked, and then after the call: not worth holding what the body became until then.
    inputTokens: () => estimateInputTokens(parseObject(bytes.toString('utf8')) ?? {}),
    write(targets) {
      if (json === null) throw new Error('the body was closed');
      const request = {
        ...reading,
        dialect: clientDialects[reading.dialect],
        parameters,
        bytes,
        json,
      };
      const bodies: Written[] = [];
      for (const { speech, model } of targets) {
        const written = writeBody(request, speech, model);
        if (written.kind === 'bad') return written;
        bodies.push({ body: written.body, dropped: written.dropped });
      }
      return { kind: 'ok', bodies };
    },
    close() {
      json = null;
    },
  };
};

const readLarge = async (
  keyId: string,
  bytes: Buffer,
  reading: Reading,
  large: LargeBodies,
): Promise<ReadBody | Bad> => {
  const body = await large.open(keyId, bytes, reading);
  const { read } = body;
  if (read.kind === 'bad') {
    body.close();
    return read;
  }
  return {
    kind: 'ok',
    parameters: read.parameters,
    prompt: () => unknownPrompt,
    inputTokens: () => read.inputTokens,
    write: (targets) => body.write(targets),
    close: () => body.close(),
  };
};

/** Reads the body of a caller's request; its bytes are its own from here on. */
export const readBody = (
  keyId: string,
  bytes: Buffer,
  reading: Reading,
  large: LargeBodies,
): ReadBody | Bad | Promise<ReadBody | Bad> =>
  bytes.length < largeBytes ? readSmall(bytes, reading) : readLarge(keyId, bytes, reading, large);
