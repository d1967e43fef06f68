/** One table of requests against every HTTP listener that ships: what a web page can cause is refused, alike everywhere. */
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { documentedVariables, partNames } from '../../deploy/local/src/environment.ts';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import { startGateway, testKey, type RunningGateway } from '../fakes/gateway.ts';
import { startProgram, type Program } from '../fakes/process.ts';
import { routerEntry } from '../trace-router/router.ts';

const hosts = { TOLLGATE_HOSTS: 'ai.example.org, boards.example.org:8443' };

let clickhouse: FakeClickhouse;
let router: Program;
let gateway: RunningGateway;
beforeAll(async () => {
  clickhouse = await startClickhouse({ migrated: false, env: hosts });
  router = await startProgram(routerEntry, {
    ...hosts,
    TOLLGATE_OTLP_GRPC_PORT: '0',
    TOLLGATE_OTLP_HTTP_PORT: '0',
    TOLLGATE_ROUTER_ADMIN_PORT: '0',
    TOLLGATE_CLICKHOUSE_URL: clickhouse.url,
  });
  gateway = await startGateway({ config: 'providers: { demo: {} }', env: hosts });
});
afterAll(async () => {
  await gateway?.stop();
  await router?.stop();
  await clickhouse?.stop();
});

type Listener = 'gateway' | 'otlp' | 'admin' | 'clickhouse';
const portOf = (listener: Listener): number => {
  switch (listener) {
    case 'gateway':
      return Number(new URL(gateway.url).port);
    case 'otlp':
      return Number(router.ready['httpPort']);
    case 'admin':
      return Number(router.ready['adminPort']);
    case 'clickhouse':
      return clickhouse.port;
  }
};

/** What each listener serves when nothing is foreign, and how it answers then. */
interface Probe {
  readonly listener: Listener;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: readonly string[];
  readonly body?: string;
  readonly status: number;
}
const json = 'content-type: application/json';
const writer = ['x-clickhouse-user: tollgate', 'x-clickhouse-key: test-writer'];
// oxfmt-ignore
const probes: readonly Probe[] = [
  { listener: 'gateway', method: 'GET', path: '/health/live', status: 200 },
  { listener: 'gateway', method: 'GET', path: '/health/ready', status: 200 },
  { listener: 'gateway', method: 'GET', path: '/metrics', status: 200 },
  { listener: 'gateway', method: 'GET', path: '/v1/models', headers: [`authorization: Bearer ${testKey}`], status: 200 },
  { listener: 'gateway', method: 'GET', path: '/nowhere', status: 404 },
  { listener: 'gateway', method: 'GET', path: '/%zz', status: 404 },
  { listener: 'gateway', method: 'POST', path: '/v1/chat/completions', headers: [json, `authorization: Bearer ${testKey}`], body: '{"model":"none"}', status: 400 },
  { listener: 'gateway', method: 'POST', path: '/v1/messages', headers: [json], body: '{}', status: 401 },
  { listener: 'otlp', method: 'POST', path: '/v1/traces', headers: [json], body: '{}', status: 200 },
  { listener: 'otlp', method: 'GET', path: '/nowhere', status: 404 },
  { listener: 'admin', method: 'GET', path: '/metrics', status: 200 },
  { listener: 'admin', method: 'GET', path: '/members', status: 200 },
  { listener: 'admin', method: 'GET', path: '/nowhere', status: 404 },
  { listener: 'clickhouse', method: 'GET', path: '/ping', status: 200 },
  { listener: 'clickhouse', method: 'GET', path: '/', status: 200 },
  { listener: 'clickhouse', method: 'GET', path: '/nowhere', status: 404 },
  { listener: 'clickhouse', method: 'POST', path: '/', headers: writer, body: 'SELECT 1', status: 200 },
];

/** A request's head as it differs from a plain one; `PORT` is the listener's. */
interface Case {
  readonly what: string;
  /** Default: `host: 127.0.0.1:PORT`. */
  readonly headers?: readonly string[];
  readonly version?: string;
  /** Before the path, in the request line. */
  readonly target?: string;
  readonly answer: 'served' | 400 | 403 | 421;
  readonly only?: 'GET' | 'POST';
}
const own = 'host: 127.0.0.1:PORT';
const named = (host: string, answer: Case['answer']): Case => ({
  what: `host ${host}`,
  headers: [`host: ${host}`],
  answer,
});
const from = (origin: string, answer: Case['answer'], host = own): Case => ({
  what: `origin ${origin} at ${host}`,
  headers: [host, `origin: ${origin}`],
  answer,
});
const site = (said: string, answer: Case['answer'], only?: 'GET' | 'POST'): Case => ({
  what: `sec-fetch-site ${said} ${only ?? ''}`,
  headers: [own, `sec-fetch-site: ${said}`],
  answer,
  ...(only === undefined ? {} : { only }),
});
const coded = (...codings: readonly string[]): Case => ({
  what: `transfer-encoding ${codings.join(' and ')}`,
  headers: [own, ...codings.map((coding) => `transfer-encoding: ${coding}`)],
  answer: 400,
});

