/**
 * What a call costs: CPU of the gateway with full accounting, beside nginx, which only forwards. Method: docs/benchmarks.md.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { rssBytes, threadSeconds } from './support/cpu.ts';
import { startBenchGateway, type BenchGateway } from './support/gateway-process.ts';
import { loadCore, runLoad, startMock, startRelay, startSink } from './support/helpers.ts';
import { hasNginx, startNginx, startNginxMock, type Nginx } from './support/nginx.ts';
import { helpText, readOptions } from './support/options.ts';
import { atEnd, pinned } from './support/processes.ts';
import { readProfile, type Cost } from './support/profile.ts';
import { publish, sayer, table } from './support/report.ts';
import {
  measureSlices,
  summaryOf,
  type Done,
  type Slice,
  type Summary,
  type Variant,
} from './support/slices.ts';
import { chatCompletion } from './support/wire.ts';
import { hasWrk, runWrk } from './support/wrk.ts';

const gatewayCore = 0;
/** Longer than a segment's greatest age: what a slice leaves behind is shipped, and counted, before the next. */
const settleMs = 1500;
const warmUnits = 60_000;
const warmUpSeconds = 4;
const maxWarmUps = 12;
const latencySeconds = 2;
const latencyRounds = 3;

const options = {
  rounds: { kind: 'number', value: 7, range: [1, 1000], help: 'rounds of interleaved slices' },
  seconds: { kind: 'number', value: 3, range: [1, 60], help: 'length of a slice, whole seconds' },
  connections: { kind: 'number', value: 64, range: [1, 4096], help: 'keep-alive connections' },
  streams: {
    kind: 'number',
    value: 64,
    range: [1, 4096],
    help: 'concurrent streams of the stream rows',
  },
  gap: {
    kind: 'number',
    value: 5,
    range: [1, 1000],
    help: 'milliseconds between two events of a stream',
  },
  'max-ratio': {
    kind: 'number',
    value: 4,
    range: [1, 100],
    help: "fails above this many times nginx's CPU per call",
  },
  entry: {
    kind: 'text',
    value: '',
    help: "another checkout's gateway/src/main.ts, measured beside this one",
  },
  only: { kind: 'text', value: '', help: 'chat, latency or streams: this part alone' },
  profile: {
    kind: 'switch',
    help: 'measure nothing: profile the gateway under the chat load and list its costs',
  },
} as const;

const what = `CPU per call of the gateway with everything on (key, route, usage, price, ledger on disk and shipped, spans over
OTLP/gRPC, metrics, a log line) beside nginx proxy_pass. Needs nginx and wrk for the comparison (Debian packages).`;

interface Stage {
  readonly dir: string;
  readonly gateways: readonly {
    readonly name: string;
    readonly gateway: BenchGateway;
    readonly profilePath: string;
  }[];
  readonly nginx: Nginx | null;
  /** For whole replies only. */
  readonly relay: { readonly pid: number; readonly port: number };
  readonly pids: readonly number[];
}

type Options = ReturnType<typeof readOptions<typeof options>>;

const setTheStage = async (given: Options, withProfiler: boolean): Promise<Stage> => {
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-bench-'));
  atEnd(async () => rmSync(dir, { recursive: true, force: true }));
  const streamMock = await startMock(dir, { minEvents: 50, maxEvents: 50, gapMs: given.gap });
  const chatMock = hasNginx ? await startNginxMock(dir, chatCompletion(), loadCore) : streamMock;
  const sink = await startSink(dir);
  const nginx =
    hasNginx && !withProfiler
      ? await startNginx(dir, { chatPort: chatMock.port, streamPort: streamMock.port }, gatewayCore)
      : null;
  const relay = await startRelay(dir, chatMock.port, gatewayCore);
  const gateways = [];
  for (const [name, entry] of [
    ['gateway', ''],
    ...(given.entry === '' ? [] : [['other', given.entry]]),
  ] as const) {
    const profilePath = join(dir, `${name}.cpuprofile`);
    const gateway = await startBenchGateway({
      dir: join(dir, name),
      entry,
      chatPort: chatMock.port,
      streamPort: streamMock.port,
      otlpPort: sink.otlpPort,
      clickhouse: {
        url: `http://127.0.0.1:${sink.clickhousePort}`,
        user: 'bench',
        password: 'bench',
      },
      core: gatewayCore,
      profilePath: withProfiler ? profilePath : null,
    });
    gateways.push({ name, gateway, profilePath });
  }
  const parts = [
    streamMock,
    chatMock,
    sink,
    relay,
    ...(nginx === null ? [] : [nginx]),
    ...gateways.map((one) => one.gateway),
  ];
  return { dir, gateways, nginx, relay, pids: [...new Set(parts.map(({ pid }) => pid))] };
};

