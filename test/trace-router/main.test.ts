import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { compileCache } from '../fakes/process.ts';
import { postTraces, requestOf, routerEntry, startRouter } from './router.ts';

const ports = {
  TOLLGATE_OTLP_GRPC_PORT: '0',
  TOLLGATE_OTLP_HTTP_PORT: '0',
  TOLLGATE_ROUTER_ADMIN_PORT: '0',
};

/** Runs to its end: exit code and what it said on stderr. */
const failing = async (env: Readonly<Record<string, string>>) => {
  const child = spawn(process.execPath, [routerEntry], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', ...compileCache, ...ports, ...env },
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code]: unknown[] = await once(child, 'close');
  return { code, lines: said.trim().split('\n') };
};

test('a taken port is one clear line naming it, and exit code 1', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = String(typeof address === 'object' ? address?.port : '');
  expect(await failing({ TOLLGATE_OTLP_HTTP_PORT: port })).toEqual({
    code: 1,
    lines: [`trace-router: port ${port} (TOLLGATE_OTLP_HTTP_PORT) on 127.0.0.1 is already in use`],
  });
  server.close();
});

test('a bad configuration is every problem with its place, and exit code 1', async () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-router-'));
  const file = path.join(dir, 'r.yaml');
  writeFileSync(file, 'sampler:\n  numTraces: many\nsned: {}\n');
  const { code, lines } = await failing({ TOLLGATE_ROUTER_CONFIG: file });
  expect(code).toBe(1);
  expect(lines.toSorted()).toEqual([
    `trace-router: ${file}:2:14: sampler.numTraces: must be a whole number, not 'many'`,
    `trace-router: ${file}:3:1: sned: unknown key 'sned'; did you mean 'send'?`,
  ]);
  rmSync(dir, { recursive: true });
});

test('--check says whether a file is good, without starting anything', async () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-router-'));
  const file = path.join(dir, 'r.yaml');
  const checked = async () => {
    const child = spawn(process.execPath, [routerEntry, '--check', file], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: process.env['PATH'] ?? '', ...compileCache, WAIT: '2s' },
    });
    const [out, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
    return { code, out };
  };
  writeFileSync(file, 'sampler: { decisionWait: "${WAIT}" }\n');
  const good = await checked();
  expect(good.out).toMatch(/^ok: .*r\.yaml [0-9a-f]{12}\n.* errors, slow, costly, rest\n$/);
  expect(good.code).toBe(0);
  writeFileSync(file, 'sampler: { decisionWait: "${WIAT}" }\nsned: {}\n');
  expect(await checked()).toEqual({
    code: 1,
    out: `${file}:1:26: sampler.decisionWait: environment variable WIAT is not set; set it, or write \${WIAT:-default}
${file}:2:1: sned: unknown key 'sned'; did you mean 'send'?
`,
  });
  rmSync(dir, { recursive: true });
});

test('bad ports and addresses in the environment are all named', async () => {
  const { code, lines } = await failing({
    TOLLGATE_OTLP_GRPC_PORT: '99999',
    TOLLGATE_ROUTER_ADMIN_PORT: 'x',
    TOLLGATE_CLICKHOUSE_URL: 'localhost',
  });
  expect(code).toBe(1);
  expect(lines.map((line) => line.split(/[ =]/)[1])).toEqual([
    'TOLLGATE_OTLP_GRPC_PORT',
    'TOLLGATE_ROUTER_ADMIN_PORT',
    'TOLLGATE_CLICKHOUSE_URL',
  ]);
});

test('it is live and ready once it listens, and lists its destination; unknown pages are 404', async () => {
  const router = await startRouter({});
  const status = async (page: string) => (await fetch(`${router.admin}${page}`)).status;
  expect(
    await Promise.all(['/health/live', '/health/ready', '/members', '/metrics', '/x'].map(status)),
  ).toEqual([200, 200, 200, 200, 404]);
  expect((await postTraces(router.http, Buffer.alloc(0))).status).toBe(200);
  expect(await router.stop()).toBe(0);
});

test('kept spans that cannot be written before the end are counted in the log, and the end comes in time', async () => {
  const router = await startRouter({ shutdown: { timeout: '300ms' } });
  expect(
    (
      await postTraces(
        router.http,
        requestOf([
          { trace: 1, span: 1 },
          { trace: 1, span: 2 },
        ]),
      )
    ).status,
  ).toBe(200);
  expect(await router.stop()).toBe(0);
  expect(router.output()).toContain('"spans":2');
  expect(router.output()).toContain('kept spans are lost');
});
