import net from 'node:net';
import zlib from 'node:zlib';
import * as grpc from '@grpc/grpc-js';
import { ROOT_CONTEXT, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startOtlpSink } from '../../fakes/otlp-sink.ts';
import type { OtlpSink } from '../../fakes/otlp-sink.ts';
import { requestType, responseType } from '../otlp-proto.ts';
import {
  grpcClient,
  manySpans,
  membersFor,
  postTraces,
  startRouter,
  traceIdOf,
  until,
} from '../router.ts';
import type { RunningRouter } from '../router.ts';

let sinks: OtlpSink[] = [];
let router: RunningRouter;
let before = 0;
const received = () => sinks.flatMap((sink) => sink.spans());
const fresh = () => received().length - before;
const maxBody = 2 * 1024 * 1024;

beforeAll(async () => {
  sinks = [await startOtlpSink('http'), await startOtlpSink('grpc'), await startOtlpSink('http')];
  router = await startRouter({
    members: membersFor(sinks),
    receive: { maxBody: `${maxBody}B` },
  });
});
beforeEach(() => {
  before = received().length;
});
afterAll(async () => {
  await router.stop();
  await Promise.all(sinks.map((sink) => sink.stop()));
});

const expectWholeTraces = () => {
  const sinkOf = new Map<string, number>();
  for (const [i, sink] of sinks.entries()) {
    for (const { traceId } of sink.spans()) {
      expect(sinkOf.get(traceId) ?? i).toBe(i);
      sinkOf.set(traceId, i);
    }
  }
};

test('a protobuf request over HTTP reaches the members, every trace whole at one of them', async () => {
  const reply = await postTraces(router.http, manySpans(0, 512));
  expect(reply.status).toBe(200);
  expect(reply.headers.get('content-type')).toBe('application/x-protobuf');
  expect((await reply.arrayBuffer()).byteLength).toBe(0);
  expect(fresh()).toBe(512);
  expect(sinks.every((sink) => sink.spans().length > 50)).toBe(true);
  expectWholeTraces();
});

test('gzip, zstd and deflate are undone', async () => {
  const body = manySpans(1000, 1064);
  for (const [encoding, encode] of [
    ['gzip', zlib.gzipSync],
    ['zstd', zlib.zstdCompressSync],
    ['deflate', zlib.deflateSync],
  ] as const) {
    const reply = await postTraces(router.http, encode(body), { 'content-encoding': encoding });
    expect([encoding, reply.status]).toEqual([encoding, 200]);
  }
  expect(fresh()).toBe(3 * 64);
  expectWholeTraces();
});

test('a JSON request is answered in JSON, and its ids are hex, not base64', async () => {
  const spans = Array.from({ length: 16 }, (_, i) => ({
    traceId: (i < 8 ? traceIdOf(900) : traceIdOf(901)).toUpperCase(),
    spanId: `00000000000009${(16 + i).toString(16)}`,
    parentSpanId: '',
    name: 'json',
    kind: 2,
    startTimeUnixNano: '1790000000000000001',
    endTimeUnixNano: 1790000000,
    attributes: [
      { key: 'n', value: { intValue: '-7' } },
      {
        key: 'list',
        value: { arrayValue: { values: [{ boolValue: true }, { doubleValue: 0.5 }] } },
      },
    ],
    status: { code: 2, message: 'broke' },
    unknownThing: { deep: [1, 2] },
  }));
  const body = JSON.stringify({
    resourceSpans: [{ resource: {}, scopeSpans: [{ scope: { name: 's' }, spans }] }],
  });
  const reply = await postTraces(router.http, zlib.gzipSync(body), {
    'content-type': 'application/json; charset=utf-8',
    'content-encoding': 'gzip',
  });
  expect(reply.status).toBe(200);
  expect(reply.headers.get('content-type')).toBe('application/json');
  expect(await reply.json()).toEqual({});
  const got = received()
    .slice(0)
    .filter(({ text }) => text.includes('"json"'));
  expect(got).toHaveLength(16);
  expect(new Set(got.map(({ traceId }) => traceId))).toEqual(
    new Set([traceIdOf(900), traceIdOf(901)]),
  );
  expect(got[0]?.text).toContain('"startTimeUnixNano":"1790000000000000001"');
  expect(got[0]?.text).toContain('"intValue":"-7"');
});

