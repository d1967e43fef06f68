/** The routes on which calls arrive: who may pass is decided before a body is read. */
import type { FastifyInstance } from 'fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { surfaces } from '../../contract/surfaces.ts';
import { bodyRoom } from '../../decide/room.ts';
import type { Caller, Problem } from '../../model/call.ts';
import type { LargeBodies } from '../bodies/large-bodies.ts';
import { largeBytes } from '../bodies/read-body.ts';
import { identityOf } from './admission.ts';
import { arrive, factsOf, header, nobody, type Arrival } from './arrival.ts';
import { readBytes, type Body } from './body.ts';
import { handleCall, refuse } from './calls.ts';
import { clientOf, type Client } from './client.ts';
import type { Stop } from './stop.ts';
import type { Connections } from './connections.ts';
import { bodyProblem, errorOf, plain } from './errors.ts';
import type { Gate } from './gate.ts';

/** How many calls there are, and whether more may come. */
export interface Traffic {
  /** Counted from its admission, so that bodies on their way are counted too. */
  inFlight: number;
  draining: boolean;
  /** Ends the calls that are still under way. */
  readonly stop: Stop;
}

/**
 * Of a stranger's refused request, read and thrown away so that the connection serves on. What is larger is not waited
 * for. A known caller's may be as large as any body: closing while it is still sending would hide the answer from it.
 */
const maxDiscardedBytes = 64 * 1024;

/** A refused body that is here, or soon will be. */
const restIsSmall = (
  { complete, destroyed, headers }: IncomingMessage,
  mostBytes: number,
): boolean =>
  complete || (!destroyed && Number(headers['content-length'] ?? Infinity) <= mostBytes);

/** Why a call has no body; `requestMs` and `bodyBytes` are the limits. */
const problemOf = (
  kind: Exclude<Body['kind'], 'whole'>,
  requestMs: number,
  bodyBytes: number,
): Problem => {
  switch (kind) {
    case 'too_large':
      return bodyProblem({ statusCode: 413 }, bodyBytes);
    case 'too_slow':
      return {
        code: 'request_timeout',
        message: `The request body was not whole after ${requestMs} ms (limits.request).`,
        param: null,
      };
    case 'full':
      return plain('too_many_bytes');
    case 'key_full':
      return plain('too_many_bytes_of_key');
    case 'cut':
      return plain('client_closed');
  }
};

/** The limit of the configuration that ended a body. */
const limitOf = (kind: Exclude<Body['kind'], 'whole'>): string | null => {
  switch (kind) {
    case 'too_large':
      return 'body';
    case 'too_slow':
      return 'request';
    case 'full':
      return 'bodiesInFlight';
    case 'key_full':
      return 'bodiesPerKey';
    case 'cut':
      return null;
  }
};

/** Adds the data plane to a server. */
export const addDataPlane = (
  app: FastifyInstance,
  gate: Gate,
  traffic: Traffic,
  {
    bodyBytes,
    large,
    connections,
  }: {
    readonly bodyBytes: number;
    readonly large: LargeBodies;
    readonly connections: Connections;
  },
): void => {
  const room = bodyRoom(() => gate.runtime().config.limits.bodies, largeBytes);

  const turnAway = (
    request: IncomingMessage,
    response: ServerResponse,
    call: {
      readonly arrival: Arrival;
      readonly client: Client;
      readonly caller: Caller | null;
      readonly problem: Problem;
    },
  ): Promise<void> => {
    const { arrival, client, caller, problem } = call;
    const mostBytes = caller === null ? maxDiscardedBytes : bodyBytes;
    if (!restIsSmall(request, mostBytes)) response.shouldKeepAlive = false;
    const said =
      caller === null
        ? null
        : identityOf(request.headers, gate.runtime().config.limits.tagsPerCall);
    const identity = said?.kind === 'ok' ? said.identity : nobody;
    const facts = factsOf(arrival, caller, { identity, ask: null });
    return refuse({ gate, arrival, caller, client, facts, error: errorOf(problem) });
  };

  /** Why a known caller's request is not even read. */
  const obstacle = ({ headers }: IncomingMessage): Problem | null => {
    if (traffic.draining) return plain('draining');
    if (traffic.inFlight >= gate.runtime().config.limits.callsInFlight) {
      gate.store.add('limitHits', { limit: 'callsInFlight' }, 1);
      return plain('too_many_calls');
    }
    const encoding = header(headers, 'content-encoding') ?? 'identity';
    return encoding === 'identity' ? null : plain('unsupported_media');
  };

  /** A request of a caller who may be served, counted while it lasts. */
  const serve = async (
    request: IncomingMessage,
    response: ServerResponse,
    call: { readonly arrival: Arrival; readonly client: Client; readonly caller: Caller },
  ): Promise<void> => {
    const share = room.share(call.caller.keyId);
    traffic.inFlight += 1;
    try {
      const { requestMs } = gate.runtime().config.limits;
      const body = await readBytes(request, { maxBytes: bodyBytes, withinMs: requestMs, share });
      gate.store.set('bodyBytes', {}, room.takenBytes());
      if (body.kind === 'whole') {
        await handleCall({ gate, large, ...call, headers: request.headers, bytes: body.bytes });
        return;
      }
      const limit = limitOf(body.kind);
      if (limit !== null) gate.store.add('limitHits', { limit }, 1);
      // The rest of a body that is too slow may never come.
      if (body.kind === 'too_slow') response.shouldKeepAlive = false;
      const problem = problemOf(body.kind, requestMs, bodyBytes);
      await turnAway(request, response, { ...call, problem });
    } finally {
      traffic.inFlight -= 1;
      share.release();
      gate.store.set('bodyBytes', {}, room.takenBytes());
    }
  };

  /** One request, from its headers to its answer. Never throws. */
  const receive = async (
    request: IncomingMessage,
    response: ServerResponse,
    arrival: Arrival,
  ): Promise<void> => {
    const client = clientOf(response, {
      slowReaderMs: gate.runtime().config.limits.slowReaderMs,
      onSlow: () => gate.store.add('slowReaders', {}, 1),
      stop: traffic.stop,
    });
    const { headers } = request;
    try {
      const who = gate.runtime().identify(headers.authorization, header(headers, 'x-api-key'));
      if (who.kind === 'unknown') {
        gate.store.add('authFailures', { reason: who.reason }, 1);
        const problem = plain('invalid_api_key');
        await turnAway(request, response, { arrival, client, caller: null, problem });
        return;
      }
      const { caller } = who;
      connections.known(request.socket);
      const problem = obstacle(request);
      if (problem === null) await serve(request, response, { arrival, client, caller });
      else await turnAway(request, response, { arrival, client, caller, problem });
    } catch (error) {
      gate.log.error({ call_id: arrival.id, err: error }, 'a bug ended this call');
    } finally {
      // Whatever went wrong, nobody waits for an answer that will not come.
      if (!response.writableEnded) response.destroy();
    }
  };

  for (const { path, dialect, operation } of surfaces) {
    app.route({
      method: 'POST',
      url: path,
      // The framework routes and no more: its own way to a body costs a tenth of a call.
      onRequest: ({ raw }, reply) => {
        reply.hijack();
        void receive(raw, reply.raw, arrive(raw, dialect, operation));
      },
      handler: () => {
        throw new Error('a call was not taken over');
      },
    });
  }
};
