import { createServer } from 'node:net';

/**
 * Below 32768 the kernel gives out no ports by itself (`net.ipv4.ip_local_port_range`): what is free here stays free until it
 * is used, also while other tests open connections.
 */
const [lowest, count] = [12_000, 20_000];

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });

/** A free port of 127.0.0.1 to listen on later, or to come back to. */
export const freePort = async (): Promise<number> => {
  for (let tries = 0; tries < 1000; tries += 1) {
    const port = lowest + Math.floor(Math.random() * count);
    if (await isFree(port)) return port;
  }
  throw new Error('no free port was found');
};