test('JSON with a wrong value is refused with the place of it, in a google.rpc.Status', async () => {
  const body = JSON.stringify({
    resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: 'xyz' }] }] }],
  });
  const reply = await postTraces(router.http, body, { 'content-type': 'application/json' });
  expect(reply.status).toBe(400);
  expect(await reply.json()).toEqual({
    code: 3,
    message: 'resourceSpans[0].scopeSpans[0].spans[0].traceId is not a valid hex',
  });
});

test('spans without a usable trace id are rejected by count, the others are delivered', async () => {
  const bytes = Buffer.concat([
    manySpans(2000, 2008),
    requestType
      .encode(
        requestType.fromObject({
          resourceSpans: [
            {
              scopeSpans: [
                { spans: [{ name: 'no id' }, { traceId: Buffer.alloc(16), name: 'zeros' }] },
              ],
            },
          ],
        }),
      )
      .finish(),
  ]);
  const reply = await postTraces(router.http, bytes);
  expect(reply.status).toBe(200);
  const answer = responseType.toObject(
    responseType.decode(Buffer.from(await reply.arrayBuffer())),
    { longs: Number },
  );
  expect(answer['partialSuccess']).toMatchObject({ rejectedSpans: 2 });
  expect(fresh()).toBe(8);
});

test('an empty request is a success', async () => {
  expect((await postTraces(router.http, Buffer.alloc(0))).status).toBe(200);
  const client = grpcClient(router.grpcAddress);
  expect((await client.send(Buffer.alloc(0))).code).toBe(grpc.status.OK);
  client.close();
});

test.each([
  ['bytes that are no request', Buffer.from('hello world'), {}, 400],
  ['a body that is not gzip', Buffer.from('hello'), { 'content-encoding': 'gzip' }, 400],
  ['an unknown encoding', Buffer.from(''), { 'content-encoding': 'br' }, 415],
  ['an unknown content type', Buffer.from(''), { 'content-type': 'text/plain' }, 415],
  ['a body above the limit', Buffer.alloc(maxBody + 1), {}, 413],
  [
    'a body above the limit once inflated',
    zlib.gzipSync(Buffer.alloc(maxBody + 1)),
    { 'content-encoding': 'gzip' },
    413,
  ],
  [
    'a zstd body above the limit once inflated',
    zlib.zstdCompressSync(Buffer.alloc(maxBody + 1)),
    { 'content-encoding': 'zstd' },
    413,
  ],
] as const)('%s over HTTP: %#', async (_name, body, headers, status) => {
  expect((await postTraces(router.http, body, headers)).status).toBe(status);
});

test('other paths and methods over HTTP are named as such', async () => {
  expect((await fetch(`${router.http}/v1/logs`, { method: 'POST' })).status).toBe(404);
  expect((await fetch(`${router.http}/v1/traces`)).status).toBe(405);
  expect((await fetch(`${router.http}/v1/metrics`, { method: 'POST' })).status).toBe(404);
});

test('gRPC takes a request of grpc-js, plain and gzip', async () => {
  const client = grpcClient(router.grpcAddress);
  const gzip = grpcClient(router.grpcAddress, {
    'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip,
  });
  const replies = await Promise.all([
    client.send(manySpans(3000, 3256)),
    gzip.send(manySpans(4000, 4256)),
    ...Array.from({ length: 20 }, (_, i) => client.send(manySpans(5000 + 8 * i, 5008 + 8 * i))),
  ]);
  expect(replies.map(({ code }) => code)).toEqual(replies.map(() => 0));
  expect(fresh()).toBe(512 + 160);
  expectWholeTraces();
  client.close();
  gzip.close();
});

