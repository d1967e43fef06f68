/** Connections that a server has too many of, compared with others behind the same port. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

export interface Shedding {
  connections(): Promise<number>;
  shed(connections: number): void;
}

/** HTTP's own way of saying so, `connection: close`, with a reply: no request is lost, as it would be on an idle connection that is closed. */
export const startShedding = (server: Server): Shedding => {
  let left = 0;
  server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
    if (left === 0) return;
    left -= 1;
    response.shouldKeepAlive = false;
  });
  return {
    connections: () =>
      new Promise((resolve) => {
        server.getConnections((error, count) => resolve(error === null ? count : 0));
      }),
    shed(connections) {
      // What was asked before is out of date.
      left = connections;
    },
  };
};
