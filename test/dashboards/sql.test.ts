/** Every SQL panel and every SQL of the runbooks on the embedded engine, over a few calls whose sums are known. */
import { readFileSync } from 'node:fs';
import { createClient, type ClickHouseClient } from '@clickhouse/client';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { traceSql } from '../../dashboards/src/trace.ts';
import { startClickhouse } from '../fakes/clickhouse.ts';
import { shownPanels } from './board.ts';
import { expanded } from './macros.ts';

const Result = Compile(
  Type.Object({
    meta: Type.Array(Type.Object({ name: Type.String(), type: Type.String() })),
    data: Type.Array(Type.Array(Type.Unknown())),
  }),
);

const nowMs = Date.now();
const minuteMs = 60_000;
const traceId = '0af7651916cd43dd8448eb211c80319c';
/** An instant as ClickHouse reads it, in UTC. */
const stamp = (ms: number) => new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
const callId = (n: number) => `019500b2-8f00-7000-8000-00000000000${n}`;

interface Fixture {
  readonly team: string;
  readonly app: string;
  readonly model: string;
  readonly provider: string;
  readonly outcome: string;
  readonly costs: readonly string[];
  readonly cost: string;
  readonly durationMs: number;
}
// oxfmt-ignore
const calls: readonly Fixture[] = [
  { team: 'search', app: 'web', model: 'gpt-5', provider: 'openai', outcome: 'answered', costs: ['0.25'], cost: '0.25', durationMs: 1000 },
  { team: 'search', app: 'batch', model: 'gpt-5', provider: 'openai', outcome: 'answered', costs: ['0.5', '1'], cost: '1.5', durationMs: 9000 },
  { team: "o'hara", app: 'web', model: 'claude', provider: 'anthropic', outcome: 'answered', costs: ['0.125'], cost: '0.125', durationMs: 700 },
  { team: "o'hara", app: 'web', model: 'claude', provider: 'anthropic', outcome: 'exhausted', costs: ['0'], cost: '0', durationMs: 30 },
  { team: 'support', app: 'bot', model: '', provider: '', outcome: 'throttled', costs: [], cost: '0', durationMs: 2 },
];

const row = (call: Fixture, n: number) => ({
  started_at: stamp(nowMs - (n + 1) * minuteMs),
  call_id: callId(n),
  replica: 'a',
  seq: n + 1,
  org: 'default',
  caller_team: call.team,
  caller_app: call.app,
  trace_id: traceId,
  operation: 'chat',
  provider: call.provider,
  model: call.model,
  outcome: call.outcome,
  duration_ms: call.durationMs,
  input_uncached: 100,
  input_cache_read: 50,
  output_text: 20,
  output_reasoning: 5,
  price_status: call.provider === 'openai' ? 'unpriced' : 'priced',
  cost_usd: call.cost,
  waste_usd: call.costs.length > 1 ? '0.5' : '0',
  'attempts.provider': call.costs.map(() => call.provider),
  'attempts.error': call.costs.map((_cost, i) => (i < call.costs.length - 1 ? 'timeout' : '')),
  'attempts.status': call.costs.map(() => 200),
  'attempts.cost_usd': call.costs,
  'attempts.cost_output_text': call.costs,
});

const span = (id: string, parent: string, n: number) => ({
  Timestamp: stamp(nowMs - minuteMs + n),
  TraceId: traceId,
  SpanId: id,
  ParentSpanId: parent,
  SpanName: 'chat gpt-5',
  ServiceName: 'tollgate',
  SpanAttributes: { 'gen_ai.request.model': 'gpt-5' },
  Duration: 5_000_000,
});

let engine: Awaited<ReturnType<typeof startClickhouse>>;
let client: ClickHouseClient;

beforeAll(async () => {
  engine = await startClickhouse();
  const writer = createClient({
    url: engine.url,
    username: engine.user,
    password: engine.password,
  });
  const rows = calls.map(row);
  const [first] = rows;
  if (first === undefined) throw new Error('no fixtures');
  const [column = '', ...columns] = Object.keys(first);
  // Named columns, so that the arrays of `attempts` left out here are filled to the right length.
  await writer.insert({
    table: 'tollgate.calls',
    columns: [column, ...columns],
    values: rows,
    format: 'JSONEachRow',
  });
  const spans = (values: readonly object[]) =>
    writer.insert({ table: 'tollgate.otel_traces', values, format: 'JSONEachRow' });
  const [root, child] = [
    span('aaaaaaaaaaaaaaaa', '', 0),
    span('bbbbbbbbbbbbbbbb', 'aaaaaaaaaaaaaaaa', 1),
  ];
  await spans([root, child]);
  // A retried export: the same span again, in a block of its own.
  await spans([child, span('cccccccccccccccc', 'aaaaaaaaaaaaaaaa', 2)]);
  await writer.close();
  // As Grafana asks: with a user that may only read.
  const { user, password } = engine.reader;
  client = createClient({ url: engine.url, username: user, password });
});
afterAll(async () => {
  await client?.close();
  await engine?.stop();
});

const run = async (sql: string) => {
  const reply = await client.query({ query: sql, format: 'JSONCompact' });
  const result: unknown = await reply.json();
  if (!Result.Check(result)) throw new Error(`no result of ${sql}`);
  return { columns: result.meta.map(({ name }) => name), types: result.meta, rows: result.data };
};

