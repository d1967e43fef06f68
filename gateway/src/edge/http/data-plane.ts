/** The routes on which calls arrive: who may pass is decided before a body is read. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import type { Caller, DialectName, Operation, Problem } from '../../model/call.ts';
import { arrive, header, type Arrival } from './arrival.ts';
import { handleCall, refuse } from './calls.ts';
import { clientOf } from './client.ts';
import { bodyProblem, errorOf, plain } from './errors.ts';
import type { Gate } from './gate.ts';

// oxfmt-ignore
const surfaces: readonly { readonly path: string; readonly dialect: DialectName; readonly operation: Operation }[] = [
  { path: '/v1/chat/completions', dialect: 'openai',    operation: 'chat' },
  { path: '/v1/embeddings',       dialect: 'openai',    operation: 'embeddings' },
  { path: '/v1/messages',         dialect: 'anthropic', operation: 'chat' },
];

/** How many calls there are, and whether more may come. */
export interface Traffic {
  inFlight: number;
  draining: boolean;
}

/** A request whose caller is known and whose body is still to come. */
interface Known {
  readonly arrival: Arrival;
  readonly caller: Caller;
}

const noBody = Buffer.alloc(0);

/** Adds the data plane to a server. */
export const addDataPlane = (app: FastifyInstance, gate: Gate, traffic: Traffic): void => {
  const known = new WeakMap<IncomingMessage, Known>();

  const turnAway = async (
    reply: FastifyReply,
    { arrival, caller }: { readonly arrival: Arrival; readonly caller: Caller | null },
    problem: Problem,
  ): Promise<FastifyReply> => {
    reply.hijack();
    // What is left of the body is not waited for.
    if (!reply.request.raw.complete) reply.raw.shouldKeepAlive = false;
    await refuse({ gate, arrival, caller, client: clientOf(reply.raw), error: errorOf(problem) });
    return reply;
  };

  /** Why a known caller's request is not even read. */
  const obstacle = ({ headers }: FastifyRequest): Problem | null => {
    if (traffic.draining) return plain('draining');
    if (traffic.inFlight >= gate.runtime().config.limits.callsInFlight)
      return plain('too_many_calls');
    const encoding = header(headers, 'content-encoding') ?? 'identity';
    return encoding === 'identity' ? null : plain('unsupported_media');
  };

  for (const { path, dialect, operation } of surfaces) {
    app.route({
      method: 'POST',
      url: path,
      onRequest: async (request, reply) => {
        const arrival = arrive(request.raw, dialect, operation);
        const who = gate
          .runtime()
          .identify(request.headers.authorization, header(request.headers, 'x-api-key'));
        if (who.kind === 'unknown') {
          gate.store.add('authFailures', { reason: who.reason }, 1);
          return turnAway(reply, { arrival, caller: null }, plain('invalid_api_key'));
        }
        const problem = obstacle(request);
        if (problem !== null) return turnAway(reply, { arrival, caller: who.caller }, problem);
        known.set(request.raw, { arrival, caller: who.caller });
        return undefined;
      },
      handler: async ({ raw, headers, body }, reply) => {
        const found = known.get(raw);
        if (found === undefined) throw new Error('a call was not authenticated');
        reply.hijack();
        traffic.inFlight += 1;
        const bytes = Buffer.isBuffer(body) ? body : noBody;
        await handleCall({ gate, ...found, client: clientOf(reply.raw), headers, bytes }).finally(
          () => {
            traffic.inFlight -= 1;
          },
        );
      },
      errorHandler: (error: FastifyError, { raw, url }, reply) => {
        const problem = bodyProblem(error, gate.runtime().config.limits.bodyBytes);
        if (problem.code === 'internal_error')
          gate.log.error({ err: error, url }, 'a bug ended this request');
        const from = known.get(raw) ?? { arrival: arrive(raw, dialect, operation), caller: null };
        void turnAway(reply, from, problem);
      },
    });
  }
};
