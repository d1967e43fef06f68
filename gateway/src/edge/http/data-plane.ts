/** The routes on which calls arrive: who may pass is decided before a body is read. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import { surfaces } from '../../contract/surfaces.ts';
import type { Caller, Problem } from '../../model/call.ts';
import { arrive, header, type Arrival } from './arrival.ts';
import { handleCall, refuse } from './calls.ts';
import { clientOf } from './client.ts';
import { bodyProblem, errorOf, plain } from './errors.ts';
import type { Gate } from './gate.ts';

/** How many calls there are, and whether more may come. */
export interface Traffic {
  /** Counted from its admission, so that bodies on their way are counted too. */
  inFlight: number;
  draining: boolean;
}

/** A request whose caller is known and whose body is still to come. */
interface Known {
  readonly arrival: Arrival;
  readonly caller: Caller;
  /** Runs out when the body takes too long. */
  readonly clock: NodeJS.Timeout;
}

const noBody = Buffer.alloc(0);

/** Read and thrown away after a refusal, so that the connection serves on. What is larger is not waited for. */
const maxDiscardedBytes = 64 * 1024;

/** A refused body that is here, or soon will be. */
const restIsSmall = ({ complete, destroyed, headers }: IncomingMessage): boolean =>
  complete || (!destroyed && Number(headers['content-length'] ?? Infinity) <= maxDiscardedBytes);

const tooSlow = (requestMs: number): Problem => ({
  code: 'request_timeout',
  message: `The request body was not whole after ${requestMs} ms (limits.request).`,
  param: null,
});

/** Adds the data plane to a server. */
export const addDataPlane = (app: FastifyInstance, gate: Gate, traffic: Traffic): void => {
  const known = new WeakMap<IncomingMessage, Known>();
  const { bodyLimit } = app.initialConfig;

  /** The body is here, or will never be: what was known of the request, once. */
  const take = (raw: IncomingMessage): Known | undefined => {
    const found = known.get(raw);
    known.delete(raw);
    clearTimeout(found?.clock);
    return found;
  };

  const turnAway = async (
    reply: FastifyReply,
    { arrival, caller }: { readonly arrival: Arrival; readonly caller: Caller | null },
    problem: Problem,
  ): Promise<FastifyReply> => {
    reply.hijack();
    if (!restIsSmall(reply.request.raw)) reply.raw.shouldKeepAlive = false;
    await refuse({ gate, arrival, caller, client: clientOf(reply.raw), error: errorOf(problem) });
    return reply;
  };

  const leave = (): void => {
    traffic.inFlight -= 1;
  };

  /** Ends a call that was counted and whose body did not arrive. */
  const breakOff = (reply: FastifyReply, known: Known, problem: Problem): void => {
    void turnAway(reply, known, problem).finally(leave);
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
      onRequest: (request, reply, done) => {
        const arrival = arrive(request.raw, dialect, operation);
        const who = gate
          .runtime()
          .identify(request.headers.authorization, header(request.headers, 'x-api-key'));
        if (who.kind === 'unknown') {
          gate.store.add('authFailures', { reason: who.reason }, 1);
          void turnAway(reply, { arrival, caller: null }, plain('invalid_api_key'));
          return;
        }
        const problem = obstacle(request);
        if (problem !== null) {
          void turnAway(reply, { arrival, caller: who.caller }, problem);
          return;
        }
        traffic.inFlight += 1;
        const { requestMs } = gate.runtime().config.limits;
        const clock = setTimeout(() => {
          const late = take(request.raw);
          if (late === undefined) return;
          reply.raw.shouldKeepAlive = false;
          breakOff(reply, late, tooSlow(requestMs));
        }, requestMs);
        known.set(request.raw, { arrival, caller: who.caller, clock });
        done();
      },
      handler: async ({ raw, headers, body }, reply) => {
        const found = take(raw);
        if (found === undefined) throw new Error('a call was not authenticated');
        reply.hijack();
        const bytes = Buffer.isBuffer(body) ? body : noBody;
        try {
          await handleCall({ gate, ...found, client: clientOf(reply.raw), headers, bytes });
        } catch (error) {
          gate.log.error({ call_id: found.arrival.id, err: error }, 'a bug ended this call');
        } finally {
          leave();
          // Whatever went wrong, nobody waits for an answer that will not come.
          if (!reply.raw.writableEnded) reply.raw.destroy();
        }
      },
      errorHandler: (error: FastifyError, { raw, url }, reply) => {
        const found = take(raw);
        const cut = raw.destroyed && !raw.complete;
        const problem = cut ? plain('client_closed') : bodyProblem(error, bodyLimit);
        if (problem.code === 'internal_error')
          gate.log.error({ err: error, url }, 'a bug ended this request');
        if (found !== undefined) breakOff(reply, found, problem);
        else {
          const arrival = arrive(raw, dialect, operation);
          void turnAway(reply, { arrival, caller: null }, problem);
        }
      },
    });
  }
};