const cases: readonly Case[] = [
  { what: 'nothing foreign', answer: 'served' },
  ...[
    'localhost:PORT',
    'localhost',
    'LocalHost.:1',
    '127.0.0.1',
    '127.1.2.3:80',
    '[::1]:PORT',
    'ai.example.org',
    'AI.example.org:9000',
    'boards.example.org:8443',
  ].map((host) => named(host, 'served')),
  { what: 'HTTP/1.0 without a host', version: 'HTTP/1.0', headers: [], answer: 'served' },
  { what: 'a whole address', target: 'http://localhost:PORT', answer: 'served' },
  from('http://127.0.0.1:PORT', 'served'),
  from('HTTPS://ai.example.org', 'served', 'host: ai.example.org'),
  from('https://ai.example.org', 'served'),
  from('https://boards.example.org:8443', 'served'),
  site('same-origin', 'served'),
  site('none', 'served', 'GET'),

  ...[
    'evil.example',
    'evil.example:PORT',
    'localhost.evil.example',
    '127.0.0.1.evil.example:PORT',
    'evil.ai.example.org',
    'boards.example.org',
    '0.0.0.0:PORT',
    '[::]:PORT',
    '192.0.2.1:PORT',
    '[2001:db8::1]:PORT',
    'tollgate',
    'localhost, evil.example',
    'evil@localhost',
    'localhost:PORT:80',
    '',
  ].map((host) => named(host, 421)),
  { what: 'a whole foreign address', target: 'http://evil.example', answer: 421 },
  from('http://evil.example:PORT', 421, 'host: evil.example:PORT'),

  ...[
    'http://evil.example',
    'https://evil.example:PORT',
    'null',
    'http://127.0.0.1:1',
    'http://127.0.0.1',
    'http://localhost:PORT',
    'http://ai.example.org:3000',
    'https://boards.example.org',
    'chrome-extension://abcdefghijklmnop',
    'file://',
    '127.0.0.1:PORT',
    'http://127.0.0.1:PORT http://evil.example',
    '',
  ].map((origin) => from(origin, 403)),
  from('http://localhost:1', 403, 'host: localhost:PORT'),
  ...['cross-site', 'same-site', 'Same-Origin', 'something-new', ''].map((said) => site(said, 403)),
  site('none', 403, 'POST'),
  {
    what: 'an own origin whose site is foreign',
    headers: [own, 'origin: http://127.0.0.1:PORT', 'sec-fetch-site: cross-site'],
    answer: 403,
  },

  { what: 'two hosts', headers: [own, 'host: evil.example'], answer: 400 },
  { what: 'the same host twice', headers: [own, own], answer: 400 },
  {
    what: 'two origins',
    headers: [own, 'Origin: http://127.0.0.1:PORT', 'ORIGIN: http://evil.example'],
    answer: 400,
  },
  { what: 'no version', version: '', headers: [], answer: 400 },
  { what: 'HTTP/0.9', version: 'HTTP/0.9', answer: 400 },
  { what: 'HTTP/2.0', version: 'HTTP/2.0', answer: 400 },
  { what: 'HTTP/1.1 without a host', headers: [], answer: 400 },
  coded('identity', 'chunked'),
  coded('identity, chunked'),
  coded('gzip, chunked'),
  coded('identity'),
  coded('chunked', 'chunked'),
  { ...coded('chunked'), version: 'HTTP/1.0' },
];

interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends bytes and reads until the listener has closed. */
const exchange = (port: number, bytes: string): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', reject);
    socket.on('close', () => {
      const text = Buffer.concat(chunks).toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      resolve({
        status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 0),
        head: text.slice(0, end).toLowerCase(),
        body: text.slice(end + 4),
      });
    });
    socket.write(bytes);
  });

const bytesOf = (probe: Probe, { headers = [own], version = 'HTTP/1.1', target = '' }: Case) => {
  const coded = headers.some((line) => line.startsWith('transfer-encoding'));
  const body = coded ? '0\r\n\r\n' : (probe.body ?? '');
  const lines = [
    `${probe.method} ${target}${probe.path} ${version}`.trimEnd(),
    ...headers,
    ...(probe.headers ?? []),
    ...(coded || body === '' ? [] : [`content-length: ${body.length}`]),
    'connection: close',
  ];
  const port = portOf(probe.listener);
  return `${lines.join('\r\n').replaceAll('PORT', String(port))}\r\n\r\n${body}`;
};

const send = (probe: Probe, one: Case): Promise<Answer> =>
  exchange(portOf(probe.listener), bytesOf(probe, one));

