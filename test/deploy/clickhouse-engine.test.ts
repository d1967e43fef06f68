/** The engine's process: killed, replaced, orphaned, and what it can reach. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startEngineChild } from '../../deploy/local/src/clickhouse/engine-child.ts';
import { startClickhouse } from '../fakes/clickhouse.ts';
import type { FakeClickhouse, FakeClickhouseOptions } from '../fakes/clickhouse.ts';

let dataDir: string;
let server: FakeClickhouse | null = null;
beforeEach(() => {
  dataDir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-engine-'));
});
afterEach(async () => {
  await server?.stop();
  server = null;
  rmSync(dataDir, { recursive: true, force: true });
});

const start = async (env: FakeClickhouseOptions['env'] = {}) => {
  server = await startClickhouse({ dataDir, migrated: false, env });
  return server;
};
type Params = Readonly<Record<string, string>>;
const post = async (on: FakeClickhouse, body: string, params: Params = {}) => {
  const url = new URL(on.url);
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  const headers = { 'x-clickhouse-user': on.user, 'x-clickhouse-key': on.password };
  const response = await fetch(url, { method: 'POST', body, headers });
  return {
    status: response.status,
    text: (await response.text()).trim(),
    retryAfter: response.headers.get('retry-after'),
  };
};
const metric = async (on: FakeClickhouse, name: string): Promise<number> => {
  const text = await (await fetch(`${on.url}/metrics`)).text();
  return Number(new RegExp(`^tollgate_clickhouse_${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
};
const until = async (true_: () => Promise<boolean> | boolean) => {
  while (!(await true_())) await sleep(20);
};
const killEngine = async (on: FakeClickhouse) => {
  const pid = await metric(on, 'engine_pid');
  process.kill(pid, 'SIGKILL');
  await until(async () => (await metric(on, 'engine_pid')) !== pid);
};
const table = `CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a
  SETTINGS non_replicated_deduplication_window = 1000`;
const insert = (on: FakeClickhouse, row: number) =>
  post(on, `${row}\n`, {
    query: 'INSERT INTO t FORMAT TSV',
    insert_deduplication_token: `row-${row}`,
  });

/** Puts two rows in, which takes a second or two; returns while it runs. */
const startSlowInsert = async (on: FakeClickhouse) => {
  const query = 'INSERT INTO t SELECT number FROM numbers(2) WHERE sleep(1) = 0';
  const params = { query, insert_deduplication_token: 'slow' };
  const cut = post(on, '', params);
  const running = "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO t %'";
  await until(async () => (await post(on, running)).text === '1');
  return { cut, params };
};

test('an engine that is killed is started again, and requests wait for it', async () => {
  const it = await start();
  await post(it, table);
  for (let row = 0; row < 3; row += 1) {
    await killEngine(it);
    expect(await insert(it, row)).toMatchObject({ status: 200 });
    expect(await post(it, 'SELECT count() FROM t')).toMatchObject({ text: String(row + 1) });
  }
  expect(await metric(it, 'engine_crashes_total')).toBe(3);
});

test('what a killed engine was doing is answered with 503 and Retry-After, and a retry under the same token counts once', async () => {
  const it = await start();
  await post(it, table);
  const { cut, params } = await startSlowInsert(it);
  await killEngine(it);
  expect(await cut).toMatchObject({ status: 503, retryAfter: '1' });
  expect(await post(it, '', params)).toMatchObject({ status: 200 });
  expect(await post(it, 'SELECT count() FROM t')).toMatchObject({ text: '2' });
});

test('an engine is replaced after many failures without any caller noticing, and no insert is lost or doubled', async () => {
  const it = await start({ TOLLGATE_CLICKHOUSE_MAX_FAILURES: '10' });
  await post(it, table);
  const first = await metric(it, 'engine_pid');
  let [rows, over] = [0, false];
  const statuses = new Set<number>();
  const writing = (async () => {
    while (!over) {
      statuses.add((await insert(it, rows)).status);
      rows += 1;
      await sleep(5);
    }
  })();
  const reading = (async () => {
    while (!over) {
      statuses.add((await post(it, 'SELECT count() FROM t WHERE sleep(0.05) = 0')).status);
      await sleep(5);
    }
  })();
  for (let i = 0; i < 20; i += 1) {
    expect((await post(it, 'SELECT throwIf(number = 3) FROM numbers(10)')).status).toBe(500);
  }
  await until(async () => ![0, first].includes(await metric(it, 'engine_pid')));
  over = true;
  await Promise.all([writing, reading]);
  expect([...statuses]).toEqual([200]);
  expect((await post(it, 'SELECT count(), uniqExact(a) FROM t')).text).toBe(`${rows}\t${rows}`);
  expect(await metric(it, 'engine_starts_total')).toBe(2);
  expect(await metric(it, 'engine_crashes_total')).toBe(0);
});

test('a query whose client has hung up does not run on, however early that was', async () => {
  const it = await start();
  const endless = 'SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))';
  const url = new URL(it.url);
  const headers = { 'x-clickhouse-user': it.user, 'x-clickhouse-key': it.password };
  for (let hung = 0; hung < 12; hung += 1) {
    const signal = AbortSignal.timeout(1 + hung * 6);
    await fetch(url, { method: 'POST', body: endless, headers, signal }).catch(() => {});
  }
  const running =
    "SELECT count() FROM system.processes WHERE query LIKE '%sipHash64%' AND query NOT LIKE '%processes%'";
  await until(async () => (await post(it, running)).text === '0');
});

