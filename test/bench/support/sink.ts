/**
 * Takes what a gateway sends and keeps none of it: OTLP/gRPC, and inserts in the manner of ClickHouse.
 * A process of its own: prints `{ otlpPort, clickhousePort }`; GET / at the second tells what arrived; ends with its parent.
 */
import http from 'node:http';
import http2, { type ServerHttp2Stream } from 'node:http2';

const seen = { exports: 0, exportBytes: 0, inserts: 0, insertBytes: 0 };
const windowBytes = 16 * 1024 * 1024;
/** A whole gRPC message of no bytes: what an OTLP response says when all was accepted. */
const accepted = Buffer.alloc(5);

const otlp = http2.createServer({ settings: { initialWindowSize: windowBytes } });
otlp.on('session', (session) => session.setLocalWindowSize(windowBytes));
otlp.on('stream', (stream: ServerHttp2Stream) => {
  stream.on('data', (chunk: Buffer) => {
    seen.exportBytes += chunk.length;
  });
  stream.on('error', () => {});
  stream.on('end', () => {
    seen.exports += 1;
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(accepted);
  });
});

const clickhouse = http.createServer((request, response) => {
  if (request.method === 'GET') {
    response.end(JSON.stringify(seen));
    return;
  }
  request.on('data', (chunk: Buffer) => {
    seen.insertBytes += chunk.length;
  });
  request.on('end', () => {
    seen.inserts += 1;
    response.end();
  });
});

const listening = (server: http.Server | http2.Http2Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });

const ports = { otlpPort: await listening(otlp), clickhousePort: await listening(clickhouse) };
process.stdout.write(`${JSON.stringify(ports)}\n`);
process.stdin.resume().on('end', () => process.exit(0));