describe.each(probes)('$listener: $method $path', (probe) => {
  test('is served or refused as the table says, and no answer may be sniffed or shared', async () => {
    const asked = cases.filter(({ only = probe.method }) => only === probe.method);
    const got = await Promise.all(
      asked.map(async (one) => ({ one, answer: await send(probe, one) })),
    );
    const said = ({ what }: Case, status: number) => `${what}: ${status}`;
    expect(got.map(({ one, answer }) => said(one, answer.status))).toEqual(
      asked.map((one) => said(one, one.answer === 'served' ? probe.status : one.answer)),
    );
    for (const { answer } of got) {
      expect(answer.head).not.toContain('access-control-');
      // Node's own answer to bytes that it cannot parse is empty: nothing to sniff.
      if (answer.body !== '') expect(answer.head).toContain('x-content-type-options: nosniff');
    }
  });

  test('a refusal says why in one line, and repeats nothing of the request', async () => {
    const { body } = await send(probe, named('evil.example', 421));
    expect(body).toContain('TOLLGATE_HOSTS');
    expect(body).not.toContain('evil');
  });
});

test.each(['gateway', 'otlp', 'admin', 'clickhouse'] as const)(
  '%s: a preflight is refused, and a body is not asked for before the request is found to be ours',
  async (listener) => {
    const port = portOf(listener);
    const preflight = await exchange(
      port,
      `OPTIONS / HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\norigin: http://evil.example\r\naccess-control-request-method: POST\r\nconnection: close\r\n\r\n`,
    );
    expect(preflight.status).toBe(403);
    const post = (host: string, expectation: string) =>
      `POST / HTTP/1.1\r\nhost: ${host}\r\nexpect: ${expectation}\r\ncontent-length: 4\r\nconnection: close\r\n\r\n`;
    expect((await exchange(port, post('evil.example', '100-continue'))).status).toBe(421);
    expect((await exchange(port, post('evil.example', 'anything'))).status).toBe(421);
    expect((await exchange(port, `${post('localhost', '100-continue')}text`)).status).toBe(100);
  },
);

test('a large body of a refused request is not read: the connection closes', async () => {
  for (const listener of ['gateway', 'otlp', 'clickhouse'] as const) {
    const head = `POST / HTTP/1.1\r\nhost: evil.example\r\ncontent-length: 999999999\r\n\r\n`;
    const { status, head: answered } = await exchange(portOf(listener), head);
    expect([listener, status]).toEqual([listener, 421]);
    expect(answered).toContain('connection: close');
  }
});

/** The sum of a counter over its series. */
const counted = (exposition: string, series: RegExp): number =>
  exposition
    .split('\n')
    .filter((line) => series.test(line))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);

test('refusals are counted by reason; no refused request becomes a call, a span or a statement', async () => {
  const metricsOf = async (listener: 'gateway' | 'admin') =>
    (await fetch(`http://127.0.0.1:${portOf(listener)}/metrics`)).text();
  const calls = /^tollgate_calls_total\{/;
  const before = await metricsOf('gateway');
  const chat = probes.find(({ path }) => path === '/v1/chat/completions');
  const otlp = probes.find(({ path }) => path === '/v1/traces');
  if (chat === undefined || otlp === undefined) throw new Error('the probes are gone');
  const refused = cases.filter(({ answer, only }) => answer !== 'served' && only !== 'GET');
  await Promise.all(refused.map((one) => Promise.all([send(chat, one), send(otlp, one)])));
  const after = await metricsOf('gateway');
  expect(counted(after, calls)).toBe(counted(before, calls));
  for (const reason of ['malformed', 'host', 'origin', 'site']) {
    const series = new RegExp(`^tollgate_foreign_requests_total\\{reason="${reason}"\\}`);
    expect(counted(after, series)).toBeGreaterThan(counted(before, series));
    const ofRouter = new RegExp(
      `^trace_router_foreign_requests_total\\{listener="otlp",reason="${reason}"\\}`,
    );
    expect(counted(await metricsOf('admin'), ofRouter)).toBeGreaterThan(0);
  }
  const create: Probe = {
    listener: 'clickhouse',
    method: 'POST',
    path: '/',
    headers: writer,
    body: 'CREATE TABLE owned (a UInt8) ENGINE = Memory',
    status: 200,
  };
  await send(create, named('evil.example', 421));
  await send(create, from('http://evil.example', 403));
  const tables = { ...create, body: "SELECT count() FROM system.tables WHERE name = 'owned'" };
  expect((await send(tables, { what: 'own', answer: 'served' })).body).toContain('0');
});

test('HTTP/1.1, all that a browser speaks without TLS, reaches nothing on the gRPC listener', async () => {
  const port = Number(router.ready['grpcPort']);
  const { status, body } = await exchange(
    port,
    `POST /opentelemetry.proto.collector.trace.v1.TraceService/Export HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/grpc\r\ncontent-length: 5\r\n\r\n\0\0\0\0\0`,
  );
  expect([status, body.includes('grpc')]).toEqual([0, false]);
});

test('npm start hands the configured names to every part', () => {
  for (const part of partNames) {
    const hosts = { TOLLGATE_HOSTS: 'ai.example.org' };
    expect([part, documentedVariables(part, hosts)]).toEqual([part, hosts]);
  }
});