const seen = { fromMs: nowMs - 60 * minuteMs, toMs: nowMs + minuteMs, intervalSeconds: 60 };
const chosen = {
  team: ['search', "o'hara"],
  app: ['web'],
  provider: ['openai', 'anthropic'],
  model: ['claude'],
};

const panels = shownPanels().flatMap((panel) =>
  (panel.targets ?? []).flatMap(({ rawSql, format }) =>
    rawSql === undefined ? [] : [{ title: panel.title, panel, rawSql, format }],
  ),
);
const titled = (wanted: string): string => {
  const found = panels.find(({ title }) => title === wanted);
  if (found === undefined) throw new Error(`no panel ${wanted}`);
  return found.rawSql;
};

const ofRows = panels.filter(({ panel }) => panel.type !== 'stat');
describe.each(ofRows)('$title', ({ panel, rawSql, format }) => {
  test('returns the columns that the panel expects, in their order', async () => {
    const { columns, types, rows } = await run(expanded(rawSql, seen));
    expect(rows.length).toBeGreaterThan(0);
    if (format === 0) {
      // A time, texts that name a line, one number.
      expect(types.at(0)).toMatchObject({ name: 'time', type: expect.stringMatching(/^DateTime/) });
      expect(types.at(-1)?.type).toMatch(/^Float64/);
      for (const { type } of types.slice(1, -1)) expect(type).toContain('String');
    } else {
      const overrides = panel.fieldConfig?.overrides ?? [];
      expect(columns).toEqual(overrides.map(({ matcher }) => matcher.options));
    }
    // Decimals reach Grafana as text, which no panel can draw.
    expect(types.filter(({ type }) => type.includes('Decimal'))).toEqual([]);
  });

  test('narrows to what is chosen, quotes and all', async () => {
    const all = await run(expanded(rawSql, seen));
    const some = await run(expanded(rawSql, { ...seen, chosen }));
    expect(some.rows.length).toBeGreaterThan(0);
    expect(some.rows.length).toBeLessThan(all.rows.length);
  });

  test('is bounded in time and in rows', async () => {
    const past = { ...seen, fromMs: seen.fromMs - 10 * 3600_000, toMs: seen.fromMs - 3600_000 };
    expect((await run(expanded(rawSql, past))).rows).toEqual([]);
    expect(rawSql).toMatch(/ LIMIT \d+$/);
  });
});

test('calls without a price are counted, chosen ones only, and 0 is a number', async () => {
  const text = titled('Calls without a price');
  expect((await run(expanded(text, seen))).rows.map(([n]) => Number(n))).toEqual([2]);
  expect((await run(expanded(text, { ...seen, chosen }))).rows.map(([n]) => Number(n))).toEqual([
    0,
  ]);
});

test('spend by team is the exact sum of its calls', async () => {
  const { rows } = await run(expanded(titled('Spend by team'), seen));
  expect(rows).toEqual([
    ['search', 1.75],
    ["o'hara", 0.125],
    ['support', 0],
  ]);
});

test('tokens and cost by caller count calls, tokens and waste once', async () => {
  const { rows } = await run(expanded(titled('Tokens and cost by caller'), seen));
  expect(rows).toHaveLength(4);
  expect(rows[0]?.slice(0, 2)).toEqual(['search', 'batch']);
  expect(rows[0]?.slice(2).map(Number)).toEqual([1, 150, 25, 1.5, 0.5]);
});

test('calls that reached no provider are in the log, not in the latencies', async () => {
  const log = await run(expanded(titled('Latest calls'), seen));
  expect(log.rows.map((row) => row[log.columns.indexOf('outcome')])).toContain('throttled');
  expect(log.rows[0]?.[log.columns.indexOf('call_id')]).toBe(callId(0));
  expect(log.rows[0]?.[log.columns.indexOf('trace_id')]).toBe(traceId);
  const latency = await run(expanded(titled('Latency by model'), seen));
  expect(latency.rows.map(([provider]) => String(provider)).toSorted()).toEqual([
    'anthropic',
    'openai',
  ]);
});

test('a trace id leads to its spans, each once, as the trace view reads them', async () => {
  const { columns, rows } = await run(traceSql(traceId));
  // oxfmt-ignore
  expect(columns).toEqual(['traceID', 'spanID', 'parentSpanID', 'serviceName', 'operationName', 'startTime', 'duration', 'tags']);
  expect(rows.map(([, id]) => String(id)[0])).toEqual(['a', 'b', 'c']);
  expect(rows[0]?.slice(6)).toEqual([5, [{ key: 'gen_ai.request.model', value: 'gpt-5' }]]);
  expect((await run(traceSql('ffffffffffffffffffffffffffffffff'))).rows).toEqual([]);
});

const runbooks = readFileSync('docs/runbooks.md', 'utf8');
const inRunbooks = [...runbooks.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, sql = '']) => ({
  sql,
}));

test('the runbooks have SQL', () => expect(inRunbooks.length).toBeGreaterThan(3));
test.each(inRunbooks)('the runbooks’ SQL finds something: $sql', async ({ sql }) => {
  expect((await run(sql.replace("'MODEL'", "'gpt-5'"))).rows.length).toBeGreaterThan(0);
});
