/**
 * `npm run bench -- router`: CPU per span of the real trace-router, one process, four members. Every variant is alive at
 * once and gets a slice in turn; CPU is utime + stime of the process, all threads, from /proc; nginx passes the same
 * bodies to the same sink in the same run, and the decode-regroup-encode road runs in this process. The machine is
 * shared: ratios within one run mean something, absolute figures only on a quiet machine.
 */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';
import { engineFlags } from '../../deploy/local/src/engine-flags.ts';
import { createScanner } from '../../trace-router/src/decide/scan.ts';
import { fillSlots } from '../../trace-router/src/decide/slots.ts';
import { split } from '../../trace-router/src/decide/split.ts';
import { intList, item, push } from '../../trace-router/src/model/int-list.ts';
import { encodeRequest, requestType } from '../trace-router/otlp-proto.ts';
import { hexId } from '../trace-router/router.ts';

const usage = `usage: npm run bench -- router [--rounds N] [--slice-ms N] [--spans N] [--json] [--profile]
CPU per span of the trace-router over OTLP/HTTP and OTLP/gRPC with four members, beside nginx and beside decoding.
--profile writes CPU profiles of both routers to .bench/ (open them in a browser's developer tools).
Exit 1 when the goal of 0.8 M spans/s per core over HTTP is missed by half or more (the machine may be busy).`;

const goalSpansPerCore = 800_000;
const connections = 16;
const root = path.resolve(import.meta.dirname, '../..');
const nginxPath = ['/usr/sbin/nginx', '/usr/bin/nginx'].find((file) => existsSync(file));
const sinkFile = fileURLToPath(new URL('./router-sink.ts', import.meta.url));
/** Puts a process on one core; not everywhere installed. */
const pin = 'taskset';
const pinned = spawnSync(pin, ['--version']).status === 0 && os.cpus().length > 1;

const cpuSeconds = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
};
/** Seconds that all cores together were busy. */
const machineBusy = (): number => {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq) / 100;
};

/** 512 spans of ten attributes, eight to a trace, in three scopes: about 246 KB. */
const payload = (spans: number): Buffer => {
  const attributes = (n: number) =>
    Array.from({ length: 10 }, (_, i) => ({
      key: `http.request.attribute.${i}`,
      value: i % 3 === 0 ? { intValue: n + i } : { stringValue: `value-${n % 97}-${i}-abc` },
    }));
  const span = (n: number) => ({
    traceId: Buffer.from(hexId(Math.floor(n / 8), 16), 'hex'),
    spanId: Buffer.from(hexId(n + 1_000_000, 8), 'hex'),
    parentSpanId: n % 8 === 0 ? Buffer.alloc(0) : Buffer.from(hexId(n + 999_999, 8), 'hex'),
    name: `GET /api/v1/resource/${n % 13}`,
    kind: 2,
    startTimeUnixNano: '1790000000000000000',
    endTimeUnixNano: '1790000000100000000',
    attributes: attributes(n),
    status: { code: 1 },
  });
  const third = Math.ceil(spans / 3);
  const scopes = [0, 1, 2].map((s) => ({
    scope: { name: `scope-${s}`, version: '1.0' },
    spans: Array.from({ length: Math.min(third, spans - s * third) }, (_, i) =>
      span(s * third + i),
    ),
  }));
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'bench' } }] };
  return encodeRequest({ resourceSpans: [{ resource, scopeSpans: scopes }] });
};

const children: ChildProcess[] = [];
// also when the run is ended by a signal: no router may outlive its benchmark
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
const start = (
  args: readonly string[],
  core: number,
  env: Readonly<Record<string, string>> = {},
) => {
  const command = pinned ? [pin, '-c', String(core), ...args] : [...args];
  const [file = '', ...rest] = command;
  const child = spawn(file, rest, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  children.push(child);
  return child;
};
const readyLine = async (child: ChildProcess): Promise<Record<string, unknown>> => {
  if (child.stdout === null) throw new Error('no stdout');
  for await (const line of createInterface({ input: child.stdout })) {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return { ...value };
  }
  throw new Error(`${child.spawnargs.join(' ')} ended before it was ready`);
};
const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => {
    child.once('exit', resolve);
  });
  child.kill('SIGTERM');
  await gone;
};
const freePort = async (): Promise<number> => {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
};

