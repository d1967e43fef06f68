/** The HTTP server: how large, how slow and how long a request may be, and how it stops. */
import Fastify from 'fastify';
import { setTimeout as sleep } from 'node:timers/promises';
import { addControlPlane, type ControlOptions } from './control-plane.ts';
import { addDataPlane, type Traffic } from './data-plane.ts';

export interface Server {
  /** Listens; the port is the real one when 0 was asked. Throws when it is taken. */
  listen(host: string, port: number): Promise<number>;
  /** Refuses new calls and waits for those in flight. */
  drain(withinMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Longer than the idle time of common load balancers, so that they close first. */
const keepAliveMs = 75_000;
const drainPollMs = 20;

/** Builds the server; nothing listens yet. Its limits are those of the configuration at start. */
export const httpServer = (options: ControlOptions): Server => {
  const { limits, providers } = options.gate.runtime().config;
  const longestMs = Math.max(0, ...[...providers.values()].map(({ timeouts }) => timeouts.totalMs));
  const app = Fastify({
    logger: false,
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: keepAliveMs,
    // A client that stops reading holds its connection no longer than a call may last.
    connectionTimeout: longestMs,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
  });
  // Bodies stay bytes: they are parsed once, by us, and go on as they came.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  const traffic: Traffic = { inFlight: 0, draining: false };
  addDataPlane(app, options.gate, traffic);
  addControlPlane(app, {
    ...options,
    notReady: () => (traffic.draining ? 'draining' : options.notReady()),
  });

  return {
    async listen(host, port) {
      await app.listen({ host, port });
      const address = app.server.address();
      return typeof address === 'object' && address !== null ? address.port : port;
    },
    async drain(withinMs) {
      traffic.draining = true;
      const endsMs = performance.now() + withinMs;
      while (traffic.inFlight > 0 && performance.now() < endsMs) await sleep(drainPollMs);
    },
    close: () => app.close(),
  };
};
