/**
 * Connections to providers, with two things that undici cannot do seen to on the socket below it.
 *
 * It destroys a connection on which a `100 Continue` comes that nobody asked for. A client must be able to take any
 * number of 1xx replies and may ignore them: https://www.rfc-editor.org/rfc/rfc9110#section-15.2. It does take all others,
 * so the status line of a 100 becomes one of a 103 before it is parsed.
 *
 * And it does not say whether a connection died while it was idle: the server closed it, and our next request crossed
 * that on the way. Such a request was never worked on: https://www.rfc-editor.org/rfc/rfc9112#section-9.3.1.
 */
import type { Socket } from 'node:net';
import { buildConnector } from 'undici';
import { startHeadScanner } from './informational.ts';

/** News of a close is under way for a round trip. Who closes later than that has seen the request. */
const crossingMs = 1_000;

const closedWhileIdle = new WeakSet<object>();

/** True for the error of a request that was sent on a kept connection just when the server closed it. */
export const wasClosedWhileIdle = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && closedWhileIdle.has(error);

/** Listens on a socket for what undici does not say, and passes over a 100. */
const watch = (socket: Socket): void => {
  const scanner = startHeadScanner();
  let requests = 0;
  let requestedMs = 0;
  let answered = true;
  const read = socket.read.bind(socket);
  const readAndScan = (size?: number): unknown => {
    const chunk: unknown = read(size);
    if (chunk instanceof Uint8Array) {
      answered = true;
      scanner.scan(chunk);
    }
    return chunk;
  };
  socket.read = readAndScan;
  const { write } = socket;
  // A request is written in one go, head and body, and nothing else is written before its reply is whole.
  const writeAndExpect = (...args: readonly unknown[]): boolean => {
    if (answered) {
      answered = false;
      requests += 1;
      requestedMs = performance.now();
      scanner.expectHead();
    }
    return Reflect.apply(write, socket, args) === true;
  };
  socket.write = writeAndExpect;
  socket.on('error', (error) => {
    const crossed = !answered && requests > 1 && performance.now() - requestedMs < crossingMs;
    if (crossed) closedWhileIdle.add(error);
  });
};

/**
 * Opens connections for a pool of undici's: HTTP/1.1 over TCP or TLS.
 * @param connectMs for TCP and TLS together
 */
export const connector = (connectMs: number): buildConnector.connector => {
  const connect = buildConnector({ timeout: connectMs, allowH2: false });
  return (options, done) =>
    connect(options, (...result) => {
      if (result[0] === null) watch(result[1]);
      done(...result);
    });
};