/** Whole replies: wrk where it is installed, else our own client. */
const chatLoad = async (
  { dir }: Stage,
  port: number,
  key: string,
  load: { readonly connections: number; readonly seconds: number },
): Promise<Done> => {
  if (hasWrk) {
    const { responses, ...rest } = await runWrk({ dir, port, key, ...load, core: loadCore });
    return { units: responses, ...rest };
  }
  const done = await runLoad(dir, {
    port,
    key,
    ...load,
    stream: false,
    rampMs: 0,
    hangupShare: 0,
    withIds: false,
  });
  return {
    units: done.completed,
    errors: done.failed,
    seconds: load.seconds,
    p50Ms: null,
    p99Ms: null,
  };
};

const streamLoad = async (
  { dir }: Stage,
  port: number,
  key: string,
  { streams: connections, seconds, gap }: Options,
): Promise<Done> => {
  const startedMs = performance.now();
  const done = await runLoad(dir, {
    port,
    key,
    connections,
    seconds,
    stream: true,
    rampMs: gap,
    hangupShare: 0,
    withIds: false,
  });
  const failures = Object.keys(done.failures).length;
  return {
    // What the provider sent: 50 events, its usage, and [DONE]. A client that did not ask for usage gets one less.
    units: done.completed * 52,
    errors: done.failed + failures,
    seconds: (performance.now() - startedMs) / 1000,
    p50Ms: null,
    p99Ms: null,
  };
};

const variantsOf = (
  { nginx, gateways }: Stage,
  load: (port: number, key: string) => Promise<Done>,
  nginxPort: (nginx: Nginx) => number,
  others: readonly { readonly name: string; readonly pid: number; readonly port: number }[] = [],
): readonly Variant[] => [
  ...(nginx === null
    ? []
    : [{ name: 'nginx', pid: nginx.pid, load: () => load(nginxPort(nginx), 'none') }]),
  ...others.map(({ name, pid, port }) => ({ name, pid, load: () => load(port, 'none') })),
  ...gateways.map(({ name, gateway }) => ({
    name,
    pid: gateway.pid,
    load: () => load(gateway.port, gateway.key),
  })),
];

const measure = async (
  stage: Stage,
  variants: readonly Variant[],
  rounds: number,
  say: (text: string) => void,
): Promise<{ readonly slices: readonly Slice[]; readonly summaries: readonly Summary[] }> => {
  const slices = await measureSlices({
    variants,
    parts: stage.pids,
    rounds,
    settleMs,
    onSlice: ({ variant, us, units, seconds, errors, otherCores }) =>
      say(
        `${variant.padEnd(8)} ${us.toFixed(1).padStart(7)} us  ${Math.round(units / seconds)}/s  ${errors} errors  others ${otherCores.toFixed(2)} cores`,
      ),
  });
  return { slices, summaries: variants.map(({ name }) => summaryOf(name, slices)) };
};

const ratios = (summaries: readonly Summary[]): Readonly<Record<string, number>> => {
  const base = summaries.find(({ variant }) => variant === 'nginx');
  if (base === undefined) return {};
  return Object.fromEntries(summaries.map(({ variant, us }) => [variant, us.p25 / base.us.p25]));
};

const number = (value: number | null, digits = 1): string =>
  value === null ? '-' : value.toFixed(digits);

const shown = (unit: string, summaries: readonly Summary[]): string => {
  const all = ratios(summaries);
  return table([
    [
      'variant',
      `us/${unit} min`,
      'p25',
      'median',
      'x nginx',
      `${unit}s/s`,
      'core busy',
      'p50 ms',
      'p99 ms',
      'errors',
      'others',
    ],
    ...summaries.map((s) => [
      s.variant,
      number(s.us.min),
      number(s.us.p25),
      number(s.us.median),
      number(all[s.variant] ?? null, 2),
      String(Math.round(s.perSecond)),
      number(s.busy, 2),
      number(s.p50Ms, 2),
      number(s.p99Ms, 2),
      String(s.errors),
      `${number(s.otherCores.median, 2)} ${s.quiet ? 'quiet' : 'noisy'}`,
    ]),
  ]);
};

