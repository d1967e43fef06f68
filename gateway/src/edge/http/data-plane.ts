/** The routes on which calls arrive: who may pass is decided before a body is read. */
import type { FastifyInstance } from 'fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { surfaces } from '../../contract/surfaces.ts';
import type { Caller, Problem } from '../../model/call.ts';
import { arrive, header, type Arrival } from './arrival.ts';
import { readBody, type Body } from './body.ts';
import { handleCall, refuse } from './calls.ts';
import { clientOf, type Client } from './client.ts';
import type { Stop } from './stop.ts';
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

/** Read and thrown away after a refusal, so that the connection serves on. What is larger is not waited for. */
const maxDiscardedBytes = 64 * 1024;

/** A refused body that is here, or soon will be. */
const restIsSmall = ({ complete, destroyed, headers }: IncomingMessage): boolean =>
  complete || (!destroyed && Number(headers['content-length'] ?? Infinity) <= maxDiscardedBytes);

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
    case 'cut':
      return plain('client_closed');
  }
};

/** Adds the data plane to a server. */
export const addDataPlane = (
  app: FastifyInstance,
  gate: Gate,
  traffic: Traffic,
  bodyBytes: number,
): void => {
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
    if (!restIsSmall(request)) response.shouldKeepAlive = false;
    return refuse({ gate, arrival, caller, client, error: errorOf(problem) });
  };

  /** Why a known caller's request is not even read. */
  const obstacle = ({ headers }: IncomingMessage): Problem | null => {
    if (traffic.draining) return plain('draining');
    if (traffic.inFlight >= gate.runtime().config.limits.callsInFlight)
      return plain('too_many_calls');
    const encoding = header(headers, 'content-encoding') ?? 'identity';
    return encoding === 'identity' ? null : plain('unsupported_media');
  };

  /** A request of a caller who may be served, counted while it lasts. */
  const serve = async (
    request: IncomingMessage,
    response: ServerResponse,
    call: { readonly arrival: Arrival; readonly client: Client; readonly caller: Caller },
  ): Promise<void> => {
    traffic.inFlight += 1;
    try {
      const { requestMs } = gate.runtime().config.limits;
      const body = await readBody(request, { maxBytes: bodyBytes, withinMs: requestMs });
      if (body.kind === 'whole') {
        await handleCall({ gate, ...call, headers: request.headers, bytes: body.bytes });
        return;
      }
      // The rest of a body that is too slow may never come.
      if (body.kind === 'too_slow') response.shouldKeepAlive = false;
      const problem = problemOf(body.kind, requestMs, bodyBytes);
      await turnAway(request, response, { ...call, problem });
    } finally {
      traffic.inFlight -= 1;
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