const startRouter = async (
  dir: string,
  protocol: 'http' | 'grpc',
  ports: readonly number[],
  profile: boolean,
) => {
  const file = path.join(dir, `${protocol}.yaml`);
  const members = ports.map((port, i) => ({
    name: `m${i}`,
    protocol,
    address: `http://127.0.0.1:${port}`,
  }));
  writeFileSync(file, JSON.stringify({ members }));
  const flags = profile
    ? [
        '--cpu-prof',
        `--cpu-prof-dir=${path.join(root, '.bench')}`,
        `--cpu-prof-name=router-${protocol}.cpuprofile`,
      ]
    : [];
  const entry = path.join(root, 'trace-router/src/main.ts');
  const child = start([process.execPath, ...engineFlags, ...flags, entry], 0, {
    TOLLGATE_ROUTER_CONFIG: file,
    TOLLGATE_OTLP_GRPC_PORT: '0',
    TOLLGATE_OTLP_HTTP_PORT: '0',
    TOLLGATE_ROUTER_ADMIN_PORT: '0',
  });
  const ready = await readyLine(child);
  return {
    pid: child.pid ?? 0,
    httpPort: Number(ready['httpPort']),
    grpcPort: Number(ready['grpcPort']),
  };
};

const startNginx = async (dir: string, sinkPort: number) => {
  if (nginxPath === undefined) return null;
  const port = await freePort();
  const file = path.join(dir, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off; master_process off; worker_processes 1; pid ${dir}/nginx.pid; error_log ${dir}/error.log;
events { worker_connections 1024; }
http { access_log off; client_max_body_size 64m; client_body_buffer_size 1m; client_body_temp_path ${dir}; proxy_temp_path ${dir};
fastcgi_temp_path ${dir}; uwsgi_temp_path ${dir}; scgi_temp_path ${dir}; keepalive_requests 1000000000;
upstream sink { server 127.0.0.1:${sinkPort}; keepalive 64; keepalive_requests 1000000000; }
server { listen 127.0.0.1:${port}; location / { proxy_pass http://sink; proxy_http_version 1.1; proxy_set_header Connection ""; } } }\n`,
  );
  const child = start([nginxPath, '-c', file, '-p', dir], 0);
  for (let tries = 0; tries < 100; tries += 1) {
    await sleep(50);
    const answered = await fetch(`http://127.0.0.1:${port}/counts`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (answered) return { pid: child.pid ?? 0, port };
  }
  throw new Error('nginx did not start');
};

/** Sends one request and throws when it is not taken. */
type Send = () => Promise<void>;

const httpLoad = (port: number, body: Buffer) => {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections, pipelining: 1 });
  const send: Send = async () => {
    const reply = await pool.request({
      method: 'POST',
      path: '/v1/traces',
      headers: { 'content-type': 'application/x-protobuf' },
      body,
    });
    await reply.body.dump();
    if (reply.statusCode !== 200) throw new Error(`HTTP ${reply.statusCode}`);
  };
  return { send, close: () => pool.destroy() };
};

const grpcLoad = (port: number, body: Buffer) => {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(body.length, 1);
  const message = Buffer.concat([header, body]);
  const sessions = Array.from({ length: 4 }, () => {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on('connect', () => session.setLocalWindowSize(4 * 1024 * 1024));
    return session;
  });
  let turn = 0;
  const send: Send = () =>
    new Promise((resolve, reject) => {
      turn += 1;
      const stream = sessions[turn % sessions.length]?.request({
        ':method': 'POST',
        ':path': '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      if (stream === undefined) return;
      let status = '';
      const note = (headers: http2.IncomingHttpHeaders) => {
        status = String(headers['grpc-status'] ?? status);
      };
      stream.on('response', note).on('trailers', note).on('error', reject);
      stream.on('close', () => (status === '0' ? resolve() : reject(new Error(`gRPC ${status}`))));
      stream.resume();
      stream.end(message);
    });
  return {
    send,
    async close() {
      for (const session of sessions) session.destroy();
    },
  };
};

interface Variant {
  readonly name: string;
  readonly pid: number;
  readonly send: Send;
  readonly close: () => Promise<unknown>;
}
interface Slice {
  readonly requests: number;
  readonly seconds: number;
  readonly cpuUs: number;
  readonly otherCores: number;
}

const measure = async (
  { pid, send }: Variant,
  sliceMs: number,
  ours: readonly number[],
): Promise<Slice> => {
  const self = () => process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6;
  const known = () => ours.reduce((sum, child) => sum + cpuSeconds(child), 0) + self();
  const [cpu, busy, mine, startedMs] = [cpuSeconds(pid), machineBusy(), known(), performance.now()];
  let requests = 0;
  const until = startedMs + sliceMs;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < until) {
        await send();
        requests += 1;
      }
    }),
  );
  await sleep(30); // the last acknowledgements' work is theirs too
  const seconds = (performance.now() - startedMs) / 1000;
  return {
    requests,
    seconds,
    cpuUs: ((cpuSeconds(pid) - cpu) * 1e6) / requests,
    otherCores: Math.max(0, machineBusy() - busy - (known() - mine)) / seconds,
  };
};

