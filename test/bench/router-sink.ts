/**
 * Members that take everything at once and keep nothing but counts: four OTLP/HTTP and four OTLP/gRPC servers in one
 * process. Prints its ports; counts are at `GET /counts` of any HTTP one.
 */
import http from 'node:http';
import http2 from 'node:http2';
import type { Server } from 'node:net';

const members = 4;
let messages = 0;
let bytes = 0;

const listen = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });

const overHttp = () =>
  http.createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    if (request.url === '/counts') {
      response.end(JSON.stringify({ messages, bytes }));
      return;
    }
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.on('end', () => {
      messages += 1;
      response.writeHead(200, { 'content-type': 'application/x-protobuf', 'content-length': 0 });
      response.end();
    });
  });

const emptyFrame = Buffer.alloc(5);
const overGrpc = () => {
  const server = http2.createServer({ settings: { initialWindowSize: 8 * 1024 * 1024 } });
  server.on('session', (session) => session.setLocalWindowSize(32 * 1024 * 1024));
  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    stream.on('error', () => {});
    stream.on('end', () => {
      messages += 1;
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc' },
        { waitForTrailers: true },
      );
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(emptyFrame);
    });
  });
  return server;
};

const ports = async (make: () => Server) =>
  Promise.all(Array.from({ length: members }, () => listen(make())));
process.stdout.write(
  `${JSON.stringify({ ready: true, http: await ports(overHttp), grpc: await ports(overGrpc) })}\n`,
);
process.on('SIGTERM', () => process.exit(0));
