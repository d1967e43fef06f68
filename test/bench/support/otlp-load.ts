/** OTLP requests for the benchmark of the trace-router, and two ways to send them from this process. */
import http2 from 'node:http2';
import { Pool } from 'undici';
import { encodeRequest } from '../../trace-router/otlp-proto.ts';
import { hexId } from '../../trace-router/router.ts';

/** Requests on their way at once. */
export const otlpConnections = 16;

/** 512 spans of ten attributes, eight to a trace, in three scopes: about 246 KB. */
export const payload = (spans: number): Buffer => {
  const attributes = (n: number) =>
    Array.from({ length: 10 }, (_, i) => ({
      key: `http.request.attribute.${i}`,
      value: i % 3 === 0 ? { intValue: n + i } : { stringValue: `value-${n % 97}-${i}-abc` },
    }));
  const span = (n: number) => ({
    traceId: Buffer.from(hexId(Math.floor(n / 8), 16), 'hex'),
    spanId: Buffer.from(hexId(n + 1_000_000, 8), 'hex'),
    parentSpanId: n % 8 === 0 ? Buffer.alloc(0) : Buffer.from(hexId(n + 999_999, 8), 'hex'),
    name: `GET /api/v1/resource/${n % 13}`,
    kind: 2,
    startTimeUnixNano: '1790000000000000000',
    endTimeUnixNano: '1790000000100000000',
    attributes: attributes(n),
    status: { code: 1 },
  });
  const third = Math.ceil(spans / 3);
  const scopes = [0, 1, 2].map((s) => ({
    scope: { name: `scope-${s}`, version: '1.0' },
    spans: Array.from({ length: Math.min(third, spans - s * third) }, (_, i) =>
      span(s * third + i),
    ),
  }));
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'bench' } }] };
  return encodeRequest({ resourceSpans: [{ resource, scopeSpans: scopes }] });
};

/** Sends one request and throws when it is not taken. */
export type Send = () => Promise<void>;

export const httpLoad = (port: number, body: Buffer) => {
  const pool = new Pool(`http://127.0.0.1:${port}`, {
    connections: otlpConnections,
    pipelining: 1,
  });
  const send: Send = async () => {
    const reply = await pool.request({
      method: 'POST',
      path: '/v1/traces',
      headers: { 'content-type': 'application/x-protobuf' },
      body,
    });
    await reply.body.dump();
    if (reply.statusCode !== 200) throw new Error(`HTTP ${reply.statusCode}`);
  };
  return { send, close: () => pool.destroy() };
};

export const grpcLoad = (port: number, body: Buffer) => {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(body.length, 1);
  const message = Buffer.concat([header, body]);
  const sessions = Array.from({ length: 4 }, () => {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on('connect', () => session.setLocalWindowSize(4 * 1024 * 1024));
    return session;
  });
  let turn = 0;
  const send: Send = () =>
    new Promise((resolve, reject) => {
      turn += 1;
      const stream = sessions[turn % sessions.length]?.request({
        ':method': 'POST',
        ':path': '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      if (stream === undefined) return;
      let status = '';
      const note = (headers: http2.IncomingHttpHeaders) => {
        status = String(headers['grpc-status'] ?? status);
      };
      stream.on('response', note).on('trailers', note).on('error', reject);
      stream.on('close', () => (status === '0' ? resolve() : reject(new Error(`gRPC ${status}`))));
      stream.resume();
      stream.end(message);
    });
  return {
    send,
    async close() {
      for (const session of sessions) session.destroy();
    },
  };
};
