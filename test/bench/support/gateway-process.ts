/** The real gateway with everything on, as a benchmark runs it. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { engineFlags } from '../../../deploy/local/src/engine-flags.ts';
import { readyLine, startPart, type Part } from './processes.ts';
import { modelOf, type Provider } from './wire.ts';

export interface BenchGateway extends Part {
  readonly port: number;
  readonly key: string;
  /** The value of one series of `/metrics` by its name and, in part, its labels; the sum when several fit. */
  metric(name: string, labels?: string): Promise<number>;
}

export interface BenchGatewayOptions {
  readonly dir: string;
  /** Its `main.ts`; empty: this checkout's. */
  readonly entry?: string;
  /** Ports of the providers behind the models of `modelOf`. */
  readonly providers: Readonly<Record<Provider, number>>;
  readonly otlpPort: number;
  readonly clickhouse: { readonly url: string; readonly user: string; readonly password: string };
  readonly core: number | null;
  /** Where SIGUSR2 writes a CPU profile; null: none is taken. */
  readonly profilePath?: string | null;
  /** How many processes serve calls; left out: one. */
  readonly workers?: number;
  /** SIGUSR2 collects its garbage. */
  readonly collectable?: boolean;
}

const entry = fileURLToPath(new URL('../../../gateway/src/main.ts', import.meta.url));
const profiler = new URL('./profiler.ts', import.meta.url).href;
const collector = new URL('./collector.ts', import.meta.url).href;
/** The caller's key. */
export const benchKey = 'tg-bench-0123456789abcdefghijklmnopqrstuvwxyzABCDE';
const keySha256 = createHash('sha256').update(benchKey).digest('hex');

/**
 * Writes the configuration and the credential beside it, and returns its path. Everything is at its default: the log, the
 * spool with its syncs, spans, metrics and shipping. No secret is in the environment, so that it works behind `npm start`.
 */
export const writeConfiguration = (
  dir: string,
  providers: Readonly<Record<Provider, number>>,
  workers = 1,
): string => {
  writeFileSync(join(dir, 'credential'), 'sk-bench', { mode: 0o600 });
  const provider = (port: number) =>
    `{ use: openai, apiKey: { file: credential }, baseUrl: "http://127.0.0.1:${port}/v1" }`;
  const path = join(dir, 'tollgate.yaml');
  writeFileSync(
    path,
    `providers:
  nginx: ${provider(providers.nginx)}
  node: ${provider(providers.node)}
models: { ${modelOf.nginx}: nginx, ${modelOf.node}: node }
keys:
  - { id: bench, secretSha256: ${keySha256}, organization: acme, team: shop, application: checkout, environment: bench }
workers: { count: ${workers} }
`,
  );
  return path;
};

/** Reads one series of the `/metrics` of a gateway; the sum when several fit. */
const metricOf =
  (port: number): BenchGateway['metric'] =>
  async (name, labels = '') => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    return text
      .split('\n')
      .filter(
        (line) =>
          /^[{ ]/.test(line.slice(name.length)) && line.startsWith(name) && line.includes(labels),
      )
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };

/** Starts a gateway at the mock. Throws with its own words when it does not start. */
export const startBenchGateway = async (options: BenchGatewayOptions): Promise<BenchGateway> => {
  const { providers, clickhouse, profilePath = null } = options;
  const dir = join(options.dir, 'gateway');
  mkdirSync(dir, { recursive: true });
  const configPath = writeConfiguration(dir, providers, options.workers);
  // Not beside the configuration: who follows that file would be told of every line.
  const logPath = join(options.dir, 'gateway.log');
  const part = startPart({
    command: process.execPath,
    args: [
      ...engineFlags,
      ...(profilePath === null ? [] : ['--import', profiler]),
      ...(options.collectable === true ? ['--import', collector] : []),
      options.entry === undefined || options.entry === '' ? entry : options.entry,
    ],
    core: options.core,
    logPath,
    env: {
      NODE_ENV: 'production',
      TOLLGATE_PORT: '0',
      TOLLGATE_DATA_DIR: dir,
      TOLLGATE_CONFIG: configPath,
      TOLLGATE_REPLICA: 'bench',
      TOLLGATE_CLICKHOUSE_URL: clickhouse.url,
      TOLLGATE_CLICKHOUSE_USER: clickhouse.user,
      TOLLGATE_CLICKHOUSE_PASSWORD: clickhouse.password,
      TOLLGATE_OTLP_ENDPOINT: `http://127.0.0.1:${options.otlpPort}`,
      ...(profilePath === null ? {} : { BENCH_PROFILE: profilePath }),
    },
  });
  const ready = await readyLine(part, logPath, 'ready');
  const port = Number(ready['port']);
  return {
    ...part,
    port,
    key: benchKey,
    metric: metricOf(port),
  };
};
