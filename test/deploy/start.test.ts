import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { credentialVariables } from '../../gateway/src/contract/credentials.ts';
import type { Part } from '../../deploy/local/src/parts.ts';
import { supervise } from '../../deploy/local/src/supervisor.ts';
import { freePort } from '../fakes/ports.ts';

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
const somePorts: Record<string, string> = {};
beforeAll(async () => {
  // oxfmt-ignore
  for (const name of ['PORT', 'CLICKHOUSE_PORT', 'OTLP_GRPC_PORT', 'OTLP_HTTP_PORT', 'ROUTER_ADMIN_PORT'])
    somePorts[`TOLLGATE_${name}`] = String(await freePort());
});

/** What a user may have in the environment, each of them a secret. */
const canaries = Object.fromEntries(
  // oxfmt-ignore
  ['SOME_API_KEY', 'OPENAI_API_KEY', 'SHOP_CHECKOUT_KEY', 'AWS_SECRET_ACCESS_KEY', 'OTEL_EXPORTER_OTLP_HEADERS', 'TOLLGATE_CLICKHOUSE_PASSWORD'].map(
    (name) => [name, `canary-${name.toLowerCase()}`],
  ),
);

/** All processes below one, as the kernel knows them. */
const descendants = (pid: number): readonly number[] => {
  const below = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  const children = below === '' ? [] : below.split(' ').map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
};

