/** What one client may take from the embedded ClickHouse: slots, time, memory and disk. */
import { readdirSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { startClickhouse } from '../fakes/clickhouse.ts';
import type { FakeClickhouse, FakeClickhouseOptions } from '../fakes/clickhouse.ts';

let server: FakeClickhouse | null = null;
const sockets = new Set<net.Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await server?.stop();
  server = null;
});
const start = async (env: FakeClickhouseOptions['env'] = {}) => {
  server = await startClickhouse({ migrated: false, env });
  return server;
};
type Params = Readonly<Record<string, string>>;
const as = (user: string, password: string) => ({
  'x-clickhouse-user': user,
  'x-clickhouse-key': password,
});
const post = async (
  on: FakeClickhouse,
  sql: string,
  { params = {}, headers = as(on.user, on.password) }: { params?: Params; headers?: Params } = {},
) => {
  const url = new URL(on.url);
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  const response = await fetch(url, { method: 'POST', body: sql, headers });
  const code = Number(response.headers.get('x-clickhouse-exception-code') ?? 0);
  const retryAfter = response.headers.get('retry-after');
  return { status: response.status, code, retryAfter, text: (await response.text()).trim() };
};
const reader = (on: FakeClickhouse) => ({ headers: as(on.reader.user, on.reader.password) });
const counted = async (on: FakeClickhouse, why: string): Promise<number> => {
  const text = await (await fetch(`${on.url}/metrics`)).text();
  const line = new RegExp(`^tollgate_clickhouse_refused_total\\{why="${why}"\\} (\\d+)$`, 'm');
  return Number(line.exec(text)?.[1] ?? 0);
};
const scratch = (on: FakeClickhouse) => {
  const directory = path.join(on.dataDir, 'clickhouse-scratch');
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return files.filter((name) => /\.(?:in|out)$/.test(name));
};

const endless = 'SELECT count() FROM numbers(1000000000000) WHERE number % 7 = 8';
/** Runs until its client hangs up: a reader may not sleep, and what burns the processor should not do so for long. */
const slowRead = (on: FakeClickhouse) => {
  const hungUp = new AbortController();
  const url = new URL(on.url);
  url.searchParams.set('max_threads', '1');
  const { signal } = hungUp;
  const ended = fetch(url, { method: 'POST', body: endless, ...reader(on), signal }).catch(
    () => {},
  );
  return async () => {
    hungUp.abort();
    await ended;
  };
};
const running = async (on: FakeClickhouse, count: number) => {
  const sql =
    "SELECT count() FROM system.processes WHERE query LIKE '% numbers(1000000000000)%' AND query NOT LIKE '%processes%'";
  while ((await post(on, sql)).text !== String(count)) await sleep(20);
};

/** A request whose body is announced and of which one byte is sent. */
const oneByte = async (on: FakeClickhouse, user: string, password: string) => {
  const socket = net.connect(on.port, '127.0.0.1');
  sockets.add(socket);
  const login = `X-ClickHouse-User: ${user}\r\nX-ClickHouse-Key: ${password}`;
  const head = `POST / HTTP/1.1\r\nHost: 127.0.0.1:${on.port}\r\n${login}\r\nContent-Length: 1000\r\n\r\nS`;
  let said = '';
  socket.setEncoding('latin1').on('data', (text) => {
    said += text;
  });
  socket.on('error', () => {});
  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => resolve(said));
  });
  await new Promise((resolve) => void socket.write(head, resolve));
  return closed;
};

test('sockets with one byte of a body each, more than there are slots, stop neither an insert nor a query', async () => {
  const it = await start({ TOLLGATE_CLICKHOUSE_MAX_SLOT_WAIT_MS: '2000' });
  await post(it, 'CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a');
  for (let i = 0; i < 40; i += 1) {
    void oneByte(it, it.reader.user, it.reader.password);
    void oneByte(it, it.user, it.password);
  }
  await sleep(200);
  const insert = await post(it, '1\n', { params: { query: 'INSERT INTO t FORMAT TSV' } });
  expect(insert).toMatchObject({ status: 200 });
  expect(await post(it, 'SELECT 1', reader(it))).toMatchObject({ text: '1' });
});