/** CPU per unit by thread name between two readings, microseconds. */
const threadsSince = (
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
  units: number,
): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(after).map(([name, seconds]) => [
      name,
      Math.round(((seconds - (before[name] ?? 0)) / units) * 1e7) / 10,
    ]),
  );

/** Code runs at its final speed only after tens of thousands of calls; on a busy machine that takes a while. */
const warmUp = async (
  load: (seconds: number) => Promise<Done>,
  say: (text: string) => void,
): Promise<void> => {
  let units = 0;
  for (let i = 0; i < maxWarmUps && units < warmUnits; i += 1)
    units += (await load(warmUpSeconds)).units;
  say(`warmed up with ${units} units`);
};

/** What the gateway itself says it did: a benchmark of calls that were not accounted for would measure something else. */
const accountOf = async (gateway: BenchGateway) => {
  const spooled = () => gateway.metric('tollgate_ledger_rows_total', 'result="spooled"');
  const shipped = () => gateway.metric('tollgate_ledger_rows_total', 'result="shipped"');
  for (let i = 0; i < 40 && (await shipped()) < (await spooled()); i += 1) await sleep(250);
  return {
    calls: await gateway.metric('tollgate_calls_total'),
    answered: await gateway.metric('tollgate_calls_total', 'outcome="answered"'),
    rowsSpooled: await spooled(),
    rowsShipped: await shipped(),
    spansExported: await gateway.metric('tollgate_spans_total', 'result="exported"'),
    spansLost:
      (await gateway.metric('tollgate_spans_total', 'result="dropped"')) +
      (await gateway.metric('tollgate_spans_total', 'result="failed"')),
    rssMiB: Math.round(rssBytes(gateway.pid) / 2 ** 20),
  };
};

const profiled = async (given: Options, say: (text: string) => void): Promise<number> => {
  const stage = await setTheStage(given, true);
  const chosen = stage.gateways.at(-1);
  if (chosen === undefined) throw new Error('no gateway was started');
  const { gateway, profilePath } = chosen;
  const load = (seconds = given.seconds): Promise<Done> =>
    given.only === 'streams'
      ? streamLoad(stage, gateway.port, gateway.key, { ...given, seconds })
      : chatLoad(stage, gateway.port, gateway.key, { ...given, seconds });
  await warmUp(load, say);
  const threadsBefore = threadSeconds(gateway.pid);
  process.kill(gateway.pid, 'SIGUSR2');
  const done = await load();
  await sleep(settleMs);
  process.kill(gateway.pid, 'SIGUSR2');
  for (let waitedMs = 0; waitedMs < 30_000 && !existsSync(profilePath); waitedMs += 100)
    await sleep(100);
  const threads = threadsSince(threadsBefore, threadSeconds(gateway.pid), done.units);
  const profile = readProfile(profilePath);
  const { allocatedBytes, ...costs } = profile;
  const lists: Readonly<Record<string, readonly Cost[]>> = costs;
  const text = Object.entries(lists)
    .map(([title, costs]) =>
      table([
        [title, 'share'],
        ...costs.map(({ name, share }) => [name, `${(share * 100).toFixed(1)} %`]),
      ]),
    )
    .concat(
      `${done.units} units, ${done.errors} errors; ${Math.round(allocatedBytes / done.units)} bytes allocated per unit; microseconds per unit by thread, with the profiler's own: ${JSON.stringify(threads)}`,
    )
    .join('\n\n');
  publish(
    'gateway-profile',
    text,
    { units: done.units, errors: done.errors, threads, ...profile },
    given.json,
  );
  return done.errors === 0 ? 0 : 1;
};

