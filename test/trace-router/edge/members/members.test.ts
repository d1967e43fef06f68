import zlib from 'node:zlib';
import * as grpc from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { invalid, startOtlpSink, take, unavailable } from '../../../fakes/otlp-sink.ts';
import type { OtlpSink } from '../../../fakes/otlp-sink.ts';
import { responseType } from '../../otlp-proto.ts';
import {
  grpcClient,
  manySpans,
  membersFor,
  postTraces,
  requestOf,
  startRouter,
  until,
} from '../../router.ts';
import type { RunningRouter } from '../../router.ts';

const open: { stop(): Promise<unknown> }[] = [];
const opened = <T extends { stop(): Promise<unknown> }>(thing: T): T => {
  open.push(thing);
  return thing;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((thing) => thing.stop()));
});
const sink = async (protocol: 'http' | 'grpc') => opened(await startOtlpSink(protocol));
const routerFor = async (
  sinks: readonly OtlpSink[],
  config: Readonly<Record<string, unknown>> = {},
): Promise<RunningRouter> => opened(await startRouter({ members: membersFor(sinks), ...config }));
const quick = { backoff: '20ms', backoffMax: '100ms' };

const idsAt = (sinks: readonly OtlpSink[]) =>
  sinks.flatMap((one) => one.spans().map(({ spanId }) => spanId)).sort();
const expectEachOnce = (sinks: readonly OtlpSink[], spans: number) => {
  const ids = idsAt(sinks);
  expect(ids).toHaveLength(spans);
  expect(new Set(ids).size).toBe(spans);
  const traces = sinks.map((one) => new Set(one.spans().map(({ traceId }) => traceId)));
  for (const [i, mine] of traces.entries())
    for (const other of traces.slice(i + 1))
      expect([...mine].filter((id) => other.has(id))).toEqual([]);
};

test('when one member of each protocol fails for a while only their spans are sent again: the sum is the input, once', async () => {
  const sinks = [await sink('http'), await sink('grpc'), await sink('http'), await sink('grpc')];
  for (const failing of sinks.slice(0, 2))
    failing.answerWith((_message, nth) => (nth <= 4 ? unavailable : take));
  const router = await routerFor(sinks, { send: quick });
  const replies = await Promise.all(
    Array.from({ length: 10 }, (_, i) => postTraces(router.http, manySpans(i * 64, i * 64 + 64))),
  );
  expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 200));
  expectEachOnce(sinks, 640);
  const retries = (member: string) =>
    router.metric('trace_router_member_retries_total', { member });
  for (const failing of ['a', 'b']) expect(await retries(failing)).toBeGreaterThan(0);
  for (const healthy of ['c', 'd']) expect(await retries(healthy)).toBe(0);
});

test('members that die and come back at their address get their spans, and a client that asks again causes no copies', async () => {
  const first = [await startOtlpSink('http'), await startOtlpSink('grpc')];
  const other = await sink('http');
  const router = await routerFor([...first, other], {
    send: quick,
    receive: { ackTimeout: '150ms' },
  });
  await until(
    async () => (await postTraces(router.http, manySpans(0, 64))).status === 200,
    'the members answer within the short time to acknowledge',
  );
  for (const dying of first) expect(dying.spans().length).toBeGreaterThan(0);
  await Promise.all(first.map((dying) => dying.stop()));
  const bodies = Array.from({ length: 6 }, (_, i) => manySpans(1000 + i * 64, 1064 + i * 64));
  const replies = await Promise.all(bodies.map((body) => postTraces(router.http, body)));
  // those with nothing for the dead members are fine, the others are told to come back
  const refused = replies.filter(({ status }) => status === 503);
  expect(refused.length).toBeGreaterThan(2);
  expect(refused.every(({ headers }) => Number(headers.get('retry-after')) > 0)).toBe(true);
  const again = await Promise.all(
    first.map(async ({ protocol, port }) => opened(await startOtlpSink(protocol, port))),
  );
  for (const [i, body] of bodies.entries()) {
    if (replies[i]?.status === 200) continue;
    await until(
      async () => (await postTraces(router.http, body)).status === 200,
      'the resend is answered',
    );
  }
  for (const back of again) expect(back.spans().length).toBeGreaterThan(0);
  const took = [...first, ...again, other];
  expect(idsAt(took)).toHaveLength(64 + 6 * 64);
  expect(new Set(idsAt(took)).size).toBe(64 + 6 * 64);
  expect(await router.metric('trace_router_resends_joined_total')).toBeGreaterThan(0);
});

test('over gRPC an undelivered request is UNAVAILABLE with RetryInfo', async () => {
  const sinks = [await sink('http')];
  sinks[0]?.answerWith(() => ({ kind: 'hang' }));
  const router = await routerFor(sinks, {
    receive: { ackTimeout: '100ms' },
    // The hanging exchange must not hold up the end of the test.
    shutdown: { timeout: '100ms' },
  });
  const client = grpcClient(router.grpcAddress);
  const reply = await client.send(manySpans(0, 8));
  expect(reply.code).toBe(grpc.status.UNAVAILABLE);
  const [details] = reply.metadata.get('grpc-status-details-bin');
  expect(String(details)).toContain('google.rpc.RetryInfo');
  client.close();
});

test('a client with a short deadline is answered before it', async () => {
  const sinks = [await sink('http')];
  sinks[0]?.answerWith(() => ({ kind: 'hang' }));
  const router = await routerFor(sinks, {
    receive: { ackTimeout: '30s' },
    shutdown: { timeout: '100ms' },
  });
  const client = grpcClient(router.grpcAddress);
  const reply = await client.send(manySpans(0, 8), { deadline: Date.now() + 8000 });
  expect(reply.code).toBe(grpc.status.UNAVAILABLE);
  client.close();
});

