/** The check of `decide/foreign.ts` in front of a server: before anything of a request is read. */
import http from 'node:http';
import { foreign, refusalOf } from '../decide/foreign.ts';
import type { Foreign, OwnNames } from '../decide/foreign.ts';

export interface Guard {
  readonly names: OwnNames;
  /** Hears of every request that was refused. */
  readonly refused: (reason: Foreign) => void;
}

/** What of a refused request is read and thrown away, so that its sender sees the answer and the connection serves on. */
const maxDiscardedBytes = 64 * 1024;

const isSmall = ({ headers }: http.IncomingMessage): boolean =>
  headers['transfer-encoding'] === undefined &&
  Number(headers['content-length'] ?? 0) <= maxDiscardedBytes;

const answer = (
  reason: Foreign,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): void => {
  const { status, message } = refusalOf[reason];
  if (!isSmall(request)) response.shouldKeepAlive = false;
  const body = `${message}\n`;
  response.writeHead(status, {
    'content-type': 'text/plain',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
};

/** A server whose `handle` sees only requests that may be served; not listening yet. */
export const guardedServer = (
  options: http.ServerOptions,
  handle: http.RequestListener,
  { names, refused }: Guard,
): http.Server => {
  const guarded =
    (serve: http.RequestListener): http.RequestListener =>
    (request, response) => {
      response.on('error', () => {});
      // Browsers take an answer for what its content-type says, and for nothing else.
      response.setHeader('x-content-type-options', 'nosniff');
      const reason = foreign(request, names);
      if (reason === null) {
        // A whole address in the request line is allowed, and nobody behind this reads more than its path.
        request.url = request.url?.replace(/^https?:\/\/[^/?#]*/i, '');
        serve(request, response);
        return;
      }
      refused(reason);
      answer(reason, request, response);
    };
  // A missing `Host` is refused here, like everything else.
  const server = http.createServer({ ...options, requireHostHeader: false }, guarded(handle));
  // Node would ask for the body first, and answer an expectation that it does not know by itself.
  const asked = guarded((request, response) => {
    response.writeContinue();
    handle(request, response);
  });
  server.on('checkContinue', asked);
  server.on('checkExpectation', guarded(handle));
  return server;
};
