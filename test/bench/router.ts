/**
 * `npm run bench -- router`: CPU per span of the real trace-router, one process, four members. Every variant is alive at
 * once and gets a slice in turn; nginx passes the same bodies to the same sink in the same run, and the
 * way by decoding, regrouping and encoding runs in this process. Method: docs/benchmarks.md.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { engineFlags } from '../../deploy/local/src/engine-flags.ts';
import { loadCore } from './support/helpers.ts';
import { hasNginx, startProxy } from './support/nginx.ts';
import { helpText, readOptions } from './support/options.ts';
import { codecs } from './support/otlp-codecs.ts';
import { grpcLoad, httpLoad, otlpConnections, payload, type Send } from './support/otlp-load.ts';
import { atEnd, findProgram, pinned, readyLine, startPart } from './support/processes.ts';
import { conclude, sayer, type Table } from './support/report.ts';
import type { Done, Variant } from './support/slices.ts';
import { measuredCore } from './support/stage.ts';
import { measure, ratios, shownNumber, type Measured } from './support/summary-table.ts';

const options = {
  rounds: { kind: 'number', value: 7, range: [1, 1000], help: 'rounds of interleaved slices' },
  'slice-ms': { kind: 'number', value: 1500, range: [10, 60_000], help: 'length of a slice' },
  spans: { kind: 'number', value: 512, range: [1, 100_000], help: 'spans of a request' },
  entry: {
    kind: 'text',
    value: '',
    help: "another checkout's trace-router/src/main.ts, measured beside this one",
  },
  profile: {
    kind: 'switch',
    help: "write CPU profiles of both routers to .bench/ (for a browser's developer tools)",
  },
} as const;

const what = `CPU per span of the trace-router over OTLP/HTTP and OTLP/gRPC with four members, beside nginx and beside decoding.
Fails when the goal of 0.8 M spans/s per core over HTTP is missed by half or more (the machine may be busy).`;

const goalSpansPerCore = 800_000;
/** The last acknowledgements' work is theirs too. */
const settleMs = 100;
const root = path.resolve(import.meta.dirname, '../..');
const ownEntry = path.join(root, 'trace-router/src/main.ts');
const sinkFile = fileURLToPath(new URL('./router-sink.ts', import.meta.url));

const startRouter = async (options: {
  readonly dir: string;
  /** Of its files. */
  readonly name: string;
  readonly entry: string;
  readonly protocol: 'http' | 'grpc';
  /** Where its members listen. */
  readonly ports: readonly number[];
  readonly profile: boolean;
}) => {
  const { dir, name, entry, protocol, ports, profile } = options;
  const file = path.join(dir, `${name}.yaml`);
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
        `--cpu-prof-name=router-${name}.cpuprofile`,
      ]
    : [];
  const logPath = path.join(dir, `${name}.log`);
  const part = startPart({
    command: process.execPath,
    args: [...engineFlags, ...flags, entry],
    core: measuredCore,
    logPath,
    env: {
      TOLLGATE_ROUTER_CONFIG: file,
      TOLLGATE_OTLP_GRPC_PORT: '0',
      TOLLGATE_OTLP_HTTP_PORT: '0',
      TOLLGATE_ROUTER_ADMIN_PORT: '0',
    },
  });
  const ready = await readyLine(part, logPath, 'httpPort');
  return { ...part, httpPort: Number(ready['httpPort']), grpcPort: Number(ready['grpcPort']) };
};

const startSink = async (dir: string) => {
  const logPath = path.join(dir, 'sink.log');
  const part = startPart({
    command: process.execPath,
    args: [sinkFile],
    core: loadCore,
    logPath,
  });
  const ready = await readyLine(part, logPath, 'http');
  const ports = (of: unknown) => (Array.isArray(of) ? of.map(Number) : []);
  return { ...part, http: ports(ready['http']), grpc: ports(ready['grpc']) };
};

/** One server and what sends to it. */
interface Sender {
  readonly name: string;
  readonly pid: number;
  readonly send: Send;
  readonly close: () => unknown;
}

/** Sends for so long, some requests at once; a unit is a request. */
const sendFor = async (send: Send, sliceMs: number): Promise<Done> => {
  const startedMs = performance.now();
  let units = 0;
  await Promise.all(
    Array.from({ length: otlpConnections }, async () => {
      while (performance.now() < startedMs + sliceMs) {
        await send();
        units += 1;
      }
    }),
  );
  const seconds = (performance.now() - startedMs) / 1000;
  return { units, errors: 0, seconds, p50Ms: null, p99Ms: null };
};

