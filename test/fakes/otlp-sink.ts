/**
 * A member that takes OTLP over real sockets and remembers every span: gRPC by grpc-js, HTTP by node:http, so neither
 * shares code with the router. Its answers are scripted: the first rule that applies to a message decides.
 */
import http from 'node:http';
import zlib from 'node:zlib';
import * as grpc from '@grpc/grpc-js';
import { spansOf } from '../trace-router/otlp-proto.ts';
import type { Seen } from '../trace-router/otlp-proto.ts';

export type SinkAnswer =
  | { readonly kind: 'take' }
  /** Recorded, but the answer is lost. */
  | { readonly kind: 'take_silently' }
  | { readonly kind: 'hang' }
  | { readonly kind: 'reject'; readonly rejectedSpans: number }
  | {
      readonly kind: 'fail';
      readonly http: number;
      readonly grpc: grpc.status;
      readonly retryAfterS?: number;
    };

export interface OtlpSink {
  readonly protocol: 'grpc' | 'http';
  readonly port: number;
  readonly address: string;
  /** Every span taken, in order of arrival. */
  spans(): readonly Seen[];
  /** Sizes of all messages, taken or not. */
  messageBytes(): readonly number[];
  /** The raw bytes of messages taken. */
  messages(): readonly Buffer[];
  /** Decides about the following messages. */
  answerWith(rule: (message: Buffer, nth: number) => SinkAnswer): void;
  stop(): Promise<void>;
}

export const take: SinkAnswer = { kind: 'take' };
export const unavailable: Extract<SinkAnswer, { kind: 'fail' }> = {
  kind: 'fail',
  http: 503,
  grpc: grpc.status.UNAVAILABLE,
};
export const invalid: SinkAnswer = { kind: 'fail', http: 400, grpc: grpc.status.INVALID_ARGUMENT };

const partial = (rejected: number): Buffer => Buffer.from([0x0a, 0x02, 0x08, rejected]);

/** A sink on a free port of 127.0.0.1, or on `port` to come back at the same address. */
export const startOtlpSink = async (protocol: 'grpc' | 'http', port = 0): Promise<OtlpSink> => {
  const messages: Buffer[] = [];
  const sizes: number[] = [];
  let rule: (message: Buffer, nth: number) => SinkAnswer = () => take;
  const receive = (message: Buffer): SinkAnswer => {
    sizes.push(message.length);
    const answer = rule(message, sizes.length);
    if (answer.kind !== 'fail' && answer.kind !== 'hang') messages.push(Buffer.from(message));
    return answer;
  };
  const { port: taken, stop } =
    protocol === 'grpc' ? await serveGrpc(receive, port) : await serveHttp(receive, port);
  return {
    protocol,
    port: taken,
    address: `http://127.0.0.1:${taken}`,
    spans: () => messages.flatMap((message) => spansOf(message)),
    messages: () => messages,
    messageBytes: () => sizes,
    answerWith(next) {
      rule = next;
    },
    stop,
  };
};

const serveHttp = async (receive: (message: Buffer) => SinkAnswer, port: number) => {
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const encoding = request.headers['content-encoding'];
      const message =
        encoding === 'zstd'
          ? zlib.zstdDecompressSync(body)
          : encoding === 'gzip'
            ? zlib.gunzipSync(body)
            : body;
      const answer = receive(message);
      if (answer.kind === 'hang') return;
      if (answer.kind === 'take_silently') {
        request.socket.destroy();
        return;
      }
      const headers: Record<string, string> = { 'content-type': 'application/x-protobuf' };
      if (answer.kind === 'fail') {
        if (answer.retryAfterS !== undefined) headers['retry-after'] = String(answer.retryAfterS);
        response.writeHead(answer.http, headers).end();
      } else {
        response
          .writeHead(200, headers)
          .end(answer.kind === 'reject' ? partial(answer.rejectedSpans) : '');
      }
    });
    request.on('error', () => {});
  });
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
};

const identity = (bytes: Buffer): Buffer => bytes;
export const traceServicePath = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
/** The service with bytes as messages: what is in them is for the oracle to read. */
export const rawTraceService = {
  export: {
    path: traceServicePath,
    requestStream: false,
    responseStream: false,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  },
} as const;

const serveGrpc = async (receive: (message: Buffer) => SinkAnswer, port: number) => {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': 4 * 1024 * 1024 });
  server.addService(rawTraceService, {
    export(call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) {
      const answer = receive(call.request);
      if (answer.kind === 'hang') return;
      if (answer.kind === 'take_silently') {
        callback({ code: grpc.status.UNAVAILABLE, details: 'the answer is lost' });
      } else if (answer.kind === 'fail') {
        callback({ code: answer.grpc, details: 'as scripted' });
      } else {
        callback(null, answer.kind === 'reject' ? partial(answer.rejectedSpans) : Buffer.alloc(0));
      }
    },
  });
  const taken = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    port: taken,
    async stop() {
      server.forceShutdown();
    },
  };
};
