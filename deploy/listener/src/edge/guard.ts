/** The rule of `foreign.ts` in front of Node's HTTP server: before its routes, and before anything of a request is read. */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { foreign, refusalOf, type Foreign } from '../foreign.ts';
import type { OwnNames } from '../names.ts';

/** Browsers take an answer for what its content-type says, and for nothing else. Every answer carries it. */
export const neverSniffed = { 'x-content-type-options': 'nosniff' } as const;

export interface Guard {
  readonly names: OwnNames;
  /** Hears of every request that was refused; for a count of them. */
  readonly refused: (reason: Foreign) => void;
  /**
   * Answers a refused request in the listener's own words, and ends the response; by default it gets one line of text.
   * A listener with an answer of its own writes all heads of its responses itself, `neverSniffed` in each: a header that
   * is set ahead of the head takes Node's slow way of writing it. For any other, `neverSniffed` is set here.
   */
  readonly answer?: (reason: Foreign, request: IncomingMessage, response: ServerResponse) => void;
}

/** What of a refused request is read and thrown away, so that its sender sees the answer and the connection serves on. */
const maxDiscardedBytes = 64 * 1024;

const isSmall = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] === undefined &&
  Number(headers['content-length'] ?? 0) <= maxDiscardedBytes;

const answerInText: NonNullable<Guard['answer']> = (reason, _request, response) => {
  const { status, message } = refusalOf[reason];
  const body = `${message}\n`;
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
};

/** Of a whole address in the request line, its path: the name was checked, and nobody behind the guard needs it. */
const pathOf = (url: string): string => {
  const path = url.replace(/^https?:\/\/[^/?#]*/i, '');
  return path === url || path.startsWith('/') ? path : `/${path}`;
};

/** The sender is gone, or what it was sent came too late: nobody is left to be told. */
const nobodyListens = (): void => {};

/** A server whose `handle` sees only requests that may be served, with a path (or `*`) as their `url`; not listening yet. */
export const guardedServer = (
  options: ServerOptions,
  handle: RequestListener,
  { names, refused, answer }: Guard,
): Server => {
  const guarded =
    (serve: RequestListener): RequestListener =>
    (request, response) => {
      if (answer === undefined) {
        response.on('error', nobodyListens);
        response.setHeader('x-content-type-options', neverSniffed['x-content-type-options']);
      }
      const reason = foreign(request, names);
      if (reason === null) {
        const { url = '/' } = request;
        if (!url.startsWith('/')) request.url = pathOf(url);
        serve(request, response);
        return;
      }
      refused(reason);
      if (!isSmall(request)) response.shouldKeepAlive = false;
      (answer ?? answerInText)(reason, request, response);
    };
  // A missing `Host` is refused here, like everything else.
  const server = createServer({ ...options, requireHostHeader: false }, guarded(handle));
  // Node would ask for the body first, and answer an expectation that it does not know by itself.
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
