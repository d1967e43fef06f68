import http from 'node:http';
import { createClient } from '@clickhouse/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startClickhouse } from '../../fakes/clickhouse.ts';
import type { FakeClickhouse } from '../../fakes/clickhouse.ts';
import { grpcClient, postTraces, requestOf, startRouter, traceIdOf, until } from '../router.ts';
import type { RunningRouter } from '../router.ts';

let clickhouse: FakeClickhouse;
beforeAll(async () => {
  clickhouse = await startClickhouse();
});
afterAll(async () => {
  await clickhouse.stop();
});

const quick = { decisionWait: '300ms', decisionWaitAfterRootReceived: '100ms' };
const write = { linger: '50ms', backoffMax: '200ms' };
const startMs = Date.now();

const query = async (sql: string): Promise<Record<string, unknown>[]> => {
  const client = createClient({
    url: clickhouse.url,
    username: clickhouse.user,
    password: clickhouse.password,
  });
  const result = await client.query({ query: sql, format: 'JSONEachRow' });
  const rows = await result.json<Record<string, unknown>>();
  await client.close();
  return rows;
};
const command = async (query: string): Promise<void> => {
  const client = createClient({
    url: clickhouse.url,
    username: clickhouse.user,
    password: clickhouse.password,
  });
  await client.command({ query });
  await client.close();
};
const spansOfTrace = async (trace: number): Promise<number> =>
  Number(
    (
      await query(
        `SELECT count() AS n FROM tollgate.otel_traces WHERE TraceId = '${traceIdOf(trace)}'`,
      )
    )[0]?.['n'],
  );
const stopped = async (router: RunningRouter) => expect(await router.stop()).toBe(0);

test('errors, slow and costly traces are kept whole, the rest is dropped, and late spans follow their trace', async () => {
  const router = await startRouter(
    {
      write,
      sampler: {
        // long enough that the root always comes before it
        decisionWait: '20s',
        decisionWaitAfterRootReceived: '100ms',
        policies: [
          { name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } },
          { name: 'slow', type: 'latency', latency: { threshold_ms: 1000 } },
          {
            name: 'costly',
            type: 'numeric_attribute',
            numeric_attribute: { key: 'tollgate.cost.picodollars', min_value: 1000 },
          },
        ],
      },
    },
    clickhouse,
  );
  const cost = [{ key: 'tollgate.cost.picodollars', value: { intValue: 5000 } }];
  // each trace comes in two requests: root and child
  const traces = [
    { trace: 101, child: { status: 2 } },
    { trace: 102, child: { durationMs: 2000 } },
    { trace: 103, child: { attributes: cost } },
    { trace: 104, child: {} },
  ];
  const root = requestOf(traces.map(({ trace }) => ({ trace, span: trace * 10, startMs })));
  const children = requestOf(
    traces.map(({ trace, child }) => ({
      trace,
      span: trace * 10 + 1,
      parent: trace * 10,
      startMs,
      ...child,
    })),
  );
  expect((await postTraces(router.http, children)).status).toBe(200);
  const grpc = grpcClient(router.grpcAddress);
  expect((await grpc.send(root)).code).toBe(0);
  await until(async () => (await spansOfTrace(103)) === 2, 'the costly trace is written');
  const late = requestOf(
    traces.map(({ trace }) => ({ trace, span: trace * 10 + 2, parent: trace * 10, startMs })),
  );
  expect((await grpc.send(late)).code).toBe(0);
  grpc.close();
  await until(
    async () => (await spansOfTrace(101)) === 3,
    'the late span of a kept trace is written',
  );
  expect(await Promise.all(traces.map(({ trace }) => spansOfTrace(trace)))).toEqual([3, 3, 3, 0]);
  const decided = (policy: string, decision: string) =>
    router.metric('trace_router_decisions_total', { policy, decision });
  expect([
    await decided('errors', 'keep'),
    await decided('slow', 'keep'),
    await decided('costly', 'keep'),
  ]).toEqual([1, 1, 1]);
  expect(
    await router.metric('trace_router_decisions_total', {
      decision: 'drop',
      reason: 'no_policy',
      trigger: 'root',
    }),
  ).toBe(1);
  expect(await router.metric('trace_router_late_spans_total', { decision: 'dropped' })).toBe(1);
  expect(await router.metric('trace_router_spans_total', { outcome: 'sampled_out' })).toBe(3);
  expect(await router.metric('trace_router_spans_total', { outcome: 'written' })).toBe(9);
  await stopped(router);
});

test('with no configuration at all the first trace is visible, every column filled', async () => {
  const router = await startRouter({}, clickhouse);
  const spans = [
    {
      trace: 200,
      span: 2000,
      startMs,
      durationMs: 7,
      status: 1,
      attributes: [{ key: 'gen_ai.request.model', value: { stringValue: 'demo' } }],
    },
  ];
  expect((await postTraces(router.http, requestOf(spans))).status).toBe(200);
  await until(async () => (await spansOfTrace(200)) === 1, 'the trace is written');
  const [row] = await query(
    `SELECT *, toString(toUnixTimestamp64Nano(Timestamp)) AS ns FROM tollgate.otel_traces WHERE TraceId = '${traceIdOf(200)}'`,
  );
  expect(row).toMatchObject({
    SpanName: 'span 2000',
    SpanKind: 'Client',
    ServiceName: 'shop',
    StatusCode: 'Ok',
    ScopeName: 'test',
    SpanAttributes: { 'gen_ai.request.model': 'demo' },
    ns: `${startMs}000000`,
  });
  expect(Number(row?.['Duration'])).toBe(7_000_000);
  const ranges = async (): Promise<number> => {
    const [range] = await query(
      `SELECT count() AS n FROM tollgate.otel_traces_trace_id_ts WHERE TraceId = '${traceIdOf(200)}'`,
    );
    return Number(range?.['n']);
  };
  // The view's rows are seen a moment after those that they were made of.
  await until(async () => (await ranges()) === 1, 'the trace can be found by its id');
  await stopped(router);
});

