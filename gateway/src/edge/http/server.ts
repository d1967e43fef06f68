/** The HTTP surface: which paths there are, how large and how slow a request may be, and who may pass. */
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { IncomingMessage } from 'node:http';
import type { ErrorCode } from '../../contract/errors.ts';
import type { Caller, DialectName, Operation } from '../../model/call.ts';
import type { JsonObject } from '../../model/json.ts';
import type { Exposition } from '../telemetry/prometheus-view.ts';
import { arrive, header, type Arrival } from './arrival.ts';
import { handleCall, refuse, type Gate } from './calls.ts';
import { clientOf } from './client.ts';
import { errorOf, plainMessages, rendered } from './errors.ts';
import { dialectOfModels, modelList, modelNamed } from './models.ts';

export interface ServerOptions {
  readonly gate: Gate;
  readonly metrics: (accept: string | undefined) => Exposition;
  /** Null: ready. */
  notReady(): string | null;
}

export interface Server {
  /** Listens; the port is the real one when 0 was asked. Throws when it is taken. */
  listen(host: string, port: number): Promise<number>;
  /** Refuses new calls and waits for those in flight. */
  drain(withinMs: number): Promise<void>;
  close(): Promise<void>;
}

// oxfmt-ignore
const surfaces: readonly { readonly path: string; readonly dialect: DialectName; readonly operation: Operation }[] = [
  { path: '/v1/chat/completions', dialect: 'openai',    operation: 'chat' },
  { path: '/v1/embeddings',       dialect: 'openai',    operation: 'embeddings' },
  { path: '/v1/messages',         dialect: 'anthropic', operation: 'chat' },
];

/** Longer than the idle time of common load balancers, so that they close first. */
const keepAliveMs = 75_000;
const drainPollMs = 20;

/** What is known of a request between its head and its body. */
interface Known {
  readonly arrival: Arrival;
  readonly caller: Caller;
}

/** Fastify's own refusals of a body, in our words. */
const bodyError = (
  error: FastifyError,
  bodyBytes: number,
): { readonly code: ErrorCode; readonly message: string } => {
  if (error.statusCode === 413) {
    return {
      code: 'body_too_large',
      message: `The request body is larger than ${bodyBytes} bytes (limits.bodyBytes).`,
    };
  }
  if (error.statusCode === 415) {
    return {
      code: 'unsupported_media',
      message: 'The request body must be application/json, not compressed.',
    };
  }
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return { code: 'invalid_json', message: 'The request body could not be read.' };
  }
  return { code: 'internal_error', message: plainMessages.internal_error };
};

const sendJson = (reply: FastifyReply, status: number, body: JsonObject): FastifyReply =>
  reply.code(status).header('content-type', 'application/json').send(JSON.stringify(body));