test('a body that comes too slowly is ended, and says so', async () => {
  const it = await start({ TOLLGATE_CLICKHOUSE_MAX_STALL_MS: '200' });
  const answer = await oneByte(it, it.user, it.password);
  expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  expect(answer).toContain('TOLLGATE_CLICKHOUSE_MIN_BYTES_PER_SECOND');
});

test('readers that take every slot of theirs are told to come back, and the writer is not kept waiting', async () => {
  const it = await start({
    TOLLGATE_CLICKHOUSE_MAX_QUERIES: '2',
    TOLLGATE_CLICKHOUSE_MAX_SLOT_WAIT_MS: '50',
  });
  const slow = [slowRead(it), slowRead(it)];
  await running(it, 2);
  const refused = await post(it, 'SELECT 1', reader(it));
  expect(refused).toMatchObject({ code: 202, retryAfter: '1' });
  const create = await post(it, 'CREATE TABLE t (a UInt32) ENGINE = Memory');
  expect(create.status).toBe(200);
  expect(await counted(it, 'reader_slots')).toBeGreaterThan(0);
  await Promise.all(slow.map((hangUp) => hangUp()));
});

test('a query that the engine ends for its memory is counted by that limit', async () => {
  const on = await start();
  expect(await counted(on, 'query_memory')).toBe(0);
  const sql = 'SELECT count() FROM (SELECT groupArray(number) FROM numbers(10000000))';
  const ended = await post(on, sql, { ...reader(on), params: { max_memory_usage: '1000000' } });
  expect(ended).toMatchObject({ code: 241 });
  expect(await counted(on, 'query_memory')).toBe(1);
});

test('queries of readers may together declare no more memory than is theirs', async () => {
  const it = await start({
    TOLLGATE_CLICKHOUSE_MAX_READERS_MEMORY_BYTES: '200000000',
    TOLLGATE_CLICKHOUSE_MAX_QUERY_MEMORY_BYTES: '200000000',
    TOLLGATE_CLICKHOUSE_MAX_SLOT_WAIT_MS: '50',
  });
  const hangUp = slowRead(it);
  await running(it, 1);
  expect((await post(it, 'SELECT 1', reader(it))).code).toBe(202);
  await hangUp();
  while ((await post(it, 'SELECT 1', reader(it))).code === 202) await sleep(20);
  expect((await post(it, 'SELECT 1', reader(it))).status).toBe(200);
  // One whose time is over gives it back too.
  const params = { max_execution_time: '0.2', max_threads: '1' };
  expect((await post(it, endless, { ...reader(it), params })).code).toBe(159);
  expect((await post(it, 'SELECT 1', reader(it))).status).toBe(200);
});

test('a result may take so much of the disk and no more, whatever the engine counts, and leaves nothing behind', async () => {
  const it = await start({ TOLLGATE_CLICKHOUSE_MAX_RESULT_BYTES: '3000000' });
  // Small in the engine, where a column holds it once; large as text.
  const wide = "SELECT toLowCardinality(repeat('x', 1000)) FROM numbers(1000000) FORMAT TSV";
  const answer = await post(it, wide, reader(it));
  expect(answer.code).toSatisfy((code: number) => code === 243 || code === 396);
  expect((await post(it, wide, { params: { max_result_bytes: '0' } })).code).toBe(243);
  expect(await counted(it, 'result_bytes')).toBeGreaterThan(0);
  expect(scratch(it)).toEqual([]);
});

test('a result that is fetched too slowly is cut off, and its room on the disk is free again', async () => {
  const it = await start({
    TOLLGATE_CLICKHOUSE_MAX_STALL_MS: '500',
    TOLLGATE_CLICKHOUSE_MIN_BYTES_PER_SECOND: '100000000',
  });
  const url = new URL(it.url);
  const headers = as(it.reader.user, it.reader.password);
  const request = http.request(url, { method: 'POST', headers });
  request.on('error', () => {});
  const response = new Promise<http.IncomingMessage>((resolve) => {
    request.once('response', resolve);
  });
  request.end('SELECT number FROM numbers(20000000)');
  const answer = await response;
  answer.on('error', () => {});
  answer.pause();
  while ((await counted(it, 'slow_reader')) === 0) await sleep(20);
  while (scratch(it).length > 0) await sleep(20);
  request.destroy();
});
