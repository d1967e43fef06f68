import { mkdtempSync, writeFileSync, mkdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createClient } from '@clickhouse/client';
import type { ClickHouseClient } from '@clickhouse/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate, migrationFolders, splitStatements } from '../../deploy/clickhouse/migrate.ts';
import { callColumns, correctionColumns } from '../../gateway/src/contract/ledger.ts';
import type { CallColumn } from '../../gateway/src/contract/ledger.ts';
import { startClickhouse } from '../fakes/clickhouse.ts';
import type { FakeClickhouse } from '../fakes/clickhouse.ts';

let server: FakeClickhouse;
let client: ClickHouseClient;
beforeAll(async () => {
  server = await startClickhouse();
  client = createClient({ url: server.url, username: server.user, password: server.password });
});
afterAll(async () => {
  await client?.close();
  await server?.stop();
});

const rows = async <T>(query: string): Promise<T[]> => {
  const result = await client.query({ query, format: 'JSONEachRow' });
  return result.json<T>();
};

// oxfmt-ignore
const tableOnly = [...correctionColumns, 'inserted_at', 'overhead_ms', 'attempts.started_at', 'list_cost_usd', 'input_cache_write_5m', 'input_cache_write_1h', 'day', 'hour', 'input_tokens', 'output_tokens'];

test('the table calls has the columns of the contract, and a named few of its own', async () => {
  const found = await rows<{ name: string }>(
    "SELECT name FROM system.columns WHERE database = 'tollgate' AND table = 'calls'",
  );
  const names = found.map(({ name }) => name).sort();
  expect(names).toEqual([...callColumns, ...tableOnly].sort());
});

/** One row in the order of the contract; attempts cost 0.25 and 0.5. */
const fullRow = (callId: string, seq: number): unknown[] => {
  const two: Partial<Record<CallColumn, unknown>> = {
    'attempts.kind': ['model', 'model'],
    'attempts.provider': ['openai', 'anthropic'],
    'attempts.status': [500, 200],
    'attempts.cost_usd': ['0.250000000001', '0.5'],
    'attempts.cost_output_text': ['0.250000000001', '0.5'],
    'attempts.usage_source': ['estimated', 'provider'],
    'attempts.price_status': ['priced', 'priced'],
    'attempts.waste_reason': ['fallback', ''],
  };
  const plain: Partial<Record<CallColumn, unknown>> = {
    started_at: '2026-11-22 10:00:00.123',
    call_id: callId,
    replica: 'r1',
    seq,
    caller_team: 'search',
    tags: { a: 'b' },
    guardrail_verdicts: {},
    units: { searches: 2 },
    unit_costs: {},
    stream: true,
    http_status: 200,
    first_token_ms: null,
    cache_status: 'off',
    usage_source: 'provider',
    price_status: 'priced',
    cost_usd: '0.750000000001',
    input_uncached: 12,
    upstream_ids: ['x', 'y'],
  };
  const numeric =
    /^(?:duration_ms|provider_ms|overhead_us|chunks|max_gap_ms|.*_usd|input_.*|output_.*|wait_ms|waste_.*_tokens)$/;
  const attemptText =
    /\.(?:account|model|model_answered|region|service_tier|speed|inference_geo|error|price_id)$/;
  return callColumns.map((column) => {
    if (column in plain) return plain[column];
    if (column in two) return two[column];
    if (column.startsWith('attempts.')) return attemptText.test(column) ? ['', ''] : [0, 0];
    return numeric.test(column) ? 0 : '';
  });
};

const insert = (row: readonly unknown[], token: string, url: string = server.url) => {
  const names = callColumns.map((column) => `\`${column}\``).join(', ');
  const target = new URL(url);
  target.searchParams.set(
    'query',
    `INSERT INTO tollgate.calls (${names}) FORMAT JSONCompactEachRow`,
  );
  target.searchParams.set('insert_deduplication_token', token);
  return fetch(target, {
    method: 'POST',
    body: `${JSON.stringify(row)}\n`,
    headers: { 'x-clickhouse-user': server.user, 'x-clickhouse-key': server.password },
  });
};
const id = (n: number) => `019aabcd-0000-7000-8000-${String(n).padStart(12, '0')}`;