test('an engine that lives and says nothing is killed and started again: what it was doing is answered with 503, and at once tried again counts once', async () => {
  const it = await start({
    TOLLGATE_CLICKHOUSE_MAX_SILENT_MS: '10000',
    TOLLGATE_CLICKHOUSE_MAX_ENGINE_WAIT_MS: '120000',
  });
  await post(it, table);
  const pid = await metric(it, 'engine_pid');
  const { cut, params } = await startSlowInsert(it);
  process.kill(pid, 'SIGSTOP');
  const waiting = insert(it, 7);
  expect(await cut).toMatchObject({ status: 503, retryAfter: '1' });
  expect(await post(it, '', params)).toMatchObject({ status: 200 });
  // It had not begun.
  expect(await waiting).toMatchObject({ status: 200 });
  expect(await post(it, 'SELECT count() FROM t')).toMatchObject({ text: '3' });
  expect(await metric(it, 'engine_pid')).not.toBe(pid);
  expect(await metric(it, 'engine_silent_total')).toBe(1);
});

test('an engine whose front is killed lets its insert finish, and the next front waits for it', async () => {
  const it = await start();
  await post(it, table);
  const insertSlowly = 'INSERT INTO t SELECT number FROM numbers(4) WHERE sleepEachRow(0.5) = 0';
  void post(it, insertSlowly, { max_block_size: '1' }).catch(() => {});
  await until(async () => {
    const running = "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO t %'";
    return (await post(it, running)).text === '1';
  });
  await it.kill9();
  const next = await start();
  expect(await post(next, 'SELECT count() FROM t')).toMatchObject({ text: '4' });
});

test('the engine sees nothing of the environment', async ({ skip }) => {
  const it = await start({ OPENAI_API_KEY: 'canary-secret' });
  const file = `/proc/${await metric(it, 'engine_pid')}/environ`;
  if (!existsSync(file)) skip('no /proc');
  const entries = readFileSync(file, 'utf8').split('\0');
  const names = entries.map((entry) => entry.split('=')[0] ?? '');
  const allowed = ['', 'OPENSSL_CONF', 'TZ', 'UV_THREADPOOL_SIZE'];
  expect(names.filter((name) => !allowed.includes(name))).toEqual([]);
});

test('where the wall is up, whatever runs in the engine reaches no file but its own, no network and no program', async ({
  skip,
}) => {
  const [engineDir, scratchDir] = [path.join(dataDir, 'tables'), path.join(dataDir, 'scratch')];
  const emptyDir = path.join(scratchDir, 'empty');
  for (const directory of [engineDir, emptyDir]) mkdirSync(directory, { recursive: true });
  const limits = { memoryBytes: 4 * 1024 ** 3, temporaryBytes: 1024 ** 3 };
  const options = { ...limits, engineDir, scratchDir, emptyDir, threads: 8 };
  const started = await startEngineChild(options);
  if (started.kind !== 'serving') throw new Error(JSON.stringify(started));
  const { engine } = started;
  const listener = createServer((_request, response) => void response.end('canary-secret\n'));
  await new Promise<void>((resolve) => void listener.listen(0, '127.0.0.1', resolve));
  try {
    if (engine.wall !== 'up') skip(`no wall here: ${engine.wall}`);
    await engine.call({ do: 'open', connection: 1 });
    // Past every check of ours, with every right that the engine's own roles can give.
    const run = async (sql: string): Promise<string> => {
      try {
        const { base64 } = await engine.call({ do: 'read', connection: 1, sql, format: 'TSV' });
        return Buffer.from(base64, 'base64').toString('utf8');
      } catch (error) {
        return String(error);
      }
    };
    const canary = path.join(dataDir, 'canary.txt');
    writeFileSync(canary, 'canary-secret');
    expect(await run(`SELECT file('${canary}')`)).toContain('Permission denied');
    const link = path.join(engineDir, 'link');
    symlinkSync(canary, link);
    expect(await run(`SELECT file('${link}')`)).toContain('Permission denied');
    expect(await run(`SELECT file('/proc/${process.pid}/environ')`)).toContain('Permission denied');
    const address = listener.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const url = `SELECT * FROM url('http://127.0.0.1:${port}/', 'LineAsString') SETTINGS http_max_tries = 1`;
    expect(await run(url)).not.toContain('canary-secret');
    const planted = path.join(dataDir, 'planted');
    await run(`SELECT 1 INTO OUTFILE '${planted}' FORMAT TSV`);
    expect(existsSync(planted)).toBe(false);
    // What is its own it may still write and read.
    await run(`SELECT 'own' INTO OUTFILE '${path.join(scratchDir, 'own')}' FORMAT TSV`);
    expect(readFileSync(path.join(scratchDir, 'own'), 'utf8')).toBe('own\n');
  } finally {
    listener.close();
    engine.end();
    await engine.ended;
  }
});
