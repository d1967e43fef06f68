/** What is no call: the models a key may use, health, metrics, and the paths that do not exist. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Readiness } from '../../decide/readiness.ts';
import { refusalFor } from '../../decide/refuse.ts';
import { unidentified } from '../../decide/unidentified.ts';
import type { DialectName, Problem } from '../../model/call.ts';
import { header } from '../../model/headers.ts';
import type { Refusal } from '../../model/refusal.ts';
import type { JsonObject } from '../../model/json.ts';
import type { ErrorCode } from '../../contract/errors.ts';
import { refusalOf, type Foreign } from '@tollgate/listener/foreign.ts';
import type { Exposition } from '../telemetry/prometheus-view.ts';
import { spanId, traceId, uuid7 } from '../ids.ts';
import { traceContext } from '../../decide/trace-context.ts';
import { ownHeaders } from '../../decide/response-headers.ts';
import { bodyProblem, rendered } from '../../translate/refusal.ts';
import type { Services } from './services.ts';
import { neverSniffed } from '@tollgate/listener/edge/guard.ts';
import { dialectOfModels, modelList, modelNamed } from './models.ts';

export interface ServiceRouteOptions {
  readonly services: Services;
  metrics(accept: string | undefined): Exposition | Promise<Exposition>;
  /** Whether this gateway should get traffic. */
  ready(): Readiness | Promise<Readiness>;
}

const sendJson = (reply: FastifyReply, status: number, body: JsonObject): FastifyReply =>
  reply
    .code(status)
    .headers({ ...neverSniffed, 'content-type': 'application/json' })
    .send(JSON.stringify(body));

/** Headers that every reply of the gateway's API carries, also where no call began. */
const always = (traceparent: string | undefined): Record<string, string> => ({
  ...neverSniffed,
  ...ownHeaders({
    id: uuid7(Date.now()),
    trace: traceContext(traceparent, undefined, { traceId, spanId }),
  }),
});

const sendProblem = (reply: FastifyReply, problem: Problem, dialect: DialectName): FastifyReply => {
  const error = refusalFor(problem);
  const { headers, body } = rendered(error, dialect);
  return reply
    .code(error.status)
    .headers(always(header(reply.request.headers, 'traceparent')))
    .headers(headers)
    .send(body);
};

const maxShownChars = 200;

/** The answer for a path that does not exist, or is none. */
export const sendUnknownRoute = (
  { method, url, headers }: FastifyRequest,
  reply: FastifyReply,
): FastifyReply => {
  const path = (url.split('?')[0] ?? '').slice(0, maxShownChars);
  return sendProblem(
    reply,
    { code: 'unknown_route', message: `There is no ${method} ${path} here.`, param: null },
    dialectOfModels(headers),
  );
};

const invalidHttp = (code: string): Refusal => {
  const said = (message: string) => refusalFor({ code: 'invalid_value', message, param: null });
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return refusalFor({
        code: 'request_timeout',
        message: 'The request was not whole in time.',
        param: null,
      });
    case 'HPE_HEADER_OVERFLOW':
      return { ...said('The request headers are too large.'), status: 431 };
    default:
      return said('The request is not valid HTTP/1.1.');
  }
};

/** Answers bytes that are no request, where no route and so no dialect is known, and closes. */
export const refuseConnection = (
  error: Error & { readonly code?: string },
  socket: Socket,
): void => {
  // Node keeps the response that is being written there; what we say must not land in the middle of it.
  // oxlint-disable-next-line no-underscore-dangle -- the name is Node's
  const busy = '_httpMessage' in socket && socket._httpMessage !== null;
  if (error.code !== 'ECONNRESET' && socket.writable && !busy) {
    const refusal = invalidHttp(error.code ?? '');
    const { headers, body } = rendered(refusal, 'openai');
    const lines = Object.entries({ ...always(undefined), ...headers, connection: 'close' });
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    socket.write(`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\n${head}\r\n`);
    socket.write(body);
  }
  socket.destroySoon();
};

const foreignCodes = {
  malformed: 'invalid_value',
  host: 'foreign_host',
  origin: 'foreign_origin',
  site: 'foreign_origin',
} as const satisfies Record<Foreign, ErrorCode>;

/** Answers a request that is not even routed. */
export const refuseForeign = (
  reason: Foreign,
  { headers }: IncomingMessage,
  response: ServerResponse,
): void => {
  const { message } = refusalOf[reason];
  const error = refusalFor({ code: foreignCodes[reason], message, param: null });
  const { headers: own, body } = rendered(error, dialectOfModels(headers));
  response.writeHead(error.status, { ...always(header(headers, 'traceparent')), ...own });
  response.end(body);
};

/** Adds these routes, and the answers for everything else, to a server. */
export const addServiceRoutes = (
  app: FastifyInstance,
  { services, metrics, ready }: ServiceRouteOptions,
): void => {
  const models = async (
    request: FastifyRequest,
    reply: FastifyReply,
    name: string | null,
  ): Promise<FastifyReply> => {
    const runtime = services.runtime();
    const dialect = dialectOfModels(request.headers);
    const who = await runtime.identify(
      request.headers.authorization,
      header(request.headers, 'x-api-key'),
    );
    if (who.kind === 'unknown') {
      services.store.add('authFailures', { reason: who.reason }, 1);
      return sendProblem(reply, unidentified(who), dialect);
    }
    void reply.headers(always(header(request.headers, 'traceparent')));
    if (name === null) return sendJson(reply, 200, modelList(runtime, who.caller, dialect));
    const model = modelNamed(runtime, who.caller, name, dialect);
    if (model !== null) return sendJson(reply, 200, model);
    const message = `This key has no model '${name.slice(0, maxShownChars)}'.`;
    return sendProblem(reply, { code: 'model_not_found', message, param: 'model' }, dialect);
  };
  app.get('/v1/models', (request, reply) => models(request, reply, null));
  app.get<{ Params: { '*': string } }>('/v1/models/*', (request, reply) =>
    models(request, reply, request.params['*']),
  );

  app.get('/health/live', (_request, reply) => sendJson(reply, 200, { status: 'live' }));
  app.get('/health/ready', async (_request, reply) => {
    const { isReady, body } = await ready();
    return sendJson(reply, isReady ? 200 : 503, body);
  });
  app.get('/metrics', async (request, reply) => {
    const view = await metrics(request.headers.accept);
    return reply
      .headers({ ...neverSniffed, 'content-type': view.contentType })
      .send(await view.text());
  });

  app.setNotFoundHandler(sendUnknownRoute);
  app.setErrorHandler((error: FastifyError, { url, headers }, reply) => {
    const problem = bodyProblem(error, app.initialConfig.bodyLimit);
    if (problem.code === 'internal_error')
      services.log.error({ err: error, url }, 'a bug ended this request');
    return sendProblem(reply, problem, dialectOfModels(headers));
  });
};
