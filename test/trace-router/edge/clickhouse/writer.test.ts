import { createClient } from '@clickhouse/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWriter } from '../../../../trace-router/src/edge/clickhouse/writer.ts';
import { startMetrics } from '../../../../trace-router/src/edge/telemetry/metrics.ts';
import type { KeptRows } from '../../../../trace-router/src/model/kept-rows.ts';
import { startClickhouse, type FakeClickhouse } from '../../../fakes/clickhouse.ts';
import { until } from '../../router.ts';

let clickhouse: FakeClickhouse;
beforeAll(async () => {
  clickhouse = await startClickhouse();
});
afterAll(async () => {
  await clickhouse.stop();
});

const limits = {
  database: 'tollgate',
  batchRows: 5000,
  batchBytes: 8_000_000,
  lingerMs: 50,
  queueBytes: 128_000_000,
  timeoutMs: 30_000,
  backoffMaxMs: 100,
};

const writerTo = (address: { readonly url: string; user: string; password: string }) => {
  const metrics = startMetrics();
  const said: string[] = [];
  const writer = startWriter(address, limits, metrics, (_level, message) => said.push(message));
  const counts = async (name: string): Promise<Record<string, number>> => {
    const lines = (await metrics.text()).matchAll(
      new RegExp(`^trace_router_${name}_total\\{outcome="(\\w+)"\\} (\\d+)$`, 'gm'),
    );
    return Object.fromEntries([...lines].map(([, outcome = '', n]) => [outcome, Number(n)]));
  };
  return { writer, said, counts };
};

const startMs = Date.now();
/** A span of a trace, as a line; `more` overrides its columns. */
const line = (trace: string, span: number, more: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({
    Timestamp: startMs * 1_000_000,
    TraceId: trace,
    SpanId: String(span),
    SpanName: 'work',
    ...more,
  });
const kept = (...lines: readonly string[]): KeptRows => ({
  rows: Buffer.from(lines.map((text) => `${text}\n`).join('')),
  spans: lines.length,
});

const written = async (traces: string): Promise<Record<string, string[]>> => {
  const client = createClient({
    url: clickhouse.url,
    username: clickhouse.user,
    password: clickhouse.password,
  });
  const answer = await client.query({
    query: `SELECT TraceId, groupArray(SpanId) AS spans FROM (SELECT * FROM tollgate.otel_traces WHERE startsWith(TraceId, '${traces}') ORDER BY SpanId) GROUP BY TraceId`,
    format: 'JSONEachRow',
  });
  const rows = await answer.json<{ TraceId: string; spans: string[] }>();
  await client.close();
  return Object.fromEntries(rows.map(({ TraceId, spans }) => [TraceId, spans]));
};

// oxfmt-ignore
test.each([
  ['half a surrogate pair', 'pair', { StatusMessage: '\ud800' }],
  ['arrays of unequal length', 'array', { 'Events.Name': ['a'], 'Events.Timestamp': [] }],
  ['no array', 'none', { 'Events.Name': 'a' }],
  ['a time beyond its column', 'time', { Timestamp: '2999-01-01 00:00:00' }],
  ['a number that is none', 'number', { Duration: 'long' }],
])('a span with %s is dropped alone: the rest of its trace and all others are written', async (_what, name, bad) => {
  const { writer, said, counts } = writerTo(clickhouse);
  const five = [1, 2, 3, 4, 5].map((span) => line(`${name}-b`, span, span === 4 ? bad : {}));
  writer.add(kept(line(`${name}-a`, 1), line(`${name}-a`, 2)));
  writer.add(kept(...five));
  writer.add(kept(line(`${name}-c`, 1)));
  const settled = async () => {
    const { written = 0, refused = 0 } = await counts('spans');
    return written + refused === 8;
  };
  await until(settled, 'every span is written or refused');
  expect(await counts('spans')).toMatchObject({ written: 7, refused: 1 });
  expect(await written(name)).toEqual({
    [`${name}-a`]: ['1', '2'],
    [`${name}-b`]: ['1', '2', '3', '5'],
    [`${name}-c`]: ['1'],
  });
  expect(writer.state()).toMatchObject({ queuedBytes: 0, failures: 0 });
  expect(said).toEqual(['ClickHouse refuses a span; it is dropped']);
  await writer.close(Date.now());
});

test('columns of a later version, whatever they are, do not stop this one from writing', async () => {
  const client = createClient({
    url: clickhouse.url,
    username: clickhouse.user,
    password: clickhouse.password,
  });
  const alter = (change: string) =>
    client.command({ query: `ALTER TABLE tollgate.otel_traces ${change}` });
  const added = ['Weight UInt8', 'Kept UInt8 MATERIALIZED 7', '`Events.Late` Array(Bool)'];
  await alter(added.map((column) => `ADD COLUMN ${column}`).join(', '));
  const { writer, counts } = writerTo(clickhouse);
  writer.add(
    kept(
      line('later', 1, {
        'Events.Name': ['a'],
        'Events.Timestamp': [startMs],
        'Events.Attributes': [{}],
      }),
    ),
  );
  await until(async () => (await counts('spans'))['written'] === 1, 'it is written');
  await writer.close(Date.now());
  await alter('DROP COLUMN Weight, DROP COLUMN Kept, DROP COLUMN `Events.Late`');
  await client.close();
});

test('a trace over more days than one insert may have partitions is written all the same', async () => {
  const { writer, counts } = writerTo(clickhouse);
  // Of the future: the table forgets what is old.
  const spans = Array.from({ length: 120 }, (_, day) =>
    line('days', day, { Timestamp: (startMs + day * 86_400_000) * 1_000_000 }),
  );
  writer.add(kept(...spans));
  await until(async () => (await counts('spans'))['written'] === 120, 'all are written');
  expect((await written('days'))['days']).toHaveLength(120);
  await writer.close(Date.now());
});

test('a server that does not know us keeps every span waiting, and the log says what is wrong once', async () => {
  const { writer, said, counts } = writerTo({ ...clickhouse, password: 'wrong' });
  writer.add(kept(line('nobody', 1)));
  await until(async () => ((await counts('clickhouse_writes'))['retried'] ?? 0) > 3, 'retries');
  expect(said).toEqual(['ClickHouse cannot take traces as it is set up; trying again']);
  expect(writer.state().queuedBytes).toBeGreaterThan(0);
  await writer.close(Date.now());
  expect(await counts('spans')).toMatchObject({ lost_at_shutdown: 1 });
});
