/**
 * Connections are bounded: in all, and for each address those of strangers, on which no valid key has been sent yet. So
 * whoever has no key cannot take the connections of those who have one.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

export interface ConnectionLimits {
  readonly strangersPerAddress: number;
}

export interface Connections {
  /** A valid key was sent on this connection. */
  known(socket: Socket): void;
}

/**
 * How many there are in all is the server's own bound (`bounds.ts`).
 * @param limits those in force now
 * @param onHit told the name of the limit that closed a connection
 */
export const boundConnections = (
  server: Server,
  limits: () => ConnectionLimits,
  onHit: (limit: 'connections' | 'strangersPerAddress') => void,
): Connections => {
  /** Address of each stranger's connection. */
  const strangers = new WeakMap<Socket, string>();
  const byAddress = new Map<string, number>();
  const move = (address: string, by: number): void => {
    const count = (byAddress.get(address) ?? 0) + by;
    if (count > 0) byAddress.set(address, count);
    else byAddress.delete(address);
  };
  const known = (socket: Socket): void => {
    const address = strangers.get(socket);
    if (address === undefined) return;
    strangers.delete(socket);
    move(address, -1);
  };
  server.on('drop', () => onHit('connections'));
  server.prependListener('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    if ((byAddress.get(address) ?? 0) >= limits().strangersPerAddress) {
      onHit('strangersPerAddress');
      socket.destroy();
      return;
    }
    strangers.set(socket, address);
    move(address, 1);
    socket.once('close', () => known(socket));
  });
  return { known };
};