/** Runs the benchmark. Answers the exit code. */
export const run = async (args: readonly string[]): Promise<number> => {
  if (args.includes('--help')) {
    process.stdout.write(`${helpText('gateway', what, options)}\n`);
    return 0;
  }
  const given = readOptions(options, args);
  const say = sayer(given.json);
  if (!hasNginx)
    say('nginx is not installed: the gateway is measured alone, and there is no ratio');
  if (!hasWrk)
    say('wrk is not installed: the load is our own client, which needs more of its core');
  if (!pinned) say('no taskset, or one core only: load and server share cores');
  if (given.profile) return profiled(given, say);

  const stage = await setTheStage(given, false);
  const wants = (part: string): boolean => given.only === '' || given.only === part;
  const chat = (connections: number, seconds: number) =>
    variantsOf(
      stage,
      (port, key) => chatLoad(stage, port, key, { connections, seconds }),
      ({ port }) => port,
      [{ name: 'relay', ...stage.relay }],
    );
  for (const variant of chat(given.connections, warmUpSeconds)) {
    if (variant.name !== 'nginx') await warmUp(variant.load, say);
  }
  const threadsBefore = stage.gateways.map(({ gateway }) => threadSeconds(gateway.pid));
  const chatRows = wants('chat')
    ? await measure(stage, chat(given.connections, given.seconds), given.rounds, say)
    : null;
  const threadsAfter = stage.gateways.map(({ gateway }) => threadSeconds(gateway.pid));
  const latencyRows =
    wants('latency') && hasWrk
      ? await measure(stage, chat(1, latencySeconds), latencyRounds, say)
      : null;
  const streams = variantsOf(
    stage,
    (port, key) => streamLoad(stage, port, key, given),
    ({ streamPort }) => streamPort,
  );
  const streamRows = wants('streams') ? await measure(stage, streams, given.rounds, say) : null;
  const accounts = await Promise.all(stage.gateways.map(({ gateway }) => accountOf(gateway)));
  const nginxRssMiB = stage.nginx === null ? null : Math.round(rssBytes(stage.nginx.pid) / 2 ** 20);

  const chatThreads = stage.gateways.map(({ name }, i) => {
    const units = (chatRows?.slices ?? [])
      .filter(({ variant }) => variant === name)
      .reduce((sum, slice) => sum + slice.units, 0);
    return units === 0 ? null : threadsSince(threadsBefore[i] ?? {}, threadsAfter[i] ?? {}, units);
  });
  const sections = [
    ['Chat, 1,215 bytes in, 596 bytes out', 'call', chatRows],
    ['The same over one connection', 'call', latencyRows],
    [
      `${given.streams} streams of 50 events, ${given.gap} ms apart, usage, [DONE]`,
      'chunk',
      streamRows,
    ],
  ] as const;
  const text = sections
    .flatMap(([title, unit, rows]) =>
      rows === null ? [] : [`${title}\n${shown(unit, rows.summaries)}\n`],
    )
    .concat(
      stage.gateways.map(
        ({ name }, i) =>
          `${name}: ${JSON.stringify(accounts[i])}; us per call by thread ${JSON.stringify(chatThreads[i])}`,
      ),
      nginxRssMiB === null ? [] : [`nginx: ${nginxRssMiB} MiB`],
    )
    .join('\n');

  const chatRatio = chatRows === null ? null : (ratios(chatRows.summaries)['gateway'] ?? null);
  const problems = [
    ...[chatRows, latencyRows, streamRows].flatMap((rows) =>
      (rows?.summaries ?? [])
        .filter(({ errors }) => errors > 0)
        .map(({ variant, errors }) => `${variant}: ${errors} errors`),
    ),
    ...accounts.flatMap(({ rowsSpooled, rowsShipped, calls, spansLost }) => [
      ...(rowsShipped === rowsSpooled && rowsSpooled === calls
        ? []
        : [`${calls} calls, ${rowsSpooled} rows, ${rowsShipped} shipped`]),
      ...(spansLost === 0 ? [] : [`${spansLost} spans were not exported`]),
    ]),
    ...(chatRatio !== null && chatRatio > given['max-ratio']
      ? [`${chatRatio.toFixed(2)} times nginx's CPU per call, goal ${given['max-ratio']}`]
      : []),
  ];
  publish(
    'gateway',
    [text, ...problems.map((problem) => `problem: ${problem}`)].join('\n'),
    {
      settings: { ...given, pinned, wrk: hasWrk, nginx: hasNginx },
      chat: chatRows,
      latency: latencyRows,
      streams: streamRows,
      accounts,
      chatThreads,
      nginxRssMiB,
      chatRatio,
      problems,
    },
    given.json,
  );
  return problems.length === 0 ? 0 : 1;
};