const million = (n: number): string => `${(n / 1e6).toFixed(2)} M`;

const tableOf = (title: string, spans: number, { summaries }: Measured): Table => {
  const times = ratios(summaries);
  return {
    title,
    head: [
      'variant',
      'us/request min',
      'p25',
      'median',
      'ns/span p25',
      'spans/s per core',
      'x nginx',
      'neighbours, cores',
    ],
    rows: summaries.map(({ variant, us, otherCores, quiet }) => [
      variant,
      shownNumber(us.min, 0),
      shownNumber(us.p25, 0),
      shownNumber(us.median, 0),
      shownNumber((us.p25 * 1000) / spans, 0),
      million((spans * 1e6) / us.p25),
      shownNumber(times[variant], 2),
      `${shownNumber(otherCores.median, 2)} ${quiet ? 'quiet' : 'noisy'}`,
    ]),
  };
};

/** Runs the benchmark. Answers the exit code. */
export const run = async (args: readonly string[]): Promise<number> => {
  if (args.includes('--help')) {
    process.stdout.write(`${helpText('router', what, options)}\n`);
    return 0;
  }
  const given = readOptions(options, args);
  const { rounds, spans, 'slice-ms': sliceMs, profile } = given;
  const say = sayer(given.json);
  const dir = mkdtempSync(path.join(os.tmpdir(), 'tollgate-bench-router-'));
  atEnd(async () => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(path.join(root, '.bench'), { recursive: true });
  // This process is the load.
  const taskset = findProgram('taskset');
  if (pinned && taskset !== null)
    spawnSync(taskset, ['-a', '-c', '-p', String(loadCore), String(process.pid)]);

  const body = payload(spans);
  const codec = codecs(body, rounds);
  const sink = await startSink(dir);
  const nginx = hasNginx ? await startProxy(dir, sink.http[0] ?? 0, measuredCore) : null;
  const sending: Sender[] = [];
  const checkouts = [
    { whose: '', entry: ownEntry },
    ...(given.entry === '' ? [] : [{ whose: 'other ', entry: given.entry }]),
  ];
  for (const { whose, entry } of checkouts) {
    const start = (protocol: 'http' | 'grpc') =>
      startRouter({
        dir,
        name: `${whose.trim()}${protocol}`,
        entry,
        protocol,
        ports: sink[protocol],
        profile,
      });
    const overHttp = await start('http');
    const overGrpc = await start('grpc');
    sending.push(
      {
        name: `${whose}OTLP/HTTP -> 4 HTTP`,
        pid: overHttp.pid,
        ...httpLoad(overHttp.httpPort, body),
      },
      {
        name: `${whose}OTLP/gRPC -> 4 gRPC`,
        pid: overGrpc.pid,
        ...grpcLoad(overGrpc.grpcPort, body),
      },
    );
  }
  if (nginx !== null)
    sending.push({ name: 'nginx', pid: nginx.pid, ...httpLoad(nginx.port, body) });
  const parts = [sink, ...sending];
  atEnd(async () => void (await Promise.all(sending.map(({ close }) => close()))));
  const variants: readonly Variant[] = sending.map(({ name, pid, send }) => ({
    name,
    pids: () => [pid],
    load: () => sendFor(send, sliceMs),
  }));
  for (const { load } of variants) await load(); // warm
  const measured = await measure({
    variants,
    parts: () => parts.map(({ pid }) => pid),
    rounds,
    settleMs,
    say,
  });
  const p25 = measured.summaries[0]?.us.p25 ?? Infinity;
  const reached = (spans * 1e6) / p25;
  const title = `${spans} spans, ${(body.length / 1024).toFixed(0)} KiB a request; nginx passes to one member`;
  return conclude(
    'router',
    {
      settings: { ...given, pinned, nginx: hasNginx },
      tables: [tableOf(title, spans, measured)],
      notes: [
        `in process, ns per span: scan and split ${((codec.ours * 1000) / spans).toFixed(0)}; protobufjs decode, regroup, encode ${((codec.decoding * 1000) / spans).toFixed(0)} (${(codec.decoding / codec.ours).toFixed(0)} times)`,
        `goal over OTLP/HTTP: ${million(goalSpansPerCore)} spans/s per core; measured ${million(reached)}`,
      ],
      problems: reached * 2 <= goalSpansPerCore ? ['the goal is missed by half or more'] : [],
    },
    { measured, codec },
    given,
  );
};
