/** What `test/contract/foreign.test.ts` does not see of the guard: it probes listeners that exist, this one what they may ask for. */
import { once } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import {
  guardedServer,
  neverSniffed,
  type Guard,
} from '../../../../deploy/listener/src/edge/guard.ts';
import { ownNames } from '../../../../deploy/listener/src/names.ts';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

const end = (response: ServerResponse, status: number, text: string): void => {
  response.writeHead(status, { 'content-length': text.length });
  response.end(text);
};

/** A listener that answers with the `url` it was given. */
const listen = async (more: Partial<Guard> = {}): Promise<number> => {
  const names = ownNames('127.0.0.1', []);
  const guard: Guard = { names, refused: () => {}, ...more };
  const server = guardedServer({}, ({ url = '' }, response) => end(response, 200, url), guard);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
};

/** Sends bytes and reads until `ends` was read, or the listener has closed. */
const exchange = async (port: number, bytes: string, ends?: string): Promise<string> => {
  const socket = net.connect(port, '127.0.0.1');
  socket.write(bytes);
  let text = '';
  for await (const chunk of socket) {
    text += String(chunk);
    if (ends !== undefined && text.includes(ends)) break;
  }
  return text;
};

test.each([
  ['/a?b', '/a?b'],
  ['http://localhost/a?b', '/a?b'],
  ['HTTP://127.0.0.1:80?b', '/?b'],
  ['http://localhost', '/'],
  ['*', '*'],
])('whoever is behind it reads %s as %s', async (target, path) => {
  const method = target === '*' ? 'OPTIONS' : 'GET';
  const request = `${method} ${target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`;
  const got = await exchange(await listen(), request);
  expect(got.endsWith(`\r\n\r\n${path}`)).toBe(true);
  expect(got.toLowerCase()).toContain('x-content-type-options: nosniff');
});

test('a listener refuses in its own words, whose head it writes alone', async () => {
  const heard: string[] = [];
  const port = await listen({
    refused: (reason) => heard.push(reason),
    answer(reason, { url }, response) {
      response.writeHead(418, { ...neverSniffed, 'content-length': reason.length });
      response.end(reason);
      heard.push(`answered ${url}`);
    },
  });
  const request = 'GET /x HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n';
  const got = await exchange(port, request);
  expect(got.startsWith('HTTP/1.1 418 ')).toBe(true);
  expect(got.endsWith('\r\n\r\nhost')).toBe(true);
  expect(got.match(/nosniff/g)).toHaveLength(1);
  expect(heard).toEqual(['host', 'answered /x']);
});

test('after a refusal the connection serves on, unless a body is on its way that is not worth reading', async () => {
  const port = await listen();
  const evil = (headers: string) => `POST / HTTP/1.1\r\nhost: evil.example\r\n${headers}\r\n`;
  const own = 'GET /again HTTP/1.1\r\nhost: localhost\r\n\r\n';
  expect(await exchange(port, `${evil('content-length: 2\r\n')}{}${own}`, '/again')).toContain(
    ' 200 OK',
  );
  for (const body of ['content-length: 70000\r\n', 'transfer-encoding: chunked\r\n'])
    expect((await exchange(port, evil(body))).toLowerCase()).toContain('connection: close');
});