/** Builds the server; nothing listens yet. */
export const httpServer = ({ gate, metrics, notReady }: ServerOptions): Server => {
  const { limits, providers } = gate.runtime().config;
  const longestMs = Math.max(0, ...[...providers.values()].map(({ timeouts }) => timeouts.totalMs));
  const app: FastifyInstance = Fastify({
    logger: false,
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: keepAliveMs,
    // A client that stops reading holds its connection no longer than a call may last.
    connectionTimeout: longestMs,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
  });
  const known = new WeakMap<IncomingMessage, Known>();
  let inFlight = 0;
  let draining = false;

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  const authenticate = (
    request: FastifyRequest,
  ): ReturnType<ReturnType<Gate['runtime']>['identify']> =>
    gate.runtime().identify(request.headers.authorization, header(request.headers, 'x-api-key'));

  const hijack = (
    reply: FastifyReply,
    arrival: Arrival,
    caller: Caller | null,
    code: ErrorCode,
    message: string,
  ): Promise<void> => {
    reply.hijack();
    return refuse({
      gate,
      arrival,
      caller,
      client: clientOf(reply.raw),
      error: errorOf({ code, message, param: null }),
    });
  };

  const refusalBeforeBody = (request: FastifyRequest): ErrorCode | null => {
    if (draining) return 'draining';
    if (inFlight >= gate.runtime().config.limits.callsInFlight) return 'too_many_calls';
    const encoding = header(request.headers, 'content-encoding');
    return encoding === undefined || encoding === 'identity' ? null : 'unsupported_media';
  };

  for (const { path, dialect, operation } of surfaces) {
    app.route({
      method: 'POST',
      url: path,
      // Before the body is read: a stranger's gigabytes are not waited for.
      onRequest: async (request, reply) => {
        const arrival = arrive(request.raw, dialect, operation);
        const who = authenticate(request);
        if (who.kind === 'unknown') {
          gate.store.add('authFailures', { reason: who.reason }, 1);
          await hijack(reply, arrival, null, 'invalid_api_key', plainMessages.invalid_api_key);
          return reply;
        }
        const code = refusalBeforeBody(request);
        if (code !== null) {
          const { message } =
            code === 'unsupported_media'
              ? bodyError({ statusCode: 415, code: '', name: '', message: '' }, 0)
              : {
                  message:
                    code === 'draining' ? plainMessages.draining : plainMessages.too_many_calls,
                };
          await hijack(reply, arrival, who.caller, code, message);
          return reply;
        }
        known.set(request.raw, { arrival, caller: who.caller });
        return undefined;
      },
      handler: async (request, reply) => {
        const found = known.get(request.raw);
        if (found === undefined) throw new Error('a call was not authenticated');
        reply.hijack();
        inFlight += 1;
        try {
          await handleCall({
            gate,
            ...found,
            client: clientOf(reply.raw),
            headers: request.headers,
            bytes: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
          });
        } finally {
          inFlight -= 1;
        }
      },
    });
  }

  const models = (
    request: FastifyRequest,
    reply: FastifyReply,
    name: string | null,
  ): FastifyReply => {
    const dialect = dialectOfModels(request.headers);
    const who = authenticate(request);
    const refused = (code: ErrorCode, message: string): FastifyReply => {
      const { headers, body } = rendered(errorOf({ code, message, param: null }), dialect);
      return reply
        .code(errorOf({ code, message, param: null }).status)
        .headers(headers)
        .send(body);
    };
    if (who.kind === 'unknown') return refused('invalid_api_key', plainMessages.invalid_api_key);
    if (name === null) return sendJson(reply, 200, modelList(gate.runtime(), who.caller, dialect));
    const model = modelNamed(gate.runtime(), who.caller, name, dialect);
    return model === null
      ? refused('model_not_found', `This key has no model '${name.slice(0, 100)}'.`)
      : sendJson(reply, 200, model);
  };
  app.get('/v1/models', (request, reply) => models(request, reply, null));
  app.get<{ Params: { '*': string } }>('/v1/models/*', (request, reply) =>
    models(request, reply, request.params['*']),
  );

  app.get('/health/live', (_request, reply) => sendJson(reply, 200, { status: 'live' }));
  app.get('/health/ready', (_request, reply) => {
    const reason = draining ? 'draining' : notReady();
    return sendJson(
      reply,
      reason === null ? 200 : 503,
      reason === null ? { status: 'ready' } : { status: 'not ready', reason },
    );
  });
  app.get('/metrics', async (request, reply) => {
    const view = metrics(request.headers.accept);
    return reply.header('content-type', view.contentType).send(await view.text());
  });

  app.setNotFoundHandler((request, reply) => {
    const { headers, body } = rendered(
      errorOf({
        code: 'unknown_route',
        message: `There is no ${request.method} ${request.url.split('?')[0]?.slice(0, 200)} here.`,
        param: null,
      }),
      'openai',
    );
    return reply.code(404).headers(headers).send(body);
  });

  app.setErrorHandler(async (error: FastifyError, request, reply) => {
    const found = known.get(request.raw);
    const { code, message } = bodyError(error, limits.bodyBytes);
    if (code === 'internal_error')
      gate.log.error({ err: error, url: request.url }, 'a bug ended this request');
    if (found !== undefined) {
      await hijack(reply, found.arrival, found.caller, code, message);
      return reply;
    }
    const { headers, body } = rendered(errorOf({ code, message, param: null }), 'openai');
    return reply
      .code(errorOf({ code, message, param: null }).status)
      .headers(headers)
      .send(body);
  });

  return {
    async listen(host, port) {
      await app.listen({ host, port });
      const address = app.server.address();
      return typeof address === 'object' && address !== null ? address.port : port;
    },
    async drain(withinMs) {
      draining = true;
      const endsMs = performance.now() + withinMs;
      while (inFlight > 0 && performance.now() < endsMs) {
        await new Promise((resolve) => {
          setTimeout(resolve, drainPollMs);
        });
      }
    },
    close: () => app.close(),
  };
};
