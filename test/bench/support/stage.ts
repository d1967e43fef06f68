/** Everything that a benchmark of calls needs, alive at once: two providers, a sink, the yardsticks, the gateways. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBenchGateway, type BenchGateway } from './gateway-process.ts';
import { loadCore, startMock, startRelay, startSink } from './helpers.ts';
import { hasNginx, startNginx, startNginxMock } from './nginx.ts';
import { atEnd } from './processes.ts';
import { chatCompletion, type Provider } from './wire.ts';

/** The core of what is measured. */
export const measuredCore = 0;

/** What a load is pointed at. */
export interface Server {
  readonly name: string;
  /** The processes whose CPU counts. */
  pids(): readonly number[];
  readonly port: number;
  readonly key: string;
}

export interface Stage {
  readonly dir: string;
  readonly gateways: readonly {
    readonly name: string;
    readonly gateway: BenchGateway;
    readonly profilePath: string;
  }[];
  readonly providers: Readonly<Record<Provider, number>>;
  /** Servers of whole replies in front of each provider: nginx, relay, gateways. */
  readonly chat: Readonly<Record<Provider, readonly Server[]>>;
  /** Servers of streams: nginx, gateways. */
  readonly streams: readonly Server[];
  pids(): readonly number[];
}

export interface StageOptions {
  /** Events of a stream, and milliseconds between two of them. */
  readonly events: number;
  readonly gapMs: number;
  /** Another checkout's `gateway/src/main.ts`, beside this one's; empty: none. */
  readonly entry: string;
  readonly profiler: boolean;
}

const server = (name: string, pid: number, port: number, key = 'none'): Server => ({
  name,
  pids: () => [pid],
  port,
  key,
});

/** Starts all of it. Without nginx the provider `nginx` is the one in Node, and there is no yardstick. */
export const setTheStage = async (options: StageOptions): Promise<Stage> => {
  const { events, gapMs, entry, profiler } = options;
  const dir = mkdtempSync(join(tmpdir(), 'tollgate-bench-'));
  atEnd(async () => rmSync(dir, { recursive: true, force: true }));
  const mock = await startMock(dir, { minEvents: events, maxEvents: events, gapMs });
  const fastMock = hasNginx ? await startNginxMock(dir, chatCompletion(), loadCore) : mock;
  const providers = { nginx: fastMock.port, node: mock.port };
  const sink = await startSink(dir);
  const nginx = hasNginx && !profiler ? await startNginx(dir, providers, measuredCore) : null;
  const relays = profiler
    ? null
    : {
        nginx: await startRelay(dir, providers.nginx, measuredCore),
        node: hasNginx ? await startRelay(dir, providers.node, measuredCore) : null,
      };
  const gateways: { name: string; gateway: BenchGateway; profilePath: string }[] = [];
  for (const [name, file] of [
    ['gateway', ''],
    ...(entry === '' ? [] : [['other', entry]]),
  ] as const) {
    const profilePath = join(dir, `${name}.cpuprofile`);
    const gateway = await startBenchGateway({
      dir: join(dir, name),
      entry: file,
      providers,
      otlpPort: sink.otlpPort,
      clickhouse: {
        url: `http://127.0.0.1:${sink.clickhousePort}`,
        user: 'bench',
        password: 'bench',
      },
      core: measuredCore,
      profilePath: profiler ? profilePath : null,
    });
    gateways.push({ name, gateway, profilePath });
  }
  const ours = gateways.map(({ name, gateway }) =>
    server(name, gateway.pid, gateway.port, gateway.key),
  );
  const chat = (provider: Provider): readonly Server[] => {
    const relay = relays?.[provider] ?? null;
    return [
      ...(nginx === null ? [] : [server('nginx', nginx.pid, nginx.ports[provider])]),
      ...(relay === null ? [] : [server('relay', relay.pid, relay.port)]),
      ...ours,
    ];
  };
  const parts = [mock, fastMock, sink, nginx, relays?.nginx, relays?.node].flatMap((part) =>
    part === null || part === undefined ? [] : [part.pid],
  );
  return {
    dir,
    gateways,
    providers,
    chat: { nginx: chat('nginx'), node: chat('node') },
    streams: [...(nginx === null ? [] : [server('nginx', nginx.pid, nginx.streamPort)]), ...ours],
    pids: () => [...new Set([...parts, ...gateways.map(({ gateway }) => gateway.pid)])],
  };
};
