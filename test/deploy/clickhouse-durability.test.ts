import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startClickhouse } from '../fakes/clickhouse.ts';
import type { FakeClickhouse } from '../fakes/clickhouse.ts';
import { freePort } from '../fakes/ports.ts';

let dataDir: string;
let server: FakeClickhouse | null = null;
beforeEach(() => {
  dataDir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-durable-'));
});
afterEach(async () => {
  await server?.stop();
  server = null;
  rmSync(dataDir, { recursive: true, force: true });
});

const start = async (port = 0) => {
  server = await startClickhouse({ dataDir, migrated: false, port });
  return server;
};
const post = async (on: FakeClickhouse, body: string, params: Record<string, string> = {}) => {
  const url = new URL(on.url);
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  const headers = { 'x-clickhouse-user': on.user, 'x-clickhouse-key': on.password };
  const response = await fetch(url, { method: 'POST', body, headers });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text.trim();
};
const table = `CREATE TABLE t (a UInt32, b String) ENGINE = MergeTree ORDER BY a
  SETTINGS non_replicated_deduplication_window = 100`;
const insert = (on: FakeClickhouse, body: string, token: string) =>
  post(on, body, { query: 'INSERT INTO t FORMAT TSV', insert_deduplication_token: token });

test('an acknowledged insert survives kill -9, and its token is still known afterwards', async () => {
  const port = await freePort();
  let it = await start(port);
  await post(it, table);
  for (let round = 0; round < 3; round += 1) {
    await insert(it, `${round}\tx\n`, `round-${round}`);
    await it.kill9();
    it = await start(port);
    expect(await post(it, 'SELECT count() FROM t')).toBe(String(round + 1));
    await insert(it, `${round}\tx\n`, `round-${round}`);
  }
  expect(await post(it, 'SELECT groupArray(a) FROM (SELECT a FROM t ORDER BY a)')).toBe('[0,1,2]');
});

test('one insert is one block: 18 MB under one token arrive once, however they are parsed', async () => {
  const it = await start();
  await post(it, table);
  const body = Array.from({ length: 300_000 }, (_, i) => `${i}\t${'x'.repeat(50)}\n`).join('');
  const params = { query: 'INSERT INTO t FORMAT TSV', insert_deduplication_token: 'big' };
  await post(it, body, params);
  await post(it, body, { ...params, input_format_parallel_parsing: '1', max_threads: '4' });
  expect(await post(it, 'SELECT count() FROM t')).toBe('300000');
  const [first = '', ...rest] = body.split('\n');
  await insert(it, `${rest.join('\n')}${first}\n`, 'big');
  expect(await post(it, 'SELECT count() FROM t')).toBe('300000');
});

test('SIGTERM lets a running query finish', async () => {
  const it = await start();
  const slow = 'SELECT sum(sleepEachRow(1)) FROM numbers(8)';
  const answer = post(it, slow, { max_block_size: '1', log_comment: 'slow' });
  while (
    (await post(
      it,
      "SELECT count() FROM system.processes WHERE Settings['log_comment'] LIKE '% slow'",
    )) !== '1'
  );
  const [text, exit] = await Promise.all([answer, it.stop()]);
  expect([text, exit]).toEqual(['0', 0]);
  server = null;
});

test('SIGTERM cancels a query that outlasts the time to drain', async () => {
  server = await startClickhouse({
    dataDir,
    migrated: false,
    env: { TOLLGATE_CLICKHOUSE_DRAIN_MS: '100' },
  });
  const it = server;
  const endless = 'SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))';
  const answer = post(it, endless, { log_comment: 'endless' }).catch((error: unknown) => error);
  const running =
    "SELECT count() FROM system.processes WHERE Settings['log_comment'] LIKE '% endless'";
  while ((await post(it, running)) !== '1');
  expect(await it.stop()).toBe(0);
  expect(String(await answer)).toContain('QUERY_WAS_CANCELLED');
  server = null;
});

test('a paused server answers when it goes on', async () => {
  const it = await start();
  it.pause();
  const answer = post(it, 'SELECT 1');
  it.resume();
  expect(await answer).toBe('1');
});

const entry = path.resolve(import.meta.dirname, '../../deploy/local/src/clickhouse/main.ts');
const failing = async (env: Record<string, string>) => {
  const child = spawn(process.execPath, [entry], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  await once(child, 'close');
  return [child.exitCode, said];
};

test('a start that cannot be is one clear line and exit code 1', async () => {
  const it = await start();
  const file = path.join(dataDir, 'file');
  writeFileSync(file, '');
  const other = path.join(dataDir, 'other');
  const [held, words] = await failing({
    TOLLGATE_DATA_DIR: dataDir,
    TOLLGATE_CLICKHOUSE_PORT: '0',
    TOLLGATE_CLICKHOUSE_MAX_HELD_MS: '1',
  });
  expect(held).toBe(1);
  const inUse = `clickhouse: ${path.join(dataDir, 'clickhouse')} is in use`;
  expect(String(words).trim().split('\n').at(-1)).toContain(inUse);
  expect(
    await failing({ TOLLGATE_DATA_DIR: other, TOLLGATE_CLICKHOUSE_PORT: String(it.port) }),
  ).toEqual([
    1,
    `clickhouse: port ${it.port} on 127.0.0.1 is already taken; set TOLLGATE_CLICKHOUSE_PORT\n`,
  ]);
  const [code, said] = await failing({ TOLLGATE_DATA_DIR: path.join(file, 'x') });
  expect(code).toBe(1);
  expect(said).toMatch(/^clickhouse: the data directory \S+ cannot be written: ENOTDIR[^\n]*\n$/);
  expect(
    await failing({ TOLLGATE_DATA_DIR: other, TOLLGATE_CLICKHOUSE_MAX_QUERIES: 'many' }),
  ).toEqual([
    1,
    "clickhouse: TOLLGATE_CLICKHOUSE_MAX_QUERIES is 'many'; a positive whole number is needed\n",
  ]);
});