test('gRPC says what is wrong in its own codes', async () => {
  const client = grpcClient(router.grpcAddress);
  expect(await client.send(Buffer.from('hello world'))).toMatchObject({
    code: grpc.status.INVALID_ARGUMENT,
  });
  expect(await client.send(Buffer.alloc(maxBody + 1))).toMatchObject({
    code: grpc.status.RESOURCE_EXHAUSTED,
  });
  const metricsPath = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export';
  expect(await client.send(Buffer.alloc(0), {}, metricsPath)).toMatchObject({
    code: grpc.status.UNIMPLEMENTED,
  });
  client.close();
});

test('a gzip bomb over gRPC is stopped at the limit', async () => {
  const gzip = grpcClient(router.grpcAddress, {
    'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip,
  });
  expect(await gzip.send(Buffer.alloc(20 * maxBody))).toMatchObject({
    code: grpc.status.RESOURCE_EXHAUSTED,
  });
  gzip.close();
});

test('the official OTLP/gRPC exporter delivers what the SDK recorded', async () => {
  const exporter = new OTLPTraceExporter({ url: `http://${router.grpcAddress}` });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'sdk' }),
    spanProcessors: [new BatchSpanProcessor({ exporter })],
  });
  const tracer = provider.getTracer('t');
  for (let i = 0; i < 40; i += 1) {
    const span = tracer.startSpan(`sdk ${i}`, { kind: SpanKind.CLIENT }, ROOT_CONTEXT);
    span.setStatus({ code: SpanStatusCode.ERROR, message: 'x' });
    span.end();
  }
  await provider.forceFlush();
  await provider.shutdown();
  expect(received().filter(({ text }) => text.includes('"sdk ')).length).toBe(40);
});

test('a client that hangs up in the middle of a request leaves nothing behind', async () => {
  const { port } = new URL(router.http);
  const socket = net.connect(Number(port), '127.0.0.1');
  socket.write(
    'POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-protobuf\r\ncontent-length: 100000\r\n\r\n',
  );
  socket.write(Buffer.alloc(5000));
  await until(
    async () => (await router.metric('trace_router_inflight_bytes')) >= 5000,
    'the bytes are counted',
  );
  socket.destroy();
  await until(
    async () => (await router.metric('trace_router_inflight_bytes')) === 0,
    'the bytes are given back',
  );
});

test('metrics say what was received and delivered, under the names of the load-balancing exporter too', async () => {
  const text = await router.metrics();
  expect(text).toContain('otelcol_loadbalancer_num_backends{resolver="static"} 3');
  expect(text).toMatch(/otelcol_loadbalancer_backend_outcome\{endpoint="a",success="true"\} \d/);
  const spans = (outcome: string) => router.metric('trace_router_spans_total', { outcome });
  expect(await spans('received')).toBe(received().length);
  expect(await spans('delivered')).toBe(received().length);
  expect(await spans('unidentified')).toBe(2);
  const members: unknown = await (await fetch(`${router.admin}/members`)).json();
  expect(members).toMatchObject({
    members: [{ name: 'a', failures: 0 }, { name: 'b' }, { name: 'c' }],
  });
});

test('OTLP metrics are refused, unless an address for them is configured: then their bytes are passed on', async () => {
  const destination = await startOtlpSink('http');
  const forwarding = await startRouter({ metrics: { forward: destination.address } });
  const client = grpcClient(forwarding.grpcAddress);
  const metricsPath = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export';
  expect((await client.send(Buffer.from('any bytes'), {}, metricsPath)).code).toBe(0);
  const posted = await fetch(`${forwarding.http}/v1/metrics`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip' },
    body: zlib.gzipSync('other bytes'),
  });
  expect(posted.status).toBe(200);
  expect(destination.messages().map(String)).toEqual(['any bytes', 'other bytes']);
  client.close();
  await forwarding.stop();
  await destination.stop();
  const outcome = 'refused';
  expect(await router.metric('trace_router_metrics_requests_total', { outcome })).toBe(2);
});
