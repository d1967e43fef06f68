/** The real gateway with everything on, as a benchmark runs it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { engineFlags } from '../../../deploy/local/src/engine-flags.ts';
import { readyLine, startPart, type Part } from './processes.ts';

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
  /** Of the providers behind the models of `chatBody`: whole replies, and streams. */
  readonly chatPort: number;
  readonly streamPort: number;
  readonly otlpPort: number;
  readonly clickhouse: { readonly url: string; readonly user: string; readonly password: string };
  readonly core: number | null;
  /** Where SIGUSR2 writes a CPU profile; null: none is taken. */
  readonly profilePath?: string | null;
  /** SIGUSR2 collects its garbage. */
  readonly collectable?: boolean;
}

const entry = fileURLToPath(new URL('../../../gateway/src/main.ts', import.meta.url));
const profiler = new URL('./profiler.ts', import.meta.url).href;
const collector = new URL('./collector.ts', import.meta.url).href;
const key = 'tg-bench-0123456789abcdefghijklmnopqrstuvwxyzABCDE';

/** Everything at its default: the log, the spool with its syncs, spans, metrics and shipping. */
const configuration = (chatPort: number, streamPort: number): string => `providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "http://127.0.0.1:${chatPort}/v1" }
  streaming: { use: openai, apiKey: "\${OPENAI_KEY}", baseUrl: "http://127.0.0.1:${streamPort}/v1" }
models:
  gpt-4o-mini: openai
  gpt-4o: streaming
keys:
  - { id: bench, secret: "\${BENCH_KEY}", organization: acme, team: shop, application: checkout, environment: bench }
`;

/** Starts a gateway at the mock. Throws with its own words when it does not start. */
export const startBenchGateway = async (options: BenchGatewayOptions): Promise<BenchGateway> => {
  const { chatPort, streamPort, clickhouse, profilePath = null } = options;
  const dir = join(options.dir, 'gateway');
  mkdirSync(dir, { recursive: true });
  const configPath = join(dir, 'tollgate.yaml');
  writeFileSync(configPath, configuration(chatPort, streamPort));
  const logPath = join(dir, 'gateway.log');
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
      OPENAI_KEY: 'sk-bench',
      BENCH_KEY: key,
      ...(profilePath === null ? {} : { BENCH_PROFILE: profilePath }),
    },
  });
  const ready = await readyLine(part, logPath, 'ready');
  const port = Number(ready['port']);
  return {
    ...part,
    port,
    key,
    async metric(name, labels = '') {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      return text
        .split('\n')
        .filter(
          (line) =>
            /^[{ ]/.test(line.slice(name.length)) && line.startsWith(name) && line.includes(labels),
        )
        .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    },
  };
};
