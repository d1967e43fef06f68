import type { Ask, Operation, Problem } from '../model/call.ts';
import type { JsonObject } from '../model/json.ts';
import type { Dialect, ReplyHead } from './dialects/dialect.ts';
import { dialects } from './dialects/registry.ts';
import type { Provider } from './provider.ts';
import { passThrough, translating, type Road, type RoadLimits } from './road.ts';
import { spliceTopLevel } from './splice.ts';

/** A request body for a provider. */
export interface Written {
  readonly body: Uint8Array;
  /** Fields of the client's request that mean nothing to this provider and were left out. */
  readonly dropped: readonly string[];
}

/** The same with the way that its reply will take back. */
export interface Prepared extends Written {
  /** @param stream what the provider's reply is, by its content type */
  road(stream: boolean): Road;
}

/** A request's body, read. */
export interface RequestBody {
  readonly dialect: Dialect;
  readonly operation: Operation;
  readonly ask: Ask;
  readonly bytes: Uint8Array;
  readonly json: JsonObject;
}

export type WrittenBody =
  | ({ readonly kind: 'ok' } & Written)
  | { readonly kind: 'bad'; readonly problem: Problem };

const encoder = new TextEncoder();

const bad = (problem: Problem): WrittenBody => ({ kind: 'bad', problem });

/**
 * What to send to a provider for a client's request: its own bytes with the fields that must differ cut in when both
 * speak one dialect, else the conversation said again. Pure, and the same for every retry.
 */
export const writeBody = (request: RequestBody, provider: Provider, model: string): WrittenBody => {
  const { dialect, operation, ask, bytes, json } = request;
  const upstream = dialects[provider.dialect];
  if (upstream === dialect) {
    const edits = dialect.edits(ask, model, json, operation, provider.traits);
    const body = edits === null ? bytes : spliceTopLevel(bytes, edits);
    // The body was parsed as an object before it came here.
    if (body === null) throw new Error('a parsed request body is no JSON object');
    return { kind: 'ok', body, dropped: [] };
  }
  if (operation !== 'chat') {
    return bad({
      code: 'unsupported_operation',
      message: `The model '${ask.model}' does not do ${operation}.`,
      param: 'model',
    });
  }
  const read = dialect.read(json);
  if (read.kind === 'bad') return bad(read.problem);
  const written = upstream.write(read.value, model, provider.traits);
  if (written.kind === 'bad') return bad(written.problem);
  return {
    kind: 'ok',
    body: encoder.encode(JSON.stringify(written.value)),
    dropped: [...new Set([...read.dropped, ...written.dropped])],
  };
};

/** The way back of a reply to a request. */
export const roadBack = (
  request: Pick<RequestBody, 'dialect' | 'operation' | 'ask'> & { readonly head: ReplyHead },
  provider: Provider,
  limits: RoadLimits,
): Prepared['road'] => {
  const { dialect, operation, ask, head } = request;
  const upstream = dialects[provider.dialect];
  return upstream === dialect
    ? (stream) => passThrough({ dialect, ask, operation, stream, limits })
    : (stream) => translating({ from: upstream, to: dialect, head, stream, limits });
};