test('a full row of the contract is inserted, and its derived columns follow', async () => {
  const response = await insert(fullRow(id(1), 1), 'full');
  expect(await response.text()).toBe('');
  const [row] =
    await rows(`SELECT entry, billing_month, overhead_ms, \`attempts.started_at\` AS tries, toString(cost_usd) AS cost,
    upstream_ids, tags, units FROM tollgate.calls WHERE call_id = '${id(1)}'`);
  expect(row).toEqual({
    entry: 'call',
    billing_month: '2026-11-01',
    overhead_ms: 0,
    tries: ['2026-11-22 10:00:00.123', '2026-11-22 10:00:00.123'],
    cost: '0.750000000001',
    upstream_ids: ['x', 'y'],
    tags: { a: 'b' },
    units: { searches: 2 },
  });
});

test('a row whose cost is not the sum of its attempts is refused', async () => {
  const row = fullRow(id(2), 2).map((value, i) => (callColumns[i] === 'cost_usd' ? '0.7' : value));
  const response = await insert(row, 'wrong-sum');
  expect(response.headers.get('x-clickhouse-exception-code')).toBe('469');
  expect(await response.text()).toContain('cost_is_sum_of_attempts');
});

test('the query that finance types first works', async () => {
  const found = await rows(
    'SELECT caller_team, sum(cost_usd) FROM tollgate.calls WHERE started_at > now() - INTERVAL 30 YEAR GROUP BY 1 ORDER BY 2 DESC',
  );
  expect(found).toEqual([{ caller_team: 'search', 'sum(cost_usd)': 0.750000000001 }]);
});

test('a span written twice is one span, and its trace is found by id', async () => {
  const span = {
    Timestamp: '2026-11-22 10:00:00.000000001',
    TraceId: 'ab',
    SpanId: 'cd',
    SpanName: 'chat',
    ServiceName: 's',
  };
  for (const token of ['one', 'one', 'two']) {
    await client.insert({
      table: 'tollgate.otel_traces',
      values: [span],
      format: 'JSONEachRow',
      clickhouse_settings: {
        insert_deduplication_token: token,
        date_time_input_format: 'best_effort',
      },
    });
  }
  const [counts] = await rows(`SELECT (SELECT count() FROM tollgate.otel_traces) AS written,
    (SELECT count() FROM tollgate.otel_traces FINAL) AS spans, (SELECT count() > 0 FROM tollgate.otel_traces_trace_id_ts WHERE TraceId = 'ab') AS found`);
  expect(counts).toEqual({ written: 2, spans: 1, found: 1 });
});

test('migrating again applies nothing', async () => {
  const { url, user, password } = server;
  const again = await migrate({ url, user, password, folders: migrationFolders, log: () => {} });
  expect(again).toEqual({
    applied: [],
    alreadyThere: [
      'gateway/0001_calls.sql',
      'gateway/0002_durable_rows.sql',
      'gateway/0003_cache_writes.sql',
      'gateway/0004_sent_and_answered.sql',
      'gateway/0005_price_catalog.sql',
      'gateway/0006_questions.sql',
      'gateway/0007_rollups.sql',
      'gateway/0008_views.sql',
      'gateway/0009_chain.sql',
      'gateway/0010_corrections.sql',
      'gateway/0011_provider_bills.sql',
      'gateway/0012_month_closes.sql',
      'gateway/0013_drift.sql',
      'gateway/0014_spared_rows.sql',
      'trace-router/0001_otel_traces.sql',
      'trace-router/0002_durable_traces.sql',
    ],
  });
});