test('a member that asks for a pause gets it; spans that it rejects are counted and told', async () => {
  const sinks = [await sink('http')];
  const at: number[] = [];
  sinks[0]?.answerWith((_message, nth) => {
    at.push(Date.now());
    return nth === 1 ? { ...unavailable, retryAfterS: 1 } : take;
  });
  const router = await routerFor(sinks, { send: quick });
  expect((await postTraces(router.http, manySpans(0, 8))).status).toBe(200);
  expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThanOrEqual(950);

  sinks[0]?.answerWith(() => ({ kind: 'reject', rejectedSpans: 3 }));
  const reply = await postTraces(router.http, manySpans(8, 16));
  const answer = responseType.toObject(
    responseType.decode(Buffer.from(await reply.arrayBuffer())),
    { longs: Number },
  );
  expect(answer['partialSuccess']).toMatchObject({ rejectedSpans: 3 });
});

test.each(['http', 'grpc'] as const)(
  'a part that a %s member calls invalid is found by halving, and only its client loses it',
  async (protocol) => {
    const sinks = [await sink(protocol)];
    const poison = Buffer.from('span 666');
    sinks[0]?.answerWith((message) => (message.includes(poison) ? invalid : take));
    // the first message keeps the member busy, so that the others are merged behind it
    const router = await routerFor(sinks, { send: { ...quick, inFlight: 1, linger: '200ms' } });
    const ask = async (body: Buffer) => {
      const reply = await postTraces(router.http, body);
      const answer = responseType.toObject(
        responseType.decode(Buffer.from(await reply.arrayBuffer())),
        { longs: Number },
      );
      return [reply.status, answer['partialSuccess']?.['rejectedSpans'] ?? 0];
    };
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        ask(
          requestOf([
            { trace: i, span: i === 7 ? 666 : i },
            { trace: i, span: 100 + i },
          ]),
        ),
      ),
    );
    expect(answers).toEqual(Array.from({ length: 12 }, (_, i) => [200, i === 7 ? 2 : 0]));
    expectEachOnce(sinks, 22);
    expect(await router.metric('trace_router_spans_total', { outcome: 'refused' })).toBe(2);
  },
);

test('requests are merged while a member is busy, and no message is larger than the limit', async () => {
  const sinks = [await sink('http')];
  const router = await routerFor(sinks, {
    send: { inFlight: 1, maxMessage: '40000B', batch: '40000B' },
  });
  const replies = await Promise.all(
    Array.from({ length: 60 }, (_, i) => postTraces(router.http, manySpans(i * 8, i * 8 + 8))),
  );
  expect(replies.every(({ status }) => status === 200)).toBe(true);
  expectEachOnce(sinks, 480);
  expect(sinks[0]?.messageBytes().length).toBeLessThan(60);
  // one request larger than a message is cut
  expect((await postTraces(router.http, manySpans(10_000, 12_000))).status).toBe(200);
  expect(Math.max(...(sinks[0]?.messageBytes() ?? []))).toBeLessThanOrEqual(40_000);
  expectEachOnce(sinks, 480 + 2000);
});

test('a request of one trace reaches its member byte for byte', async () => {
  const sinks = [await sink('http'), await sink('grpc')];
  const router = await routerFor(sinks);
  const body = requestOf([
    { trace: 5, span: 1 },
    { trace: 5, span: 2 },
  ]);
  expect(
    (await postTraces(router.http, zlib.gzipSync(body), { 'content-encoding': 'gzip' })).status,
  ).toBe(200);
  expect(sinks.flatMap((one) => one.messages())).toEqual([body]);
});

test('a full queue of one member refuses a request before any part of it is sent', async () => {
  const sinks = [await sink('http'), await sink('http')];
  sinks[0]?.answerWith(() => unavailable);
  const router = await routerFor(sinks, {
    send: { queue: '3000B', backoff: '5s', backoffMax: '5s' },
    receive: { ackTimeout: '100ms' },
    shutdown: { timeout: '100ms' },
  });
  expect((await postTraces(router.http, manySpans(0, 64))).status).toBe(503);
  await until(() => (sinks[1]?.spans().length ?? 0) > 0, 'the other member has its part');
  const before = sinks[1]?.spans().length;
  const refused = await postTraces(router.http, manySpans(64, 128));
  expect(refused.status).toBe(503);
  expect(sinks[1]?.spans().length).toBe(before);
  expect(await router.metric('trace_router_refusals_total', { reason: 'member_queue' })).toBe(1);
});

test('a member can be sent zstd or gzip over http, and gzip over gRPC', async () => {
  const compressions = [
    ['http', 'zstd'],
    ['http', 'gzip'],
    ['grpc', 'gzip'],
  ] as const;
  const sinks = await Promise.all(compressions.map(([protocol]) => sink(protocol)));
  const router = await routerFor(sinks, {
    members: membersFor(sinks).map((member, i) => ({
      ...member,
      compression: compressions[i]?.[1],
    })),
  });
  expect((await postTraces(router.http, manySpans(0, 512))).status).toBe(200);
  expectEachOnce(sinks, 512);
  for (const one of sinks) expect(one.spans().length).toBeGreaterThan(0);
});

test('SIGTERM: new requests are refused, what was taken in is delivered, exit 0', async () => {
  const one = await sink('http');
  let release = false;
  one.answerWith(() => (release ? take : unavailable));
  const router = await startRouter({
    members: membersFor([one]),
    send: quick,
    receive: { ackTimeout: '100ms' },
  });
  expect((await postTraces(router.http, manySpans(0, 32))).status).toBe(503);
  const ended = router.stop();
  release = true;
  expect(await ended).toBe(0);
  expect(one.spans()).toHaveLength(32);
});
