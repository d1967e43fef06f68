/** The control plane: keys, budgets and the audit, for whoever has the administrator's key. */
import { timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { shownBudget } from '../../control/budgets.ts';
import type { Actor } from '../../control/records.ts';
import { fieldsOf } from '../../config/budget-of.ts';
import { masterKeyId } from '../../config/check-keys.ts';
import type { Config, KeyConfig } from '../../config/config.ts';
import { keyHash } from '../../decide/identify.ts';
import { isObject, textAt, type JsonObject } from '../../model/json.ts';
import { shownEntry } from '../../control/audit.ts';
import type { AccountState } from '../../decide/budgets/budgets.ts';
import { neverSniffed } from '@tollgate/listener/edge/guard.ts';
import type { Control } from '../control/control.ts';
import type { Done } from '../control/writer.ts';
import type { MetricStore } from '../telemetry/store.ts';

export interface ControlPlane {
  config(): Config;
  readonly control: Control;
  /** The accounts of a budget. */
  states(budgetId: string): readonly AccountState[];
  readonly store: MetricStore;
}

/** Of a request's body. */
const maxBodyBytes = 64 * 1024;
/** Entries of one page. */
const [usualPage, mostOnPage] = [100, 1000];

const send = (reply: FastifyReply, status: number, body: JsonObject | null): FastifyReply => {
  void reply.code(status).headers({ ...neverSniffed, 'cache-control': 'no-store' });
  return body === null
    ? reply.send()
    : reply.header('content-type', 'application/json').send(JSON.stringify(body));
};

const sendError = (
  reply: FastifyReply,
  status: number,
  error: { readonly code: string; readonly message: string; readonly param: string | null },
  more: JsonObject = {},
): FastifyReply =>
  send(reply, status, { error: { ...error, type: 'control_plane_error', ...more } });

/** Whether the request came with the administrator's key. Takes as long for every wrong one. */
const isAdmin = ({ keys }: Config, { headers }: FastifyRequest): boolean => {
  const secret = /^bearer (.{1,512})$/i.exec(headers.authorization ?? '')?.[1]?.trim() ?? '';
  const hash = Buffer.from(keyHash(secret));
  return keys.some(({ admin, sha256 }) => admin && timingSafeEqual(hash, Buffer.from(sha256)));
};

const sendDone = (reply: FastifyReply, done: Done): FastifyReply => {
  switch (done.kind) {
    case 'done':
      return send(reply, done.status, done.status === 204 ? null : done.body);
    case 'bad': {
      const [first] = done.problems;
      const message = done.problems
        .map(({ param, message: words }) => (param === '' ? words : `${param}: ${words}`))
        .join(' ');
      return sendError(
        reply,
        400,
        { code: 'invalid_value', message, param: first?.param ?? null },
        { problems: done.problems.map((problem) => ({ ...problem })) },
      );
    }
    case 'missing':
      return sendError(reply, 404, {
        code: 'not_found',
        message: 'There is none of this id.',
        param: 'id',
      });
    case 'conflict': {
      const { param, message } = done.problem;
      return sendError(reply, 409, { code: 'conflict', message: `${param}: ${message}`, param });
    }
    case 'away':
      return sendError(reply, 503, {
        code: 'control_store_unavailable',
        message: 'The control store does not answer; nothing was changed.',
        param: null,
      });
  }
};

/** A key of the configuration file, which is changed there. */
const fileKey = ({ caller }: KeyConfig): JsonObject => ({
  id: caller.keyId,
  name: caller.keyId,
  organization: caller.org,
  team: caller.team,
  application: caller.app,
  namespace: caller.namespace,
  environment: caller.environment,
  costCenter: caller.costCenter,
  models: caller.models,
  source: 'file',
});

interface Page {
  readonly after: string;
  readonly most: number;
}

/** A parameter of the address; null: it stands there more than once. */
const parameter = ({ query }: FastifyRequest, name: string): string | null => {
  const value = isObject(query) ? query[name] : undefined;
  return value === undefined ? '' : typeof value === 'string' ? value : null;
};

const pageOf = (request: FastifyRequest): Page | null => {
  const [after, limit] = [parameter(request, 'after'), parameter(request, 'limit')];
  const most = limit === '' ? usualPage : Number(limit);
  if (after === null || !Number.isInteger(most) || most < 1 || most > mostOnPage) return null;
  return { after, most };
};

/** Those after the cursor, by id. */
const paged = (all: readonly JsonObject[], { after, most }: Page): JsonObject => {
  const sorted = all
    .map((one) => ({ id: textAt(one, 'id') ?? '', one }))
    .filter(({ id }) => id > after)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const data = sorted.slice(0, most);
  const hasMore = sorted.length > data.length;
  return {
    object: 'list',
    data: data.map(({ one }) => one),
    has_more: hasMore,
    next: hasMore ? (data.at(-1)?.id ?? null) : null,
  };
};

type Act = (request: FastifyRequest, actor: Actor) => Promise<Done> | Done;

const idOf = ({ params }: FastifyRequest): string =>
  (isObject(params) ? textAt(params, 'id') : null) ?? '';

const found = (body: JsonObject | null): Done =>
  body === null ? { kind: 'missing' } : { kind: 'done', status: 200, body };

const badPage: Done = {
  kind: 'bad',
  problems: [{ param: 'limit', message: `must be a whole number from 1 to ${mostOnPage}.` }],
};

const list = (request: FastifyRequest, all: () => readonly JsonObject[]): Done => {
  const page = pageOf(request);
  return page === null ? badPage : { kind: 'done', status: 200, body: paged(all(), page) };
};

/** What each path does. */
const actsOf = ({ config, control, states }: ControlPlane): Readonly<Record<string, Act>> => {
  const fileKeys = () => config().keys.filter(({ admin }) => !admin);
  const fileBudgets = () =>
    config().budgets.map((budget) =>
      shownBudget(fieldsOf(budget), states(budget.id), { source: 'file' }),
    );
  const named = (all: readonly JsonObject[], id: string): JsonObject | null =>
    all.find((one) => one['id'] === id) ?? null;
  return {
    'GET /v1/keys': (request) =>
      list(request, () => [...control.keys(), ...fileKeys().map(fileKey)]),
    'POST /v1/keys': ({ body }, actor) => control.createKey(body, actor),
    'GET /v1/keys/:id': (request) =>
      found(control.key(idOf(request)) ?? named(fileKeys().map(fileKey), idOf(request))),
    'PATCH /v1/keys/:id': (request, actor) => control.patchKey(idOf(request), request.body, actor),
    'DELETE /v1/keys/:id': (request, actor) => control.deleteKey(idOf(request), actor),
    'POST /v1/keys/:id/rotate': (request, actor) =>
      control.rotateKey(idOf(request), request.body ?? {}, actor),
    'GET /v1/budgets': (request) => list(request, () => [...control.budgets(), ...fileBudgets()]),
    'POST /v1/budgets': ({ body }, actor) => control.createBudget(body, actor),
    'GET /v1/budgets/:id': (request) =>
      found(control.budget(idOf(request)) ?? named(fileBudgets(), idOf(request))),
    'PATCH /v1/budgets/:id': (request, actor) =>
      control.patchBudget(idOf(request), request.body, actor),
    'DELETE /v1/budgets/:id': (request, actor) => control.deleteBudget(idOf(request), actor),
    'GET /v1/audit': async (request) => {
      const page = pageOf(request);
      const after = Number(page?.after === '' ? 0 : page?.after);
      if (page === null || !Number.isInteger(after)) return badPage;
      const entries = await control.audit(after, page.most);
      const last = entries.at(-1);
      const hasMore = entries.length === page.most;
      const next = hasMore && last !== undefined ? String(last.number) : null;
      const data = entries.map(shownEntry);
      return { kind: 'done', status: 200, body: { object: 'list', data, has_more: hasMore, next } };
    },
  };
};

/** Adds the control plane to a server. */
export const addControlPlane = (app: FastifyInstance, plane: ControlPlane): void => {
  void app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      'application/json',
      { parseAs: 'string', bodyLimit: maxBodyBytes },
      (_request, body, told) => {
        if (body === '') return told(null, undefined);
        try {
          return told(null, JSON.parse(String(body)));
        } catch {
          return told(null, null);
        }
      },
    );
    for (const [route, act] of Object.entries(actsOf(plane))) {
      const [method = '', url = ''] = route.split(' ');
      scope.route({
        method,
        url,
        onRequest: (request, reply, next) => {
          if (isAdmin(plane.config(), request)) return next();
          plane.store.add('authFailures', { reason: 'control' }, 1);
          sendError(reply, 401, {
            code: 'invalid_api_key',
            message: "The control plane needs the administrator's key (TOLLGATE_MASTER_KEY).",
            param: null,
          });
        },
        handler: async (request, reply) => {
          const actor = { name: masterKeyId, address: request.ip };
          return sendDone(reply, await act(request, actor));
        },
      });
    }
    done();
  });
};
