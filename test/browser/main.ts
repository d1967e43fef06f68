/**
 * `npm run browser`: a real browser on hostile pages, against the real listeners. Nothing can be read, and nothing runs.
 * Takes about half a minute. Without Chromium it says so and ends well.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startClickhouse, type FakeClickhouse } from '../fakes/clickhouse.ts';
import { startGateway, testKey, type RunningGateway } from '../fakes/gateway.ts';
import { eventually } from '../fakes/journal.ts';
import { startRouter, type RunningRouter } from '../trace-router/router.ts';
import { pagePath, rebind, servePages, type Plan, type Seen, type Target } from './attacker.ts';
import { chromiumPath, openPage } from './chromium.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** In a row of the database, and so in nothing that a page may see. */
const secret = 'SECRETROW';
/** Text that only an answer to a served request holds. */
const marks = [secret, 'tollgate_calls_total', 'trace_router_', '"members"', '"data":[', '"ready"'];

interface Listener {
  readonly name: string;
  readonly port: number;
  /** With paths instead of addresses. */
  readonly targets: readonly Target[];
}

const look = (url: string): Target => ({ url, body: null, headers: {} });
const json = { 'content-type': 'application/json' };

/** The pages know every key and password: what stops them shall be where they come from. */
const listenersOf = (
  running: {
    readonly clickhouse: FakeClickhouse;
    readonly router: RunningRouter;
    readonly gateway: RunningGateway;
  },
  fileDir: string,
): readonly Listener[] => {
  const { clickhouse, router, gateway } = running;
  const portOf = (url: string) => Number(new URL(url).port);
  const writer = `user=${clickhouse.user}&password=${clickhouse.password}`;
  const query = encodeURIComponent(`SELECT text FROM tollgate.browser FORMAT TSVRaw`);
  const chat = JSON.stringify({ model: 'demo', messages: [{ role: 'user', content: 'a=b' }] });
  const span = {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    name: 'a=b',
  };
  const spans = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
  const sql = (body: string): Target => ({ url: `/?${writer}`, body, headers: {} });
  return [
    {
      name: 'gateway',
      port: portOf(gateway.url),
      targets: [
        ...['/metrics', '/v1/models', '/health/ready', '/nowhere'].map(look),
        ...['/v1/chat/completions', '/v1/messages'].map((url) => ({
          url,
          body: chat,
          headers: { ...json, authorization: `Bearer ${testKey}` },
        })),
      ],
    },
    {
      name: 'otlp',
      port: portOf(router.http),
      targets: [look('/v1/traces'), { url: '/v1/traces', body: spans, headers: json }],
    },
    { name: 'admin', port: portOf(router.admin), targets: ['/metrics', '/members'].map(look) },
    {
      name: 'clickhouse',
      port: clickhouse.port,
      targets: [
        look('/ping'),
        look(`/?${writer}&query=${query}`),
        sql('CREATE TABLE IF NOT EXISTS tollgate.owned_WAY (a UInt8) ENGINE = Memory'),
        sql(
          `SELECT ‘x’ WHERE ‘'’ != ‘’ INTO OUTFILE ‘${fileDir}/WAY’ FORMAT TSVRaw; SELECT 1 -- '`,
        ),
      ],
    },
    {
      name: 'grpc',
      port: Number(router.ready['grpcPort']),
      targets: [
        look('/'),
        {
          url: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
          body: '\0\0\0\0\0',
          headers: { 'content-type': 'application/grpc' },
        },
      ],
    },
  ];
};

const at = (origin: string, targets: readonly Target[]): readonly Target[] =>
  targets.map((target) => ({ ...target, url: `${origin}${target.url}` }));

/** A page that lives elsewhere, one on another port of the same name, and one for each listener under a name that moves. */
const stranger = 'stranger.example';
const moving = 'moving.example';
const movedFrom = '127.0.0.2';

const breach = ({ what, outcome }: Seen): boolean =>
  /^(?:loaded|read|(?:basic|cors|default) 2\d\d)/.test(outcome) ||
  (what !== 'sendBeacon' && marks.some((mark) => outcome.includes(mark)));

/** The sum of a counter over its series. */
const counted = (exposition: string, series: RegExp): number =>
  exposition
    .split('\n')
    .filter((line) => series.test(line))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);

