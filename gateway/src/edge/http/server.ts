/** The HTTP server: how large, how slow and how long a request may be, and how it stops. */
import Fastify, { type FastifyInstance, type FastifyServerFactory } from 'fastify';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  addServiceRoutes,
  refuseConnection,
  refuseForeign,
  sendUnknownRoute,
  type ServiceRouteOptions,
} from './service-routes.ts';
import { largeBodies } from '../bodies/large-bodies.ts';
import { largeBytes } from '../bodies/read-body.ts';
import type { Config } from '../../config/config.ts';
import type { Step } from '../../flow/step.ts';
import { setBounds } from './bounds.ts';
import { startShedding } from './shedding.ts';
import { boundConnections } from './connections.ts';
import { addControlPlane, type ControlPlane } from './control-plane.ts';
import { addDataPlane } from './data-plane.ts';
import { guardedServer } from '@tollgate/listener/edge/guard.ts';
import type { Traffic } from './http-call.ts';
import type { OwnNames } from '@tollgate/listener/names.ts';
import { startBodyMemory } from '../../decide/body-memory.ts';
import { startStop } from './stop.ts';

export interface Server {
  /** Listens; the port is the real one when 0 was asked. Throws when it is taken. */
  listen(host: string, port: number): Promise<number>;
  /** Takes over the bounds of another configuration; what is under way keeps its own. */
  adopt(config: Config): void;
  /** New calls are refused. */
  isDraining(): boolean;
  /** Connections that are open now. */
  connections(): Promise<number>;
  /** Closes so many connections, each with the reply to its next request: their clients connect again, maybe to another process. */
  shed(connections: number): void;
  /** Takes no further connections; those that are there stay. */
  stopListening(): void;
  /** Refuses new calls and waits for those in flight. */
  drain(withinMs: number): Promise<void>;
  /** Ends calls that are still under way, telling their clients so; stops listening and closes every connection. */
  close(): Promise<void>;
}

/** Longer than the idle time of common load balancers, so that they close first. */
const keepAliveMs = 75_000;
const drainPollMs = 20;
/** At the end, for last words on their way, and for connections on which no call is: opened in advance, or with half a request. */
const closeGraceMs = 500;
/** For calls cut off at the end, to be settled. */
const settleMs = 5_000;

export interface ServerOptions extends ServiceRouteOptions {
  /** What every call passes between its request and its providers. */
  readonly steps: readonly Step[];
  /** The names it may be called by. */
  readonly names: OwnNames;
  /** Null: there is none. */
  readonly controlPlane: ControlPlane | null;
}

const addOtherRoutes = (app: FastifyInstance, options: ServerOptions): void => {
  if (options.controlPlane !== null) addControlPlane(app, options.controlPlane);
  addServiceRoutes(app, options);
};

/** Builds the server; nothing listens yet. */
export const httpServer = (options: ServerOptions): Server => {
  const { names, services, steps } = options;
  const { config } = services.runtime();
  // Counts at start: the thread for large bodies has its memory from it.
  const { bodyBytes } = config.limits;
  const serverFactory: FastifyServerFactory = (handle) => {
    const server = guardedServer(
      {
        keepAliveTimeout: keepAliveMs,
        // Node drops a second `authorization` otherwise, and whoever stood before us may have checked that one.
        joinDuplicateHeaders: true,
      },
      handle,
      {
        names,
        refused: (reason) => services.store.add('foreignRequests', { reason }, 1),
        answer: refuseForeign,
      },
    );
    setBounds(server, config);
    return server;
  };
  const app = Fastify({
    logger: false,
    bodyLimit: bodyBytes,
    serverFactory,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    // While closing, our own answer says so.
    return503OnClosing: false,
    frameworkErrors: (_error, request, reply) => void sendUnknownRoute(request, reply),
    clientErrorHandler: refuseConnection,
  });
  app.removeAllContentTypeParsers();
  // A body where none is expected is passed over.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null));

  const stop = startStop();
  const traffic: Traffic = { inFlight: 0, draining: false, stop };
  const large = largeBodies(bodyBytes, () =>
    services.log.warn({ component: 'bodies' }, 'a body took more memory than reading one may'),
  );
  const connections = boundConnections(
    app.server,
    () => services.runtime().config.limits,
    (limit) => services.store.add('limitHits', { limit }, 1),
  );
  const bodyMemory = startBodyMemory(() => services.runtime().config.limits, largeBytes);
  addDataPlane(app, {
    services,
    steps,
    traffic,
    bodyMemory,
    bodyBytes,
    large,
    connections,
  });
  addOtherRoutes(app, options);

  const noneInFlight = async (withinMs: number): Promise<void> => {
    const endsMs = performance.now() + withinMs;
    while (traffic.inFlight > 0 && performance.now() < endsMs) await sleep(drainPollMs);
  };

  return {
    async listen(host, port) {
      await app.listen({ host, port });
      const address = app.server.address();
      return typeof address === 'object' && address !== null ? address.port : port;
    },
    adopt: (next) => setBounds(app.server, next),
    isDraining: () => traffic.draining,
    ...startShedding(app.server),
    stopListening: () => void app.server.close(),
    async drain(withinMs) {
      traffic.draining = true;
      await noneInFlight(withinMs);
    },
    async close() {
      traffic.draining = true;
      stop.now();
      const closed = app.close();
      const cut = setTimeout(() => app.server.closeAllConnections(), closeGraceMs);
      await closed;
      clearTimeout(cut);
      await noneInFlight(settleMs);
      await large.stop();
    },
  };
};