/** The letter by which the kernel says what a process does; null: there is none. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const stateOf = (pid: string | undefined): string | null => {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] ?? null;
  } catch {
    return null;
  }
};

const run = (env: Record<string, string> = {}, entry = script) => {
  writeFileSync(path.join(dir, 'journal'), '', { flag: 'a' });
  const child = spawn(process.execPath, [entry], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      ...somePorts,
      TOLLGATE_DATA_DIR: path.join(dir, 'data'),
      STUB_JOURNAL: path.join(dir, 'journal'),
      ...canaries,
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
  const it = run({ STUB_REAL_CLICKHOUSE: '1' });
  await it.ready();
  const [, gateway] = /gateway +(http:\/\/\S+)/.exec(it.said.out) ?? [];
  const [, clickhouse] = /ClickHouse +(http:\/\/\S+)/.exec(it.said.out) ?? [];
  const [, demo] = /demo key +(tg-demo-[\w-]{43}) /.exec(it.said.out) ?? [];
  const [, master] = /master key +(tg-master-[\w-]{43}) /.exec(it.said.out) ?? [];
  // What the text tells the reader to try works.
  // An account at a vendor is in the environment: there is a key for its models.
  const [, caller] = /caller key +(tg-caller-[\w-]{43}) /.exec(it.said.out) ?? [];
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
    TOLLGATE_CALLER_KEY: caller,
    ...canaries,
    TOLLGATE_OTLP_ENDPOINT: expect.stringMatching(/^http:\/\/127\.0\.0\.1:[1-9]\d+$/),
  });
  const [, admin] = /; (http:\/\/\S+) \(metrics/.exec(it.said.out) ?? [];
  const routerEnv: unknown = await (await fetch(`${admin}/env`)).json();
  expect(routerEnv).not.toHaveProperty('TOLLGATE_MASTER_KEY');
  expect(routerEnv).not.toHaveProperty('SOME_API_KEY');
  expect(routerEnv).toMatchObject({
    TOLLGATE_CLICKHOUSE_PASSWORD: canaries['TOLLGATE_CLICKHOUSE_PASSWORD'],
  });
  const keys = path.join(dir, 'data/keys');
  expect(statSync(keys).mode & 0o777).toBe(0o700);
  expect(readdirSync(keys).toSorted()).toEqual(
    ['caller', 'demo', 'master', 'reader'].map((name) => `${name}.key`),
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
  expect(again.said.out).not.toContain('tg-caller-');
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

test('a data directory that is a file is said to be none', async () => {
  const file = path.join(dir, 'file');
  writeFileSync(file, '');
  const it = run({ TOLLGATE_DATA_DIR: file }, real);
  expect(await it.ended).toBe(1);
  expect(it.said.err).toMatch(/^tollgate: the data directory \S+\/file cannot be written: E\w+/);
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

test('a second instance on the same data directory is refused, the first is not disturbed, and no process of it shows a secret in its environment', async () => {
  const first = run();
  await first.ready();
  const second = run();
  expect(await second.ended).toBe(1);
  expect(second.said.err).toBe(
    `tollgate: the data directory ${path.join(dir, 'data')} is in use by another start (pid ${first.child.pid}); set TOLLGATE_DATA_DIR\n`,
  );
  const pids = descendants(first.child.pid ?? 0);
  expect(pids.length).toBeGreaterThanOrEqual(3);
  const keys = path.join(dir, 'data/keys');
  const secrets = [
    ...Object.values(canaries),
    ...readdirSync(keys).map((file) => readFileSync(path.join(keys, file), 'utf8').trim()),
  ];
  for (const pid of pids) {
    for (const file of ['environ', 'cmdline']) {
      const shown = readFileSync(`/proc/${pid}/${file}`, 'utf8');
      expect(secrets.filter((secret) => shown.includes(secret))).toEqual([]);
    }
  }
  first.child.kill('SIGTERM');
  expect(await first.ended).toBe(0);
});

const release = () => path.join(dir, 'release');
const lingering = () => ({ STUB_HOLD_PART: 'gateway', STUB_RELEASE: release() });
const pidOf = (name: string) =>
  journal()
    .findLast((line) => line.startsWith(`${name} up `))
    ?.split(' ')[2];

test('a start waits for what is left of one that was killed, and for one that is stopping, and says so; what does not end in time is named', async () => {
  const first = run(lingering());
  await first.ready();
  const gateway = pidOf('gateway');
  first.child.kill('SIGKILL');
  const hurried = run({ TOLLGATE_TAKE_OVER_TIMEOUT_MS: '100' });
  expect(await hurried.ended).toBe(1);
  expect(hurried.said.err).toContain(
    `tollgate: the gateway of an earlier start (pid ${gateway}) still runs in ${path.join(dir, 'data')} after 100 ms (TOLLGATE_TAKE_OVER_TIMEOUT_MS)`,
  );

  const second = run(lingering());
  await second.until(() => second.said.err.includes('waiting for the gateway'));
  await second.until(() => journal().includes('gateway told to stop'));
  writeFileSync(release(), '');
  await second.ready();
  expect(second.said.err).toContain(
    `waiting for the gateway of an earlier start to end (pid ${gateway})...\n`,
  );

  rmSync(release());
  const toldToStop = () => journal().filter((line) => line === 'gateway told to stop').length;
  second.child.kill('SIGTERM');
  await second.until(() => toldToStop() === 2);
  const third = run();
  await third.until(() =>
    third.said.err.includes(`waiting for an earlier start to end (pid ${second.child.pid})...\n`),
  );
  writeFileSync(release(), '');
  expect(await second.ended).toBe(0);
  await third.ready();
  third.child.kill('SIGTERM');
  expect(await third.ended).toBe(0);
});

test('a killed starter that nobody has reaped is no obstacle', async () => {
  writeFileSync(path.join(dir, 'journal'), '');
  // The shell becomes a `sleep`, which does not ask how its child ended: the child stays a zombie.
  const parent = spawn(
    'sh',
    ['-c', '"$0" "$1" > /dev/null & exec sleep 600', process.execPath, script],
    {
      stdio: 'ignore',
      env: {
        ...process.env,
        ...somePorts,
        TOLLGATE_DATA_DIR: path.join(dir, 'data'),
        STUB_JOURNAL: path.join(dir, 'journal'),
      },
    },
  );
  children.push(parent);
  while (pidOf('gateway') === undefined) await sleep(20);
  const [starter = 0] = descendants(parent.pid ?? 0);
  process.kill(starter, 'SIGKILL');
  while (stateOf(String(starter)) !== 'Z') await sleep(20);
  const second = run();
  await second.ready();
  expect(stateOf(String(starter))).toBe('Z');
  second.child.kill('SIGTERM');
  expect(await second.ended).toBe(0);
});

test('a part that cannot start stops everything; its last line is named', async () => {
  const it = run({ STUB_FAIL_PART: 'gateway' });
  expect(await it.ended).toBe(1);
  expect(it.said.err.trim().split('\n').at(-1)).toBe(
    'tollgate: gateway stopped at start (exit 3: port 1 is already taken)',
  );
  expect(journal().at(-1)).toBe('clickhouse stopped');
  expect(it.said.out).toBe('');
});

test('without an account at a vendor there is no key beside the demo; a second signal kills a part that does not stop', async () => {
  const none = Object.fromEntries(credentialVariables.map((name) => [name, '']));
  const it = run({ ...none, STUB_STUBBORN_PART: 'gateway' });
  await it.ready();
  expect(it.said.out).not.toContain('caller key');
  it.child.kill('SIGTERM');
  await it.until(() => journal().includes('gateway told to stop'));
  it.child.kill('SIGTERM');
  expect(await it.ended).toBe(1);
  expect(it.said.err).toContain('tollgate: killed before every part had stopped');
});

test('a part that crashes is started again, for ever, and the others are left alone', async () => {
  const it = run();
  await it.ready();
  const [, admin] = /; (http:\/\/\S+) \(metrics/.exec(it.said.out) ?? [];
  const [, gateway] = /gateway +(http:\/\/\S+)/.exec(it.said.out) ?? [];
  await fetch(`${gateway}/crash`).catch(() => {});
  await it.until(() => it.said.err.includes('gateway is ready again'));
  expect(it.said.err).toContain(
    'gateway crashed (exit 7); no call is served; starting it again in 500 ms',
  );
  expect(journal().filter((line) => line.startsWith('gateway up'))).toHaveLength(2);

  const gatewayPid = pidOf('gateway');
  const readyAgain = () => it.said.err.split('trace-router is ready again').length - 1;
  for (let crashes = 0; crashes < 3; crashes += 1) {
    await it.until(() => readyAgain() === crashes);
    await fetch(`${admin}/crash`).catch(() => {});
  }
  await it.until(() => readyAgain() === 3);
  expect(it.said.err).toContain('trace-router crashed (exit 7); calls are served');
  expect(it.said.err).toMatch(
    /trace-router crashed \(exit 7\), for the 3\. time in a row;.* in 2000 ms/,
  );
  expect((await fetch(`${gateway}/health/ready`)).status).toBe(200);
  expect(pidOf('gateway')).toBe(gatewayPid);
  it.child.kill('SIGTERM');
  expect(await it.ended).toBe(0);
});

test('the pauses between restarts double up to a limit, and six crashes a minute end nothing', async () => {
  const journalFile = path.join(dir, 'journal');
  writeFileSync(journalFile, '');
  const part: Part = {
    name: 'stub',
    entry: stub,
    engineFlags: [],
    env: { PATH: process.env['PATH'] ?? '' },
    handed: { STUB_NAME: 'stub', STUB_PORT: '0', STUB_JOURNAL: journalFile },
    lock: path.join(dir, 'stub.lock'),
    readyUrl: 'http://127.0.0.1:9/',
    meanwhile: 'nothing is served',
    afterReady: null,
  };
  const lines: string[] = [];
  const options = { startMs: 30_000, stopMs: 5000, write: (line: string) => lines.push(line) };
  const never = supervise([{ ...part, handed: { ...part.handed, STUB_FAIL: 'no' } }], {
    ...options,
    onStop: () => {},
  });
  // Before its first readiness a part that ends ends the start.
  await expect(never.start()).rejects.toThrow('stub stopped at start (exit 3: no)');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const it = supervise(
    [{ ...part, readyUrl: url, handed: { ...part.handed, STUB_PORT: String(port) } }],
    { ...options, onStop: () => {}, backoffMs: 1, maxBackoffMs: 4 },
  );
  await it.start();
  const readyAgain = () => lines.filter((line) => line === 'stub is ready again').length;
  for (let crashes = 0; crashes < 7; crashes += 1) {
    while (readyAgain() < crashes) await sleep(20);
    await fetch(`${url}crash`).catch(() => {});
  }
  while (readyAgain() < 7) await sleep(20);
  const pauses = lines.flatMap((line) => / again in (\d+) ms$/.exec(line)?.[1] ?? []);
  expect(pauses).toEqual(['1', '2', '4', '4', '4', '4', '4']);
  await it.stop();
});
