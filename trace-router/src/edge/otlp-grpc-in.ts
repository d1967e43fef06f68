/**
 * OTLP/gRPC by hand on node:http2: unary calls only, which is a frame in, a frame and trailers out. A third cheaper
 * than grpc-js, which is the client in its tests.
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
import http2 from 'node:http2';
import type { RouterConfig } from '../config/config.ts';
import type { Answer } from '../model/answer.ts';
import {
  encodeGrpcMessage,
  frameHeader,
  frameHeaderBytes,
  grpcTimeoutMs,
  readFrame,
} from '../otlp/grpc-frames.ts';
import { encodings } from './inflate.ts';
import type { Intake } from './intake.ts';
import type { RequestMemory } from './request-memory.ts';
import { exportPath, metricsExportPath, protobufType } from '../otlp/paths.ts';
import type { MetricsForward } from './metrics-forward.ts';
import { encodeResponse, encodeStatus, refusals } from '../otlp/answer.ts';

/** Windows large enough that a usual batch never waits for WINDOW_UPDATE. */
const streamWindowBytes = 1024 * 1024;
const sessionWindowBytes = 16 * 1024 * 1024;
const maxStreamsPerConnection = 256;

/** How long a client may go on sending a request that has been answered. */
const afterAnswerMs = 1000;

const contentType = 'application/grpc';

const respond = (stream: http2.ServerHttp2Stream, answer: Answer): void => {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  if (answer.kind === 'accepted') {
    const body = encodeResponse(answer);
    stream.respond(
      { ':status': 200, 'content-type': contentType, 'grpc-accept-encoding': encodings },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.concat([frameHeader(body.length, false), body]));
    return;
  }
  const head = {
    ':status': 200,
    'content-type': contentType,
    'grpc-accept-encoding': encodings,
    'grpc-status': String(refusals[answer.kind].grpc),
    'grpc-message': encodeGrpcMessage(answer.message),
    'grpc-status-details-bin': encodeStatus(answer).toString('base64').replaceAll('=', ''),
  };
  stream.respond(head, { endStream: true });
};

/** The one frame of the call, or why not. Null: the client went away. */
const readCall = (
  stream: http2.ServerHttp2Stream,
  memory: RequestMemory,
  maxBytes: number,
): Promise<Buffer | Answer | null> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let announced = false;
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      const refused = memory.grow(chunk.length);
      if (refused !== null) {
        stream.pause();
        return resolve(refused);
      }
      if (announced || size < frameHeaderBytes) return;
      announced = true;
      const length = Buffer.concat(chunks).readUInt32BE(1);
      if (length > maxBytes) {
        stream.pause();
        resolve({
          kind: 'too_large',
          message: `a message of ${length} bytes; at most ${maxBytes}`,
        });
      }
    });
    stream.on('end', () => resolve(Buffer.concat(chunks)));
    stream.on('error', () => resolve(null));
    stream.on('close', () => resolve(null));
  });

/** A server, not listening yet. `close` on it ends idle connections; busy ones end with their last call. */
export const otlpGrpcIn = (
  intake: Intake,
  forwardMetrics: MetricsForward,
  limits: RouterConfig['receive'],
): http2.Http2Server => {
  const server = http2.createServer({
    settings: {
      initialWindowSize: streamWindowBytes,
      maxConcurrentStreams: maxStreamsPerConnection,
      maxHeaderListSize: 16 * 1024,
    },
  });

  const answerTo = async (
    stream: http2.ServerHttp2Stream,
    headers: http2.IncomingHttpHeaders,
    memory: RequestMemory,
  ): Promise<Answer | null> => {
    const path = headers[':path'];
    const passOn = path === metricsExportPath ? forwardMetrics.send : null;
    if (path !== exportPath && passOn === null) {
      if (path === metricsExportPath) forwardMetrics.refuse();
      return { kind: 'unsupported', message: `no such method ${String(path)}` };
    }
    const encoding = String(headers['grpc-encoding'] ?? '');
    const body = await readCall(stream, memory, limits.maxBodyBytes);
    if (!Buffer.isBuffer(body)) return body;
    const frame = readFrame(body);
    if (frame === null) return { kind: 'malformed', message: 'not one whole gRPC message' };
    const { message, compressed } = frame;
    if (compressed && (encoding === '' || encoding === 'identity')) {
      return { kind: 'malformed', message: 'a compressed message without grpc-encoding' };
    }
    const used = compressed ? encoding : '';
    if (passOn !== null) {
      const plain = await intake.inflated(message, used);
      return Buffer.isBuffer(plain) ? passOn(plain, protobufType) : plain;
    }
    return intake.receive({
      protocol: 'grpc',
      body: message,
      encoding: used,
      format: 'protobuf',
      deadlineMs: grpcTimeoutMs(headers['grpc-timeout']),
      memory,
    });
  };

  server.on('session', (session) => {
    session.setLocalWindowSize(sessionWindowBytes);
    session.on('error', () => session.destroy());
    // gRPC holds a connection for good; asking clients to come again spreads them over routers
    const ageMs = limits.maxConnectionAgeMs * (0.9 + Math.random() * 0.2);
    const timer = setTimeout(() => session.close(), Math.min(ageMs, 2 ** 31 - 1));
    session.on('close', () => clearTimeout(timer));
  });
  const serve = async (
    stream: http2.ServerHttp2Stream,
    headers: http2.IncomingHttpHeaders,
  ): Promise<void> => {
    if (headers[':method'] !== 'POST' || !String(headers['content-type']).startsWith(contentType)) {
      stream.respond({ ':status': 415 }, { endStream: true });
      return;
    }
    const memory = intake.memory();
    const answer = await answerTo(stream, headers, memory);
    memory.release();
    if (answer === null) return;
    respond(stream, answer);
    if (stream.readableEnded) return;
    // RST_STREAM at once would overtake the answer at some clients: read on for a moment, keeping nothing
    stream.removeAllListeners('data');
    stream.resume();
    const timer = setTimeout(() => stream.close(http2.constants.NGHTTP2_NO_ERROR), afterAnswerMs);
    stream.on('close', () => clearTimeout(timer));
  };
  server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    stream.on('error', () => {});
    void serve(stream, headers);
  });
  return server;
};
