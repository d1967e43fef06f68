import { createServer, Agent, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startShedding } from '../../../../gateway/src/edge/http/shedding.ts';

const server = createServer((_request, response) => response.end('served'));
const shedding = startShedding(server);
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
let port = 0;
beforeAll(async () => {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address: AddressInfo | string | null = server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});
afterAll(() => {
  agent.destroy();
  server.close();
});

const ask = (): Promise<{ connection: string | undefined; text: string }> =>
  new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ connection: response.headers.connection, text }));
    })
      .on('error', reject)
      .end();
  });

test('so many connections are closed with a reply that says so, and none of the requests is lost', async () => {
  expect(await ask()).toEqual({ connection: 'keep-alive', text: 'served' });
  expect(await shedding.connections()).toBe(1);
  shedding.shed(2);
  expect(await ask()).toEqual({ connection: 'close', text: 'served' });
  expect(await ask()).toEqual({ connection: 'close', text: 'served' });
  expect(await ask()).toEqual({ connection: 'keep-alive', text: 'served' });
});

test('what was asked before is out of date', async () => {
  shedding.shed(5);
  shedding.shed(0);
  expect(await ask()).toEqual({ connection: 'keep-alive', text: 'served' });
});
