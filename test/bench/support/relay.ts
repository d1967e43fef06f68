/**
 * The least that a proxy in Node can be: node:http in, undici out, no parsing and no accounting. What it costs is the
 * machine's price of Node; what the gateway costs beyond it is ours. A process of its own: `node relay.ts PORT`.
 */
import { createServer } from 'node:http';
import { Pool } from 'undici';

const pool = new Pool(`http://127.0.0.1:${process.argv[2]}`, { connections: 1024, pipelining: 1 });

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const reply: Buffer[] = [];
    pool.dispatch(
      {
        path: request.url ?? '/',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: parts.length === 1 ? (parts[0] ?? null) : Buffer.concat(parts),
      },
      {
        onRequestStart() {},
        onResponseStart(_controller, status) {
          response.statusCode = status;
        },
        onResponseData(_controller, chunk) {
          reply.push(chunk);
        },
        onResponseEnd() {
          const body = reply.length === 1 ? (reply[0] ?? Buffer.alloc(0)) : Buffer.concat(reply);
          response.setHeader('content-type', 'application/json');
          response.setHeader('content-length', body.length);
          response.end(body);
        },
        onResponseError() {
          response.statusCode = 502;
          response.end();
        },
      },
    );
  });
});
server.listen(0, '127.0.0.1', 4096, () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
process.stdin.resume().on('end', () => process.exit(0));
