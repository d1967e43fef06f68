/** The real gateway as a process of its own, on a free port, with a configuration written for the test. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { launchProgram, startProgram, type Launched, type Program } from './process.ts';

const entry = path.resolve(import.meta.dirname, '../../gateway/src/main.ts');

export interface RunningGateway extends Program {
  readonly url: string;
  /** A key of team `shop`, application `checkout`, that may use every model. */
  readonly key: string;
  readonly dataDir: string;
  readonly configPath: string;
  metrics(accept?: string): Promise<string>;
  /** Ends it in an orderly way; the exit code. Without a ClickHouse it does not try for ten seconds to ship. */
  stop(): Promise<number | null>;
}

export interface GatewayOptions {
  /** A further line of `keys:`. */
  readonly anotherKey?: string;
  /** YAML of providers and models; the key is added. */
  readonly config: string;
  readonly clickhouse?: { readonly url: string; readonly user: string; readonly password: string };
  readonly otlpEndpoint?: string;
  /** Kept after `stop()`; without it a temporary one, removed. */
  readonly dataDir?: string;
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArgs?: readonly string[];
}

export const testKey = 'tg-test-0123456789abcdefghijklmnopqrstuvwxyzABCDE';

/** The environment of a gateway of tests. */
const environmentOf = (
  { port, clickhouse, otlpEndpoint, env }: Omit<GatewayOptions, 'config'>,
  { dataDir, configPath }: { readonly dataDir: string; readonly configPath: string },
): Readonly<Record<string, string>> => ({
  TOLLGATE_PORT: String(port ?? 0),
  TOLLGATE_DATA_DIR: dataDir,
  TOLLGATE_CONFIG: configPath,
  TOLLGATE_REPLICA: 'test',
  TEST_KEY: testKey,
  OPENAI_KEY: 'sk-openai-secret',
  ANTHROPIC_KEY: 'sk-anthropic-secret',
  TOLLGATE_CLICKHOUSE_URL: clickhouse?.url ?? 'http://127.0.0.1:9',
  TOLLGATE_CLICKHOUSE_USER: clickhouse?.user ?? 'default',
  TOLLGATE_CLICKHOUSE_PASSWORD: clickhouse?.password ?? '',
  ...(otlpEndpoint === undefined ? {} : { TOLLGATE_OTLP_ENDPOINT: otlpEndpoint }),
  ...env,
});

/** The key of these calls, as a line of the configuration. */
const keysYaml = `keys:
  - { id: test, secret: "\${TEST_KEY}", team: shop, application: checkout, organization: acme }
`;

/** Begins a gateway over a configuration that lies elsewhere; whether it gets ready is for the caller to see. */
export const launchGateway = (
  configPath: string,
  options: Omit<GatewayOptions, 'config' | 'anotherKey'> & { readonly dataDir: string },
): Launched =>
  launchProgram(
    entry,
    environmentOf(options, { dataDir: options.dataDir, configPath }),
    options.nodeArgs,
  );

/** What a configuration file of tests holds: providers and models, and the key that may use them. */
export const withTestKey = (config: string): string => `${config}\n${keysYaml}`;

export const startGateway = async (options: GatewayOptions): Promise<RunningGateway> => {
  const dataDir = options.dataDir ?? mkdtempSync(path.join(os.tmpdir(), 'tollgate-gateway-'));
  const configPath = path.join(dataDir, 'tollgate.yaml');
  writeFileSync(configPath, `${withTestKey(options.config)}${options.anotherKey ?? ''}\n`);
  const program = await startProgram(
    entry,
    environmentOf(options, { dataDir, configPath }),
    options.nodeArgs,
  );
  const url = `http://127.0.0.1:${String(program.ready['port'])}`;
  return {
    ...program,
    url,
    key: testKey,
    dataDir,
    configPath,
    async metrics(accept = 'text/plain') {
      return (await fetch(`${url}/metrics`, { headers: { accept } })).text();
    },
    async stop() {
      // As when its starter is gone: calls in flight get 2 s, and shipping to nobody is given up after 1 s.
      if (options.clickhouse === undefined) program.signal('SIGHUP');
      const code = await (options.clickhouse === undefined ? program.gone : program.stop());
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
      return code;
    },
  };
};

/** Providers `openai` and `anthropic` at the fakes, and models that reach them in both dialects. */
export const twoProviders = (openai: string, anthropic: string, more = ''): string => `providers:
  openai: { apiKey: "\${OPENAI_KEY}", baseUrl: "${openai}/v1" }
  anthropic: { apiKey: "\${ANTHROPIC_KEY}", baseUrl: "${anthropic}" }
models:
  gpt-*: openai
  text-embedding-*: openai
  claude-*: anthropic
  either:
    targets:
      - { provider: openai, model: gpt-4o-mini }
      - { provider: anthropic, model: claude-sonnet-4-5 }
${more}`;