const quantile = (values: readonly number[], q: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * q)] ?? 0;
};

/** CPU microseconds of one call, in this process: the best of `rounds`. */
const inProcess = (work: () => void, rounds: number): number => {
  for (let i = 0; i < 20; i += 1) work();
  let best = Infinity;
  for (let round = 0; round < rounds; round += 1) {
    const before = process.cpuUsage();
    let calls = 0;
    for (const until = performance.now() + 300; performance.now() < until; calls += 1) work();
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / calls);
  }
  return best;
};

const codecs = (body: Buffer, rounds: number) => {
  const table = fillSlots([0, 1, 2, 3].map((n) => ({ name: `m${n}`, weight: 1 })));
  const scan = createScanner();
  const ownerOf = intList();
  const ours = () => {
    const found = scan(body);
    if (found === null) throw new Error('not a request');
    ownerOf.length = 0;
    for (let i = 0; i < found.spans; i += 1) push(ownerOf, table.owner[item(found.slot, i)] ?? 0);
    split(found, ownerOf, 4, Number.MAX_SAFE_INTEGER);
  };
  const decoding = () => {
    const request = requestType.toObject(requestType.decode(body), { defaults: false });
    const parts = [0, 1, 2, 3].map((owner) => ({
      ...request,
      resourceSpans: request['resourceSpans'].map(
        (r: { scopeSpans: { spans: { traceId: Buffer }[] }[] }) => ({
          ...r,
          scopeSpans: r.scopeSpans.map((s) => ({
            ...s,
            spans: s.spans.filter(({ traceId }) => ((traceId[15] ?? 0) & 3) === owner),
          })),
        }),
      ),
    }));
    for (const part of parts) requestType.encode(part).finish();
  };
  return { ours: inProcess(ours, rounds), decoding: inProcess(decoding, Math.min(rounds, 3)) };
};

const report = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, i) =>
    Math.max(...rows.map((row) => (row[i] ?? '').length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  '),
    )
    .join('\n');
};