const run = async (binary: string): Promise<readonly string[]> => {
  const fileDir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-browser-files-'));
  const clickhouse = await startClickhouse();
  const sql = async (statement: string): Promise<string> => {
    const { url, user, password } = clickhouse;
    const headers = { 'x-clickhouse-user': user, 'x-clickhouse-key': password };
    return (await fetch(url, { method: 'POST', headers, body: statement })).text();
  };
  await sql('CREATE TABLE tollgate.browser (text String) ENGINE = MergeTree ORDER BY text');
  await sql(`INSERT INTO tollgate.browser VALUES ('var leaked = "${secret}"')`);
  const router = await startRouter({}, clickhouse);
  const gateway = await startGateway({ config: 'providers: { demo: {} }', clickhouse });
  const listeners = listenersOf({ clickhouse, router, gateway }, fileDir);

  const near = listeners.flatMap(({ port, targets }) => at(`http://127.0.0.1:${port}`, targets));
  const far = listeners.flatMap(({ port, targets }) =>
    ['127.0.0.1', 'localhost', '0.0.0.0'].flatMap((name) => at(`http://${name}:${port}`, targets)),
  );
  const pages = await servePages((host): Plan => {
    if (!host.startsWith(stranger)) return { targets: near, frames: [] };
    const frames = listeners.map(({ port }) => `http://${moving}:${port}${pagePath}`);
    return { targets: far, frames: [`http://127.0.0.1:${pages.port}${pagePath}`, ...frames] };
  });
  const report = `http://127.0.0.1:${pages.port}/report`;
  const rebound = await Promise.all(
    listeners.map(({ port, targets }) =>
      rebind({
        address: movedFrom,
        port,
        plan: { targets: at(`http://${moving}:${port}`, targets), frames: [] },
        report,
      }),
    ),
  );
  const browser = openPage(binary, `http://${stranger}:${pages.port}${pagePath}`, {
    [stranger]: '127.0.0.1',
    [moving]: movedFrom,
  });

  const complaints: string[] = [];
  const must = (holds: boolean, complaint: string): void => {
    if (!holds) complaints.push(complaint);
  };
  try {
    const expected = 2 + listeners.length;
    await eventually(
      () => pages.reports.length >= expected,
      'every page has reported',
      180_000,
    ).catch(() => {
      throw new Error(
        `${pages.reports.length} of ${expected} pages reported; the browser said: ${browser.output()}`,
      );
    });
    await browser.stop();
    // What a beacon started may still be on its way.
    let before = '';
    let now = await gateway.metrics();
    while (before !== now) {
      before = now;
      await sleep(1500);
      now = (await gateway.metrics())
        .split('\n')
        .filter((line) => /^tollgate_\w+_total/.test(line))
        .join('\n');
    }
    const seen = pages.reports.flat();
    for (const one of seen.filter(breach)) {
      complaints.push(`${one.what} from ${one.page} at ${one.url}: ${one.outcome.slice(0, 120)}`);
    }
    must(counted(now, /^tollgate_calls_total\{/) === 0, 'calls were made at the gateway');
    const rows = (await sql('SELECT count() FROM tollgate.calls')).trim();
    must(rows === '0', `the ledger has ${rows} rows`);
    const tables = await sql("SELECT name FROM system.tables WHERE name LIKE 'owned%'");
    must(tables === '', `statements ran: ${tables.trim().replaceAll('\n', ', ')}`);
    const files = readdirSync(fileDir);
    must(files.length === 0, `files were written: ${files.join(', ')}`);
    const ofRouter = await router.metrics();
    must(counted(ofRouter, /^trace_router_spans_total\{/) === 0, 'the trace-router took spans');
    // Nothing was proven when the browser kept its requests to itself.
    const refused = {
      gateway: counted(now, /^tollgate_foreign_requests_total\{/),
      router: counted(ofRouter, /^trace_router_foreign_requests_total\{/),
    };
    must(refused.gateway >= 40 && refused.router >= 40, `only ${JSON.stringify(refused)} refused`);
    const passed = rebound.map((one) => one.passed());
    must(Math.min(...passed) > 0, `a rebound page reached nothing: ${passed.join(', ')}`);
    print(
      `browser: ${seen.length} attempts from ${pages.reports.length} pages; ` +
        `refused by the gateway ${refused.gateway}, by the trace-router ${refused.router}; ` +
        `${passed.join(' + ')} connections under a rebound name`,
    );
  } finally {
    await browser.stop();
    for (const one of rebound) one.close();
    pages.close();
    await gateway.stop();
    await router.stop();
    await clickhouse.stop();
    rmSync(fileDir, { recursive: true, force: true });
  }
  return complaints;
};

const binary = chromiumPath();
if (binary === null) {
  print('browser: skipped, 1 suite: Chromium is not installed here (Debian package chromium)');
} else {
  const complaints = await run(binary);
  for (const complaint of complaints) print(`browser: FAILED ${complaint}`);
  print(complaints.length === 0 ? 'browser: nothing read, nothing ran' : 'browser: failed');
  process.exitCode = complaints.length === 0 ? 0 : 1;
}
