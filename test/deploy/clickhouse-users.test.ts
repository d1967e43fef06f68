import { afterAll, beforeAll, expect, test } from 'vitest';
import { startClickhouse } from '../fakes/clickhouse.ts';
import type { FakeClickhouse } from '../fakes/clickhouse.ts';

let server: FakeClickhouse;
beforeAll(async () => {
  server = await startClickhouse();
});
afterAll(async () => {
  await server?.stop();
});

const code = async (
  sql: string,
  {
    params = {},
    headers = {},
    method = 'POST',
  }: { params?: Record<string, string>; headers?: Record<string, string>; method?: string } = {},
) => {
  const url = new URL(server.url);
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  if (method === 'GET') url.searchParams.set('query', sql);
  const response = await fetch(url, { method, headers, body: method === 'GET' ? null : sql });
  await response.arrayBuffer();
  return Number(response.headers.get('x-clickhouse-exception-code') ?? 0);
};
const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

test('credentials come as basic authorization, as headers or in the address', async () => {
  const { user, password } = server;
  const write = 'CREATE TABLE IF NOT EXISTS w (a Int8) ENGINE = Memory';
  expect(await code(write, { headers: basic(user, password) })).toBe(0);
  expect(
    await code(write, { headers: { 'x-clickhouse-user': user, 'x-clickhouse-key': password } }),
  ).toBe(0);
  expect(await code(write, { params: { user, password } })).toBe(0);
  expect(await code('SELECT 1', { headers: basic(user, 'wrong') })).toBe(516);
  expect(await code('SELECT 1', { headers: basic('nobody', '') })).toBe(516);
  expect(await code('SELECT 1', { params: { user } })).toBe(516);
});

// oxfmt-ignore
const refused = [
  'INSERT INTO tollgate.migrations (name) VALUES (1)', 'INSERT INTO tollgate.migrations SELECT 1', 'CREATE TABLE x (a Int8) ENGINE = Memory',
  'DROP TABLE tollgate.calls', 'ALTER TABLE tollgate.calls DELETE WHERE 1', 'TRUNCATE TABLE tollgate.calls', 'OPTIMIZE TABLE tollgate.calls', 'SYSTEM FLUSH LOGS',
  'KILL QUERY WHERE 1', 'SET max_threads = 1', 'CREATE TEMPORARY TABLE x (a Int8)', 'SELECT 1 SETTINGS readonly = 0', 'SELECT 1 SETTINGS max_memory_usage = 1',
  "SELECT file('/etc/hostname')", "SELECT `file`('/etc/hostname')", "SELECT * FROM file('/etc/hostname', 'LineAsString')", "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a Int8')",
  "SELECT * FROM remote('127.0.0.1', 'system.one')", "SELECT * FROM executable('x.sh', 'CSV', 'a Int8')", "SELECT * FROM s3('http://127.0.0.1:1/a/b', 'CSV', 'a Int8')",
  "SELECT * FROM sqlite('/tmp/x', 'y')", 'SELECT * FROM `/etc/hostname`', 'SELECT * FROM default."/etc/hostname"', 'GRANT ALL ON *.* TO default', 'USE system', 'EXPLAIN SELECT file(\'/etc/hostname\')',
];
test('the reader may read and nothing else', async () => {
  const headers = basic(server.reader.user, server.reader.password);
  for (const sql of [
    'SELECT count() FROM tollgate.calls',
    'SHOW TABLES FROM tollgate',
    'DESCRIBE tollgate.calls',
    'EXPLAIN SELECT 1',
    'WITH 1 AS x SELECT x',
    'EXISTS tollgate.calls',
  ]) {
    expect([sql, await code(sql, { headers })]).toEqual([sql, 0]);
  }
  // 164 READONLY, 497 ACCESS_DENIED.
  const codes = await Promise.all(refused.map((sql) => code(sql, { headers })));
  const allowed = refused.filter((_sql, i) => codes[i] !== 164 && codes[i] !== 497);
  expect(allowed).toEqual([]);
  expect(await code('SELECT 1', { headers, params: { readonly: '0' } })).toBe(164);
  expect(
    await code('SELECT 1', {
      headers,
      params: { max_execution_time: '5', readonly: '2' },
    }),
  ).toBe(0);
});

test('GET reads only, whoever asks', async () => {
  const headers = basic(server.user, server.password);
  expect(await code('SELECT 1', { method: 'GET', headers })).toBe(0);
  expect(await code('INSERT INTO w VALUES (1)', { method: 'GET', headers })).toBe(164);
  expect(await code('DROP TABLE w', { method: 'GET', headers })).toBe(164);
});

test('nobody is served without a password, whatever name or none is given', async () => {
  for (const name of ['default', 'grafana', 'reader', server.user, '']) {
    expect([name, await code('SELECT 1', { headers: basic(name, '') })]).toEqual([name, 516]);
    expect([name, await code('SELECT 1', { params: { user: name } })]).toEqual([name, 516]);
  }
  expect(await code('SELECT 1')).toBe(516);
  expect(await code('SELECT 1', { method: 'GET' })).toBe(516);
});
