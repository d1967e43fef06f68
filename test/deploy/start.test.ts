import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { supervise } from '../../deploy/local/src/supervisor.ts';

const script = fileURLToPath(new URL('./stubs/start.ts', import.meta.url));
const real = path.resolve(import.meta.dirname, '../../deploy/local/src/main.ts');
const stub = fileURLToPath(new URL('./stubs/part.ts', import.meta.url));

let dir: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-start-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
});

const journal = () => readFileSync(path.join(dir, 'journal'), 'utf8').trim().split('\n');
const anyPort = Object.fromEntries(
  ['PORT', 'CLICKHOUSE_PORT', 'OTLP_GRPC_PORT', 'OTLP_HTTP_PORT', 'ROUTER_ADMIN_PORT'].map(
    (name) => [`TOLLGATE_${name}`, '0'],
  ),
);

const run = (env: Record<string, string> = {}, entry = script) => {
  writeFileSync(path.join(dir, 'journal'), '', { flag: 'a' });
  const child = spawn(process.execPath, [entry], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      ...anyPort,
      TOLLGATE_DATA_DIR: path.join(dir, 'data'),
      STUB_JOURNAL: path.join(dir, 'journal'),
      SOME_API_KEY: 'sk-secret',
      ...env,
    },
  });
  children.push(child);
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
  const ended = once(child, 'close').then(() => child.exitCode);
  const until = async (done: () => boolean) => {
    while (!done()) {
      if (child.exitCode !== null) throw new Error(`ended early: ${said.err}`);
      await sleep(20);
    }
  };
  const ready = () => until(() => said.out.endsWith('\nready\n'));
  return { child, said, ended, until, ready };
};