test('SIGTERM decides the open traces and writes them before the end', async () => {
  const router = await startRouter(
    { write, sampler: { decisionWait: '1h', decisionWaitAfterRootReceived: '1h' } },
    clickhouse,
  );
  const spans = Array.from({ length: 300 }, (_, i) => ({
    trace: 3000 + (i >> 1),
    span: 30_000 + i,
    startMs,
  }));
  expect((await postTraces(router.http, requestOf(spans))).status).toBe(200);
  expect(await router.metric('trace_router_open_traces')).toBe(150);
  await stopped(router);
  const ids = Array.from({ length: 150 }, (_, i) => `'${traceIdOf(3000 + i)}'`).join(',');
  const [row] = await query(
    `SELECT count() AS n, uniqExact(SpanId) AS u FROM tollgate.otel_traces WHERE TraceId IN (${ids})`,
  );
  expect([Number(row?.['n']), Number(row?.['u'])]).toEqual([300, 300]);
});

test('while ClickHouse is down spans are taken until the queue is full, then refused; afterwards every acknowledged span is there once', async () => {
  const router = await startRouter(
    { write: { ...write, queue: '30000B', timeout: '1s' }, sampler: { ...quick } },
    clickhouse,
  );
  clickhouse.pause();
  let acknowledged = 0;
  let refused = 0;
  const bodyFor = (n: number) =>
    requestOf(
      Array.from({ length: 10 }, (_, i) => ({
        trace: 4000 + n,
        span: 400_000 + n * 10 + i,
        startMs,
      })),
    );
  await until(async () => {
    const reply = await postTraces(router.http, bodyFor(acknowledged));
    if (reply.status === 200) acknowledged += 1;
    else {
      expect(reply.status).toBe(503);
      expect(reply.headers.get('retry-after')).toBe('1');
      refused += 1;
    }
    return refused > 3;
  }, 'the queue is full');
  expect(acknowledged).toBeGreaterThan(3);
  expect(await router.metric('trace_router_refusals_total', { reason: 'sampler' })).toBe(refused);
  await until(
    async () =>
      (await router.metric('trace_router_clickhouse_writes_total', { outcome: 'retried' })) > 0,
    'an insert has timed out',
  );
  clickhouse.resume();
  const ids = Array.from({ length: acknowledged }, (_, i) => `'${traceIdOf(4000 + i)}'`).join(',');
  const counts = async () => {
    const [row] = await query(
      `SELECT count() AS n, uniqExact(SpanId) AS u FROM tollgate.otel_traces WHERE TraceId IN (${ids})`,
    );
    return [Number(row?.['n']), Number(row?.['u'])];
  };
  await until(
    async () => (await counts())[1] === acknowledged * 10,
    'everything acknowledged is written',
  );
  // tries that timed out may have been committed: the token of an insert makes that once
  expect(await counts()).toEqual([acknowledged * 10, acknowledged * 10]);
  await until(
    async () => (await postTraces(router.http, bodyFor(acknowledged + 1))).status === 200,
    'spans are taken again',
  );
  await stopped(router);
});

test('a flood of traces stays within its bounds by deciding the oldest early', async () => {
  const router = await startRouter(
    {
      write,
      sampler: {
        decisionWait: '1h',
        decisionWaitAfterRootReceived: '1h',
        numTraces: 50,
        policies: [
          { name: 'none', type: 'probabilistic', probabilistic: { sampling_percentage: 0 } },
        ],
      },
    },
    clickhouse,
  );
  for (let n = 0; n < 10; n += 1) {
    const spans = Array.from({ length: 40 }, (_, i) => ({
      trace: 6000 + n * 40 + i,
      span: n * 40 + i,
      startMs,
    }));
    expect((await postTraces(router.http, requestOf(spans))).status).toBe(200);
  }
  expect(await router.metric('trace_router_open_traces')).toBe(50);
  expect(
    await router.metric('trace_router_decisions_total', { decision: 'drop', trigger: 'memory' }),
  ).toBe(350);
  await stopped(router);
});

test('an insert whose answer is lost after the commit is sent again and written once', async () => {
  // a merge would hide a second copy of the rows
  await command('SYSTEM STOP MERGES tollgate.otel_traces');
  let cut = 0;
  const proxy = http.createServer((request, response) => {
    const upstream = http.request(
      `${clickhouse.url}${request.url ?? '/'}`,
      { method: request.method, headers: request.headers },
      (answer) => {
        if (answer.statusCode === 200 && cut < 2) {
          cut += 1;
          answer.resume().on('end', () => request.socket.destroy());
          return;
        }
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    request.pipe(upstream);
  });
  await new Promise<void>((resolve) => {
    proxy.listen(0, '127.0.0.1', resolve);
  });
  const address = proxy.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const router = await startRouter(
    { write, sampler: quick },
    { url: `http://127.0.0.1:${port}`, user: clickhouse.user, password: clickhouse.password },
  );
  const spans = Array.from({ length: 20 }, (_, i) => ({ trace: 7000, span: 70_000 + i, startMs }));
  expect((await postTraces(router.http, requestOf(spans))).status).toBe(200);
  await until(
    async () => (await router.metric('trace_router_spans_total', { outcome: 'written' })) === 20,
    'the insert is answered',
  );
  expect(cut).toBe(2);
  expect(await spansOfTrace(7000)).toBe(20);
  await command('SYSTEM START MERGES tollgate.otel_traces');
  await stopped(router);
  proxy.closeAllConnections();
  proxy.close();
});