/** Runs the benchmark, prints a table and writes `.bench/router.json`. Returns the exit code. */
export const run = async (args: readonly string[]): Promise<number> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '7' },
      'slice-ms': { type: 'string', default: '1500' },
      spans: { type: 'string', default: '512' },
      json: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const [rounds, sliceMs, spans] = [
    Number(values.rounds),
    Number(values['slice-ms']),
    Number(values.spans),
  ];
  if (![rounds, sliceMs, spans].every((n) => Number.isInteger(n) && n > 0)) {
    process.stderr.write(
      `bench: --rounds, --slice-ms and --spans are whole numbers above 0\n${usage}\n`,
    );
    return 2;
  }
  const dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-bench-router-'));
  mkdirSync(path.join(root, '.bench'), { recursive: true });
  if (pinned) spawnSync(pin, ['-a', '-c', '-p', '1', String(process.pid)]);
  const variants: Variant[] = [];
  try {
    const body = payload(spans);
    const codec = codecs(body, rounds);
    const sinkProcess = start([process.execPath, sinkFile], 1);
    const sink = await readyLine(sinkProcess);
    const ports = (of: unknown) => (Array.isArray(of) ? of.map(Number) : []);
    const overHttp = await startRouter(dir, 'http', ports(sink['http']), values.profile);
    const overGrpc = await startRouter(dir, 'grpc', ports(sink['grpc']), values.profile);
    const nginx = await startNginx(dir, ports(sink['http'])[0] ?? 0);
    variants.push(
      {
        name: 'router, OTLP/HTTP -> 4 HTTP',
        pid: overHttp.pid,
        ...httpLoad(overHttp.httpPort, body),
      },
      {
        name: 'router, OTLP/gRPC -> 4 gRPC',
        pid: overGrpc.pid,
        ...grpcLoad(overGrpc.grpcPort, body),
      },
    );
    if (nginx !== null)
      variants.push({
        name: 'nginx proxy_pass -> 1 HTTP',
        pid: nginx.pid,
        ...httpLoad(nginx.port, body),
      });
    const ours = [...variants.map(({ pid }) => pid), sinkProcess.pid ?? 0];
    const slices = new Map<string, Slice[]>(variants.map(({ name }) => [name, []]));
    for (const variant of variants) await measure(variant, sliceMs, ours); // warm
    for (let round = 0; round < rounds; round += 1) {
      for (const variant of variants)
        slices.get(variant.name)?.push(await measure(variant, sliceMs, ours));
    }
    const results = [...slices].map(([name, measured]) => {
      const cpu = measured.map(({ cpuUs }) => cpuUs);
      const [p25, median] = [quantile(cpu, 0.25), quantile(cpu, 0.5)];
      return {
        name,
        requests: measured.reduce((sum, { requests }) => sum + requests, 0),
        cpuUsPerRequest: { min: Math.min(...cpu), p25, median },
        cpuNsPerSpan: {
          min: (Math.min(...cpu) * 1000) / spans,
          p25: (p25 * 1000) / spans,
          median: (median * 1000) / spans,
        },
        spansPerCoreSecond: { p25: (spans * 1e6) / p25, best: (spans * 1e6) / Math.min(...cpu) },
        spansPerSecond: quantile(
          measured.map(({ requests, seconds }) => (requests * spans) / seconds),
          0.5,
        ),
        otherCores: quantile(
          measured.map(({ otherCores }) => otherCores),
          0.5,
        ),
      };
    });
    const yardstick =
      results.find(({ name }) => name.startsWith('nginx'))?.cpuUsPerRequest.p25 ?? null;
    const document = {
      benchmark: 'router',
      at: new Date().toISOString(),
      node: process.version,
      cpu: os.cpus()[0]?.model ?? '',
      pinned,
      batch: { spans, bytes: body.length },
      rounds,
      sliceMs,
      results: results.map((result) => ({
        ...result,
        ratioToNginx: yardstick === null ? null : result.cpuUsPerRequest.p25 / yardstick,
      })),
      inProcess: {
        scanAndSplitNsPerSpan: (codec.ours * 1000) / spans,
        decodeRegroupEncodeNsPerSpan: (codec.decoding * 1000) / spans,
        ratio: codec.decoding / codec.ours,
      },
      goal: {
        spansPerCoreSecond: goalSpansPerCore,
        measured: results[0]?.spansPerCoreSecond.p25 ?? 0,
      },
    };
    writeFileSync(path.join(root, '.bench/router.json'), `${JSON.stringify(document, null, 2)}\n`);
    if (values.json) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    else {
      const million = (n: number) => `${(n / 1e6).toFixed(2)} M`;
      const table = report([
        [
          'variant',
          'CPU us/request min',
          'p25',
          'median',
          'ns/span p25',
          'spans/s per core',
          'x nginx',
        ],
        ...document.results.map((r) => [
          r.name,
          r.cpuUsPerRequest.min.toFixed(0),
          r.cpuUsPerRequest.p25.toFixed(0),
          r.cpuUsPerRequest.median.toFixed(0),
          r.cpuNsPerSpan.p25.toFixed(0),
          million(r.spansPerCoreSecond.p25),
          r.ratioToNginx?.toFixed(2) ?? '-',
        ]),
      ]);
      const { inProcess: own } = document;
      process.stdout
        .write(`${spans} spans, ${(body.length / 1024).toFixed(0)} KiB per request, ${rounds} rounds of ${sliceMs} ms, Node ${process.version}${pinned ? ', router on core 0' : ''}
${table}
in process, ns per span: scan and split ${own.scanAndSplitNsPerSpan.toFixed(0)}; protobufjs decode, regroup, encode ${own.decodeRegroupEncodeNsPerSpan.toFixed(0)} (${own.ratio.toFixed(0)} times)
other processes used ${Math.max(...results.map(({ otherCores }) => otherCores)).toFixed(2)} cores${nginx === null ? '; nginx is not installed' : ''}
goal over OTLP/HTTP: ${million(goalSpansPerCore)} spans/s per core; measured ${million(document.goal.measured)}
`);
    }
    return document.goal.measured * 2 <= goalSpansPerCore ? 1 : 0;
  } finally {
    await Promise.all(variants.map(({ close }) => close()));
    await Promise.all(children.map(stop));
    rmSync(dir, { recursive: true, force: true });
  }
};
