/**
 * What a call costs: CPU of the gateway with full accounting, beside nginx, which only forwards. Method: docs/benchmarks.md.
 */
import { profiled } from './gateway-profile.ts';
import { accountOf, accountProblems } from './support/account.ts';
import { rssBytes, threadSeconds } from './support/cpu.ts';
import { chatLoad, streamLoad, warmOption, warmUp } from './support/loads.ts';
import { hasNginx } from './support/nginx.ts';
import { helpText, readOptions } from './support/options.ts';
import { pinned } from './support/processes.ts';
import { conclude, sayer } from './support/report.ts';
import type { Variant } from './support/slices.ts';
import { setTheStage, type Server } from './support/stage.ts';
import { errorProblems, measure, ratios, summaryTable } from './support/summary-table.ts';
import { threadsSince } from './support/threads.ts';
import type { Provider } from './support/wire.ts';
import { hasWrk } from './support/wrk.ts';

const latencySeconds = 2;
const latencyRounds = 3;
const events = 50;

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
  only: {
    kind: 'text',
    value: '',
    help: 'chat, provider, latency or streams: this part alone',
  },
  warm: warmOption,
  rate: {
    kind: 'number',
    value: 0,
    range: [0, 10_000],
    help: 'with --profile: so many calls a second; 0: as many as there can be',
  },
  profile: {
    kind: 'switch',
    help: 'measure nothing: profile the gateway under the chat load and list its costs',
  },
} as const;

const what = `CPU per call of the gateway with everything on (key, route, usage, price, ledger on disk and shipped, spans over
OTLP/gRPC, metrics, a log line) beside nginx proxy_pass and a bare relay in Node. Needs nginx and wrk for the comparison
(Debian packages).`;

export type GatewayOptions = ReturnType<typeof readOptions<typeof options>>;

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

  const { rounds, connections, seconds } = given;
  const stage = await setTheStage({
    events,
    gapMs: given.gap,
    entry: given.entry,
    profiler: false,
  });
  const { dir, gateways } = stage;
  const wants = (part: string): boolean => given.only === '' || given.only === part;
  const variants = (
    servers: readonly Server[],
    load: (server: Server) => ReturnType<Variant['load']>,
  ): readonly Variant[] => servers.map((server) => ({ ...server, load: () => load(server) }));
  const chat = (provider: Provider, load: { connections: number; seconds: number }) =>
    variants(stage.chat[provider], (server) => chatLoad(dir, server, { provider, ...load }));
  const section = (part: string, turns: readonly Variant[], times = rounds) =>
    wants(part) ? measure({ variants: turns, parts: stage.pids, rounds: times, say }) : null;

  for (const provider of ['nginx', 'node'] as const) {
    for (const server of stage.chat[provider].filter(({ name }) => name !== 'nginx')) {
      // A gateway is warm after the first provider.
      if (provider === 'node' && server.name !== 'relay') continue;
      await warmUp(
        server.name,
        given.warm,
        (time) => chatLoad(dir, server, { provider, connections: 64, seconds: time }),
        say,
      );
    }
  }
  const threadsBefore = gateways.map(({ gateway }) => threadSeconds(gateway.pid));
  const chatRows = await section('chat', chat('nginx', { connections, seconds }));
  const threadsAfter = gateways.map(({ gateway }) => threadSeconds(gateway.pid));
  const providerRows = await section('provider', chat('node', { connections, seconds }));
  const latencyRows = await section(
    'latency',
    chat('nginx', { connections: 1, seconds: latencySeconds }),
    latencyRounds,
  );
  const { streams, gap: gapMs } = given;
  const streamRows = await section(
    'streams',
    variants(stage.streams, (server) =>
      streamLoad(dir, server, { streams, events, gapMs, seconds }),
    ),
  );
  const accounts = await Promise.all(gateways.map(({ gateway }) => accountOf(gateway)));
  const threads = gateways.map(({ name }, i) => {
    const units = (chatRows?.slices ?? [])
      .filter(({ variant }) => variant === name)
      .reduce((sum, slice) => sum + slice.units, 0);
    return units === 0 ? null : threadsSince(threadsBefore[i] ?? {}, threadsAfter[i] ?? {}, units);
  });
  const residents = stage.chat.nginx.map(
    ({ name, pids }) => `${name} ${Math.round(rssBytes(pids()) / 2 ** 20)}`,
  );
  const sections = [
    ['Whole replies, 1,215 bytes in, 596 bytes out; the provider is nginx', 'call', chatRows],
    ['The same; the provider is a Node process', 'call', providerRows],
    ['The same over one connection; the provider is nginx', 'call', latencyRows],
    [`${streams} streams of ${events} events, ${gapMs} ms apart`, 'write', streamRows],
  ] as const;
  const chatRatio = chatRows === null ? null : (ratios(chatRows.summaries)['gateway'] ?? null);
  const problems = [
    ...errorProblems([chatRows, providerRows, latencyRows, streamRows]),
    ...accounts.flatMap(accountProblems),
    ...(chatRatio !== null && chatRatio > given['max-ratio']
      ? [`${chatRatio.toFixed(2)} times nginx's CPU per call, goal ${given['max-ratio']}`]
      : []),
  ];
  return conclude(
    'gateway',
    {
      settings: { ...given, pinned, wrk: hasWrk, nginx: hasNginx },
      tables: sections.flatMap(([title, unit, rows]) =>
        rows === null ? [] : [summaryTable(title, unit, rows.summaries)],
      ),
      notes: [
        `RSS after it, MiB: ${residents.join(', ')}`,
        ...gateways.flatMap(({ name }, i) => [
          `${name} by its own count: ${JSON.stringify(accounts[i])}`,
          `${name}, us per call by thread: ${JSON.stringify(threads[i])}`,
        ]),
      ],
      problems,
    },
    { chat: chatRows, provider: providerRows, latency: latencyRows, streams: streamRows, accounts },
    given,
  );
};