test('a changed migration is refused and named, a new one is applied', async () => {
  const { url, user, password } = server;
  const dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-migrate-'));
  try {
    const folder = path.join(dir, 'room', 'migrations');
    mkdirSync(folder, { recursive: true });
    const write = (name: string, sql: string) => writeFileSync(path.join(folder, name), sql);
    const go = () => migrate({ url, user, password, folders: [folder], log: () => {} });
    write('0001_a.sql', 'CREATE TABLE IF NOT EXISTS tollgate.room_a (a UInt8) ENGINE = Memory;');
    expect((await go()).applied).toEqual(['room/0001_a.sql']);
    write(
      '0002_b.sql',
      "ALTER TABLE tollgate.room_a ADD COLUMN IF NOT EXISTS b String DEFAULT ';';",
    );
    expect(await go()).toEqual({ applied: ['room/0002_b.sql'], alreadyThere: ['room/0001_a.sql'] });
    write('0001_a.sql', 'SELECT 1;');
    await expect(go()).rejects.toThrow('changed since applied: room/0001_a.sql');
    write('0001_a.sql', 'CREATE TABLE IF NOT EXISTS tollgate.room_a (a UInt8) ENGINE = Memory;');
    write('0003_c.sql', 'SELECT 1; SELECT nonsense;');
    await expect(go()).rejects.toThrow(/room\/0003_c\.sql, statement 2: .*UNKNOWN_IDENTIFIER/);
    write('3_d.sql', 'SELECT 1');
    await expect(go()).rejects.toThrow('3_d.sql: a migration is named 0001_words.sql');
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test('a file that was cut off is gone on with behind its last statement, which need not bear those that follow it', async () => {
  const { url, user, password } = server;
  const dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-migrate-'));
  try {
    const folder = path.join(dir, 'cut', 'migrations');
    mkdirSync(folder, { recursive: true });
    // What a rename with an alias for the old name does, and then a statement that fails as long as there is no table of that name.
    const sql = `CREATE TABLE IF NOT EXISTS tollgate.cut (a UInt8) ENGINE = MergeTree ORDER BY tuple();
      ALTER TABLE tollgate.cut RENAME COLUMN IF EXISTS a TO b;
      ALTER TABLE tollgate.cut ADD COLUMN IF NOT EXISTS a UInt8 ALIAS b;
      SELECT 1 FROM tollgate.cut_later;`;
    writeFileSync(path.join(folder, '0001_cut.sql'), sql);
    const go = () => migrate({ url, user, password, folders: [folder], log: () => {} });
    await expect(go()).rejects.toThrow(/cut\/0001_cut\.sql, statement 4: .*UNKNOWN_TABLE/);
    await client.command({ query: 'CREATE TABLE tollgate.cut_later (a UInt8) ENGINE = Memory' });
    expect((await go()).applied).toEqual(['cut/0001_cut.sql']);
    expect(await go()).toEqual({ applied: [], alreadyThere: ['cut/0001_cut.sql'] });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test('what was applied is on the disk before the next statement is run', async () => {
  const [found] = await rows<{ made: string }>(
    "SELECT create_table_query AS made FROM system.tables WHERE database = 'tollgate' AND name = 'migrations'",
  );
  expect(found?.made).toMatch(/fsync_after_insert = 1, fsync_part_directory = 1/);
});

test('a server that never answers is named after the deadline', async () => {
  const go = migrate({
    url: 'http://127.0.0.1:9',
    user: '',
    password: '',
    folders: [],
    log: () => {},
    waitMs: 50,
  });
  await expect(go).rejects.toThrow('no ClickHouse answers at http://127.0.0.1:9');
});

test('semicolons in strings, names and comments do not end a statement', () => {
  const sql = "SELECT ';' -- a ; b\n; /* ; */ SELECT `;`, 'it''s;', '\\';' ;;\n-- end";
  expect(splitStatements(sql)).toEqual(["SELECT ';'", "SELECT `;`, 'it''s;', '\\';'"]);
});
