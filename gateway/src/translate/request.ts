/** A client's request -> what a provider is sent, and how its reply is said to the client. */
import type { ClientDialect, ReplyHead, Traits } from '../dialects/dialect.ts';
import { upstreamDialects, type UpstreamDialectName } from '../dialects/registry.ts';
import type { RequestParameters, Operation, Problem } from '../model/call.ts';
import type { JsonObject } from '../model/json.ts';
import type { Framing } from '../dialects/framing.ts';
import {
  passThrough,
  reframed,
  translating,
  type ReplyLimits,
  type ReplyTranslator,
} from './reply.ts';
import { spliceTopLevel } from './splice.ts';

/** What is spoken with a provider in one operation. */
export interface Speech {
  readonly dialect: UpstreamDialectName;
  /** Where this vendor departs from the dialect. */
  readonly traits: Traits;
}

/** A request body for a provider. */
export interface Written {
  readonly body: Uint8Array;
  /** Fields of the client's request that mean nothing to this provider and were left out. */
  readonly dropped: readonly string[];
}

/** The same, and how the reply to it is read. */
export interface Prepared extends Written {
  readonly dialect: UpstreamDialectName;
  /** Client and provider speak the same words: bytes pass as they are. */
  readonly passes: boolean;
  /** How a stream is cut into events; null: they are server-sent events. */
  readonly framing: Framing | null;
  /** @param stream what the provider's reply is, by its content type and first bytes */
  translator(stream: boolean): ReplyTranslator;
}

/** A request's body, read. */
export interface RequestBody {
  readonly dialect: ClientDialect;
  readonly operation: Operation;
  readonly parameters: RequestParameters;
  readonly bytes: Uint8Array;
  readonly json: JsonObject;
}

export type WrittenBody =
  | ({ readonly kind: 'ok' } & Written)
  | { readonly kind: 'bad'; readonly problem: Problem };

const encoder = new TextEncoder();

const bad = (problem: Problem): WrittenBody => ({ kind: 'bad', problem });

/** How bodies of this client pass to a provider; null: its words are others. */
const passingBetween = (client: ClientDialect, { dialect }: Speech) => {
  const { passing } = upstreamDialects[dialect];
  return passing?.from === client.name ? passing : null;
};

/**
 * What to send to a provider for a client's request: its own bytes with the fields that must differ cut in when both
 * speak one dialect, else the conversation said again. Pure, and the same for every retry.
 */
export const writeBody = (request: RequestBody, speech: Speech, model: string): WrittenBody => {
  const { dialect: client, operation, parameters, bytes, json } = request;
  const { traits } = speech;
  const passing = passingBetween(client, speech);
  if (passing !== null) {
    const edits = passing.edits({ parameters, model, body: json, operation, traits });
    const body = edits === null ? bytes : spliceTopLevel(bytes, edits);
    // The body was parsed as an object before it came here.
    if (body === null) throw new Error('a parsed request body is no JSON object');
    return { kind: 'ok', body, dropped: [] };
  }
  if (operation !== 'chat') {
    return bad({
      code: 'unsupported_operation',
      message: `The model '${parameters.model}' does not do ${operation}.`,
      param: 'model',
    });
  }
  const read = client.read(json);
  if (read.kind === 'bad') return bad(read.problem);
  const written = upstreamDialects[speech.dialect].write(read.value, model, traits);
  if (written.kind === 'bad') return bad(written.problem);
  return {
    kind: 'ok',
    body: encoder.encode(JSON.stringify(written.value)),
    dropped: [...new Set([...read.dropped, ...written.dropped])],
  };
};

/** A written body, and how the reply to it is read. */
export const prepared = (
  written: Written,
  request: Pick<RequestBody, 'dialect' | 'operation' | 'parameters'> & { readonly head: ReplyHead },
  speech: Speech,
  limits: ReplyLimits,
): Prepared => {
  const { dialect: client, operation, parameters, head } = request;
  const upstream = upstreamDialects[speech.dialect];
  const passing = passingBetween(client, speech);
  const { body, dropped } = written;
  return {
    body,
    dropped,
    dialect: speech.dialect,
    passes: passing !== null,
    framing: upstream.framing,
    translator(stream) {
      const translator =
        passing === null
          ? translating({ from: upstream, to: client, head, stream, limits })
          : passThrough({ upstream, client, passing, parameters, operation, stream, limits });
      return stream && upstream.framing !== null
        ? reframed(upstream.framing, translator, limits)
        : translator;
    },
  };
};
