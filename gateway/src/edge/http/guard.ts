/** The check of `decide/foreign.ts` in front of a server: before its routes, and before anything is read. */
import {
  createServer,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { IncomingMessage } from 'node:http';
import { foreign, type Foreign, type OwnNames } from '../../decide/foreign.ts';

/** Browsers take an answer for what its content-type says, and for nothing else. Every answer carries it. */
export const neverSniffed = { 'x-content-type-options': 'nosniff' } as const;

/** What of a refused request is read and thrown away, so that its sender sees the answer and the connection serves on. */
const maxDiscardedBytes = 64 * 1024;

export interface Guard {
  readonly names: OwnNames;
  /** Answers a refused request, and counts it. */
  refuse(reason: Foreign, request: IncomingMessage, response: ServerResponse): void;
}

/** A server whose `handle` sees only requests that may be served; not listening yet. */
export const guardedServer = (
  options: ServerOptions,
  handle: RequestListener,
  { names, refuse }: Guard,
): Server => {
  const guarded =
    (serve: RequestListener): RequestListener =>
    (request, response) => {
      const reason = foreign(request, names);
      if (reason === null) {
        serve(request, response);
        return;
      }
      const bytes =
        request.headers['content-length'] ??
        (request.headers['transfer-encoding'] === undefined ? 0 : Infinity);
      if (!(Number(bytes) <= maxDiscardedBytes)) response.shouldKeepAlive = false;
      refuse(reason, request, response);
    };
  // A missing `Host` is refused here, like everything else.
  const server = createServer({ ...options, requireHostHeader: false }, guarded(handle));
  // Node would ask for the body first, and refuse an expectation that it does not know without us.
  server.on(
    'checkContinue',
    guarded((request, response) => {
      response.writeContinue();
      handle(request, response);
    }),
  );
  server.on('checkExpectation', guarded(handle));
  return server;
};
