/** What stands in the way of a start is said in one line for each thing, and the exit code is 1. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway, twoProviders, type RunningGateway } from '../fakes/gateway.ts';
import { eventually } from '../fakes/journal.ts';
import { compileCache } from '../fakes/process.ts';
import { startOpenai } from '../fakes/openai.ts';

const entry = path.resolve(import.meta.dirname, '../../gateway/src/main.ts');
const dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-start-'));
const goodConfig = path.join(dir, 'good.yaml');
const secret = 'sk-that-must-not-be-printed';

beforeAll(() => {
  writeFileSync(goodConfig, 'providers:\n  openai: { apiKey: "${OPENAI_KEY}" }\n');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const spawnGateway = (env: Readonly<Record<string, string>>) => {
  const child = spawn(process.execPath, [entry], {
    cwd: dir,
    env: {
      PATH: process.env['PATH'] ?? '',
      ...compileCache,
      TOLLGATE_PORT: '0',
      TOLLGATE_DATA_DIR: path.join(dir, 'data'),
      TOLLGATE_CONFIG: goodConfig,
      TOLLGATE_CLICKHOUSE_URL: 'http://127.0.0.1:9',
      OPENAI_KEY: secret,
      ...env,
    },
  });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
  return { child, said, ended: once(child, 'close') };
};

/** Runs the gateway until it ends by itself. */
const failedStart = async (env: Readonly<Record<string, string>>) => {
  const { child, said, ended } = spawnGateway(env);
  try {
    await Promise.race([
      ended,
      eventually(() => said.out.includes('"ready"'), 'never', 60_000).then(() => {
        throw new Error('it started');
      }),
    ]);
  } finally {
    child.kill('SIGKILL');
  }
  expect(said.out + said.err).not.toContain(secret);
  expect(said.out).toBe('');
  return { code: child.exitCode, lines: said.err.trimEnd().split('\n') };
};

test('a port that is taken', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const { code, lines } = await failedStart({ TOLLGATE_PORT: String(port) });
  server.close();
  expect([code, lines]).toEqual([
    1,
    [`gateway: port ${port} on 127.0.0.1 is taken (TOLLGATE_PORT)`],
  ]);
});

test('a host that is not ours', async () => {
  const { code, lines } = await failedStart({ TOLLGATE_HOST: '192.0.2.1' });
  expect([code, lines.length]).toEqual([1, 1]);
  expect(lines[0]).toMatch(/^gateway: cannot listen on 192\.0\.2\.1:0: .*EADDRNOTAVAIL/);
});

test('a data directory that cannot be written', async () => {
  const file = path.join(dir, 'a-file');
  writeFileSync(file, '');
  const { code, lines } = await failedStart({ TOLLGATE_DATA_DIR: path.join(file, 'below') });
  expect([code, lines.length]).toEqual([1, 1]);
  expect(lines[0]).toMatch(
    /^gateway: the control store in .*a-file\/below cannot be used: .*ENOTDIR/,
  );
});

test('a data directory that another gateway works in; that one is not disturbed', async () => {
  const openai = await startOpenai();
  const running: RunningGateway = await startGateway({
    config: twoProviders(openai.origin, openai.origin),
  });
  try {
    const { code, lines } = await failedStart({
      TOLLGATE_DATA_DIR: running.dataDir,
      TOLLGATE_TAKE_OVER_TIMEOUT_MS: '100',
    });
    const held = `gateway: the ledger directory ${running.dataDir}/ledger is in use by another gateway`;
    expect([code, lines]).toEqual([
      1,
      [`${held}; waiting for it to end...`, `${held}, after 100 ms of waiting for it`],
    ]);
    const reply = await fetch(`${running.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${running.key}` },
      body: JSON.stringify({ model: 'gpt-x', messages: [{ role: 'user', content: 'x' }] }),
    });
    expect(reply.status).toBe(200);
    await reply.text();
  } finally {
    expect(await running.stop()).toBe(0);
    await openai.close();
  }
});

test('a gateway waits for one that is on its way out of the same data directory, and then starts', async () => {
  const openai = await startOpenai();
  const config = twoProviders(openai.origin, openai.origin);
  const first = await startGateway({ config });
  const second = spawnGateway({ TOLLGATE_DATA_DIR: first.dataDir });
  try {
    await eventually(
      () => second.said.err.includes('waiting for it to end...'),
      'it waits',
      60_000,
    );
    // Its shorter end: there is no ClickHouse to ship to.
    first.signal('SIGHUP');
    await eventually(() => second.said.out.includes('"ready"'), 'it starts', 60_000);
  } finally {
    second.child.kill('SIGKILL');
    await second.ended;
    await first.stop();
    await openai.close();
  }
});

test('a configuration file that is not there', async () => {
  const missing = path.join(dir, 'missing.yaml');
  const { code, lines } = await failedStart({ TOLLGATE_CONFIG: missing });
  expect([code, lines.length]).toEqual([1, 1]);
  expect(lines[0]).toContain(`${missing}:1:1: cannot read the configuration`);
});

test('everything wrong with a configuration at once, each with its place', async () => {
  const bad = path.join(dir, 'bad.yaml');
  writeFileSync(
    bad,
    [
      'providers:',
      '  openai: { apiKey: "${OPENAI_KEY}", timeouts: { total: soon } }',
      '  nobody: { use: nothing }',
      'models:',
      '  gpt-*: opanai',
      'limits: { body: lots, unknown: 1 }',
      'retry: { triesPerTarget: 0 }',
    ].join('\n'),
  );
  const { code, lines } = await failedStart({ TOLLGATE_CONFIG: bad });
  expect(code).toBe(1);
  const places = lines.map((line) => /bad\.yaml:(\d+):\d+: (\S+): /.exec(line)?.slice(1));
  expect(places).toEqual([
    ['2', 'providers.openai.timeouts.total'],
    ['3', 'providers.nobody.use'],
    ['5', 'models.gpt-*'],
    ['6', 'limits.body'],
    ['6', 'limits.unknown'],
    ['7', 'retry.triesPerTarget'],
  ]);
});

test('everything wrong with the environment at once', async () => {
  const { code, lines } = await failedStart({
    TOLLGATE_PORT: 'http',
    TOLLGATE_CLICKHOUSE_URL: 'nowhere',
    TOLLGATE_REPLICA: 'a b',
    TOLLGATE_TAKE_OVER_TIMEOUT_MS: '1s',
  });
  expect(code).toBe(1);
  expect(
    lines
      .map((line) => /^gateway: (TOLLGATE_\w+) must/.exec(line)?.[1] ?? line)
      .toSorted((a, b) => a.localeCompare(b)),
  ).toEqual([
    'TOLLGATE_CLICKHOUSE_URL',
    'TOLLGATE_PORT',
    'TOLLGATE_REPLICA',
    'TOLLGATE_TAKE_OVER_TIMEOUT_MS',
  ]);
});