test('the parts start in order, `ready` is the last line, and SIGTERM stops them in the opposite order', async () => {
  const it = run();
  await it.ready();
  const [, gateway] = /gateway +(http:\/\/\S+)/.exec(it.said.out) ?? [];
  const [, clickhouse] = /ClickHouse +(http:\/\/\S+)/.exec(it.said.out) ?? [];
  const [, demo] = /demo key +(tg-demo-[\w-]{43})\n/.exec(it.said.out) ?? [];
  const [, master] = /master key +(tg-master-[\w-]{43}) /.exec(it.said.out) ?? [];
  // What the text tells the reader to try works.
  const [, reader] = /reader +(tg-reader-[\w-]{43}) /.exec(it.said.out) ?? [];
  expect(it.said.out).toContain(`curl ${clickhouse} -u "reader:${reader}" -d `);
  const answer = await fetch(`${clickhouse}`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`reader:${reader}`)}` },
    body: 'SELECT count() FROM tollgate.calls',
  });
  expect(await answer.text()).toBe('0\n');
  const env: unknown = await (await fetch(`${gateway}/env`)).json();
  expect(env).toMatchObject({
    TOLLGATE_CLICKHOUSE_URL: clickhouse,
    TOLLGATE_CLICKHOUSE_USER: 'tollgate',
    TOLLGATE_MASTER_KEY: master,
    TOLLGATE_DEMO_KEY: demo,
    SOME_API_KEY: 'sk-secret',
    TOLLGATE_OTLP_ENDPOINT: expect.stringMatching(/^http:\/\/127\.0\.0\.1:[1-9]\d+$/),
  });
  const [, admin] = /; (http:\/\/\S+) \(metrics/.exec(it.said.out) ?? [];
  const routerEnv: unknown = await (await fetch(`${admin}/env`)).json();
  expect(routerEnv).not.toHaveProperty('TOLLGATE_MASTER_KEY');
  expect(routerEnv).not.toHaveProperty('SOME_API_KEY');
  const keys = path.join(dir, 'data/keys');
  expect(statSync(keys).mode & 0o777).toBe(0o700);
  expect(readdirSync(keys).toSorted()).toEqual(
    ['demo', 'master', 'reader', 'writer'].map((name) => `${name}.key`),
  );
  for (const file of readdirSync(keys)) {
    expect(statSync(path.join(keys, file)).mode & 0o777).toBe(0o600);
  }
  it.child.kill('SIGTERM');
  expect(await it.ended).toBe(0);
  expect(journal().map((line) => line.replace(/up \d+/, 'up'))).toEqual([
    'trace-router up',
    'gateway up',
    'gateway told to stop',
    'gateway stopped',
    'trace-router told to stop',
    'trace-router stopped',
  ]);
  await expect(fetch(`${clickhouse}/ping`)).rejects.toThrow('fetch failed');

  // A second start keeps the keys, and does not show the administrator's again.
  const again = run();
  await again.ready();
  expect(again.said.out).toContain(`demo key     ${demo}`);
  expect(again.said.out).not.toContain('tg-master-');
  expect(again.said.out).not.toContain('tg-reader-');
  expect(again.said.out).toContain(`-u "reader:$(cat '${path.join(keys, 'reader.key')}')" -d `);
  again.child.kill('SIGINT');
  expect(await again.ended).toBe(0);
});

test('a port that is taken is one clear line and exit code 1, and nothing was spawned', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const address = other.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const it = run({ TOLLGATE_PORT: String(port) }, real);
  expect(await it.ended).toBe(1);
  expect(it.said.err).toBe(
    `tollgate: port ${port} on 127.0.0.1 is already taken; set TOLLGATE_PORT\n`,
  );
  expect(it.said.out).toBe('');
  other.close();
});

test('a data directory that cannot be written is one clear line and exit code 1', async () => {
  const file = path.join(dir, 'file');
  writeFileSync(file, '');
  const it = run({ TOLLGATE_DATA_DIR: path.join(file, 'data') }, real);
  expect(await it.ended).toBe(1);
  expect(it.said.err).toMatch(
    /^tollgate: the data directory \S+ cannot be written: ENOTDIR[^\n]*\n$/,
  );
});

test('bad settings are all named at once', async () => {
  const it = run(
    {
      TOLLGATE_PORT: 'x',
      TOLLGATE_CLICKHOUSE_PORT: '70000',
      TOLLGATE_OTLP_HTTP_PORT: '5000',
      TOLLGATE_ROUTER_ADMIN_PORT: '5000',
    },
    real,
  );
  expect(await it.ended).toBe(1);
  expect(it.said.err.trim().split('\n')).toEqual([
    "tollgate: TOLLGATE_PORT is 'x'; a whole number from 0 to 65535 is needed",
    "tollgate: TOLLGATE_CLICKHOUSE_PORT is '70000'; a whole number from 0 to 65535 is needed",
    'tollgate: TOLLGATE_OTLP_HTTP_PORT and TOLLGATE_ROUTER_ADMIN_PORT are both 5000',
  ]);
});

test('a second instance on the same data directory is refused; a crashed one is no obstacle', async () => {
  const first = run();
  await first.ready();
  const second = run();
  expect(await second.ended).toBe(1);
  expect(second.said.err).toBe(
    `tollgate: the data directory ${path.join(dir, 'data')} is in use by process ${first.child.pid}; set TOLLGATE_DATA_DIR\n`,
  );
  // The supervisor is killed without a chance to clean up: its parts notice and stop by themselves.
  first.child.kill('SIGKILL');
  const [, clickhouse] = /ClickHouse +(http:\/\/\S+)/.exec(first.said.out) ?? [];
  for (let up = true; up;) {
    up = await fetch(`${clickhouse}/ping`).then(
      () => true,
      () => false,
    );
    await sleep(20);
  }
  while (journal().filter((line) => line.endsWith(' stopped')).length < 2) await sleep(20);
  const third = run();
  await third.ready();
  third.child.kill('SIGTERM');
  expect(await third.ended).toBe(0);
});

test('a part that cannot start stops everything; its last line is named', async () => {
  const it = run({ STUB_FAIL_PART: 'gateway' });
  expect(await it.ended).toBe(1);
  expect(it.said.err.trim().split('\n').at(-1)).toBe(
    'tollgate: gateway stopped at start (exit 3: port 1 is already taken)',
  );
  expect(journal().at(-1)).toBe('trace-router stopped');
  expect(it.said.out).toBe('');
});

test('a part that crashes later is started again', async () => {
  const it = run();
  await it.ready();
  const [, gateway] = /gateway +(http:\/\/\S+)/.exec(it.said.out) ?? [];
  await fetch(`${gateway}/crash`).catch(() => {});
  await it.until(() => it.said.err.includes('gateway is ready again'));
  expect(it.said.err).toContain('gateway crashed (exit 7); starting it again in 500 ms');
  expect(journal().filter((line) => line.startsWith('gateway up'))).toHaveLength(2);
  it.child.kill('SIGTERM');
  expect(await it.ended).toBe(0);
});

test('a second signal kills a part that does not stop', async () => {
  const it = run({ STUB_STUBBORN_PART: 'gateway' });
  await it.ready();
  it.child.kill('SIGTERM');
  await it.until(() => journal().includes('gateway told to stop'));
  it.child.kill('SIGTERM');
  expect(await it.ended).toBe(1);
  expect(it.said.err).toContain('tollgate: killed before every part had stopped');
});

test('a part that crashes again and again ends everything', async () => {
  const spare = createServer().listen(0, '127.0.0.1');
  await once(spare, 'listening');
  const address = spare.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  await new Promise((resolve) => void spare.close(resolve));
  writeFileSync(path.join(dir, 'journal'), '');
  const part = {
    name: 'stub',
    entry: stub,
    engineFlags: [],
    env: {
      ...process.env,
      STUB_NAME: 'stub',
      STUB_PORT: String(port),
      STUB_JOURNAL: path.join(dir, 'journal'),
    },
    readyUrl: `http://127.0.0.1:${port}/`,
    afterReady: null,
  };
  const lines: string[] = [];
  const it = supervise([part], {
    startMs: 30_000,
    stopMs: 5000,
    maxRestarts: 2,
    backoffMs: 1,
    write: (line) => lines.push(line),
  });
  await it.start();
  const readyAgain = () => lines.filter((line) => line === 'stub is ready again').length;
  for (let crashes = 0; crashes < 3; crashes += 1) {
    while (readyAgain() < crashes) await sleep(20);
    await fetch(`${part.readyUrl}crash`).catch(() => {});
  }
  expect(await it.failed).toBe('stub crashed 3 times within 60 s (exit 7)');
  expect(readyAgain()).toBe(2);
});
