/** What is no call: the models a key may use, health, metrics, and the paths that do not exist. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { DialectName, Problem } from '../../model/call.ts';
import type { JsonObject } from '../../model/json.ts';
import type { Exposition } from '../telemetry/prometheus-view.ts';
import { header } from './arrival.ts';
import { bodyProblem, errorOf, plain, rendered } from './errors.ts';
import type { Gate } from './gate.ts';
import { dialectOfModels, modelList, modelNamed } from './models.ts';

export interface ControlOptions {
  readonly gate: Gate;
  readonly metrics: (accept: string | undefined) => Exposition;
  /** Why this gateway should get no traffic; null: it is ready. */
  notReady(): string | null;
}

const sendJson = (reply: FastifyReply, status: number, body: JsonObject): FastifyReply =>
  reply.code(status).header('content-type', 'application/json').send(JSON.stringify(body));

const sendProblem = (reply: FastifyReply, problem: Problem, dialect: DialectName): FastifyReply => {
  const error = errorOf(problem);
  const { headers, body } = rendered(error, dialect);
  return reply.code(error.status).headers(headers).send(body);
};

const maxShownChars = 200;

/** Adds these routes, and the answers for everything else, to a server. */
export const addControlPlane = (
  app: FastifyInstance,
  { gate, metrics, notReady }: ControlOptions,
): void => {
  const models = (
    request: FastifyRequest,
    reply: FastifyReply,
    name: string | null,
  ): FastifyReply => {
    const runtime = gate.runtime();
    const dialect = dialectOfModels(request.headers);
    const who = runtime.identify(
      request.headers.authorization,
      header(request.headers, 'x-api-key'),
    );
    if (who.kind === 'unknown') return sendProblem(reply, plain('invalid_api_key'), dialect);
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
  app.get('/health/ready', (_request, reply) => {
    const reason = notReady();
    return reason === null
      ? sendJson(reply, 200, { status: 'ready' })
      : sendJson(reply, 503, { status: 'not ready', reason });
  });
  app.get('/metrics', async (request, reply) => {
    const view = metrics(request.headers.accept);
    return reply.header('content-type', view.contentType).send(await view.text());
  });

  app.setNotFoundHandler(({ method, url }, reply) => {
    const path = (url.split('?')[0] ?? '').slice(0, maxShownChars);
    return sendProblem(
      reply,
      { code: 'unknown_route', message: `There is no ${method} ${path} here.`, param: null },
      'openai',
    );
  });
  app.setErrorHandler((error: FastifyError, { url }, reply) => {
    const problem = bodyProblem(error, gate.runtime().config.limits.bodyBytes);
    if (problem.code === 'internal_error')
      gate.log.error({ err: error, url }, 'a bug ended this request');
    return sendProblem(reply, problem, 'openai');
  });
};
