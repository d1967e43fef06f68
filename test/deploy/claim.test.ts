/** Ports are looked at by listening on them for a moment, and whoever calls the product all the time connects in that moment. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { claimPorts } from '../../deploy/local/src/claim.ts';
import { freePort } from '../fakes/ports.ts';

/** Connects as soon as somebody listens, and stays. */
const connected = async (port: number): Promise<Socket> => {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.on('error', () => resolve(false));
    });
    if (isOpen) return socket;
    await sleep(1);
  }
};

test('a caller who connects while the ports are looked at does not hold the start up', async () => {
  const [gateway, clickhouse] = [await freePort(), await freePort()];
  // While one port is waited for, those before it are held.
  const ending = createServer().listen(clickhouse, '127.0.0.1');
  await once(ending, 'listening');
  const ports = { gateway, clickhouse, otlpGrpc: 0, otlpHttp: 0, routerAdmin: 0 };
  const claimed = claimPorts({ host: '127.0.0.1', ports }, 60_000);
  const caller = await connected(gateway);
  ending.close();
  expect(await claimed).toMatchObject({ gateway, clickhouse });
  caller.destroy();
});
