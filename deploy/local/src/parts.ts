/** The parts of the product, in the order in which they start; they stop in the opposite order. */
import path from 'node:path';
import { migrate, migrationFolders } from '../../clickhouse/migrate.ts';
import type { Users } from './clickhouse/users.ts';
import { engineFlags } from './engine-flags.ts';
import type { Env, Settings } from './settings.ts';

export interface Part {
  readonly name: string;
  /** A file for Node, and the engine's flags for it. */
  readonly entry: string;
  readonly engineFlags: readonly string[];
  readonly env: Env;
  /** Answers 200 when the part is ready. */
  readonly readyUrl: string;
  /** Done once, after the part's first readiness and before the next part starts. */
  readonly afterReady: ((log: (line: string) => void) => Promise<void>) | null;
}

export interface Plan {
  readonly root: string;
  readonly env: Env;
  readonly settings: Settings;
  readonly users: Users;
  readonly masterKey: string;
  readonly demoKey: string;
}

/** A host to call for a host to listen on. */
export const callable = (host: string): string =>
  ['0.0.0.0', '::', ''].includes(host) ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;

/** Only the gateway calls providers and knows keys. */
const withoutSecrets = (env: Env): Env =>
  Object.fromEntries(
    Object.entries(env).filter(
      ([name]) => !/(?:_API_KEY|_MASTER_KEY|_DEMO_KEY|_READER_PASSWORD)$/.test(name),
    ),
  );

export const planParts = (plan: Plan): readonly Part[] => {
  const { root, settings } = plan;
  const { writer, reader } = plan.users;
  const { host, ports, dataDir } = settings;
  const at = (port: number) => `http://${callable(host)}:${port}`;
  const database = {
    TOLLGATE_CLICKHOUSE_URL: at(ports.clickhouse),
    TOLLGATE_CLICKHOUSE_USER: writer.name,
    TOLLGATE_CLICKHOUSE_PASSWORD: writer.password,
  };
  const shared: Env = {
    TOLLGATE_HOST: host,
    TOLLGATE_HOSTS: plan.env['TOLLGATE_HOSTS'],
    TOLLGATE_DATA_DIR: dataDir,
    TOLLGATE_PORT: String(ports.gateway),
    TOLLGATE_CLICKHOUSE_PORT: String(ports.clickhouse),
    TOLLGATE_OTLP_GRPC_PORT: String(ports.otlpGrpc),
    TOLLGATE_OTLP_HTTP_PORT: String(ports.otlpHttp),
    TOLLGATE_ROUTER_ADMIN_PORT: String(ports.routerAdmin),
    ...database,
  };
  return [
    {
      name: 'clickhouse',
      entry: path.join(root, 'deploy/local/src/clickhouse/main.ts'),
      engineFlags: [],
      // Each running query holds one of libuv's threads, as do file reads and compression.
      env: {
        ...withoutSecrets(plan.env),
        ...shared,
        TOLLGATE_READER_PASSWORD: reader.password,
        UV_THREADPOOL_SIZE: '48',
      },
      readyUrl: `${at(ports.clickhouse)}/ping`,
      async afterReady(log) {
        const { name: user, password } = writer;
        const folders = migrationFolders;
        await migrate({ url: at(ports.clickhouse), user, password, folders, log });
      },
    },
    {
      name: 'trace-router',
      entry: path.join(root, 'trace-router/src/main.ts'),
      engineFlags,
      env: { ...withoutSecrets(plan.env), ...shared },
      readyUrl: `${at(ports.routerAdmin)}/health/ready`,
      afterReady: null,
    },
    {
      name: 'gateway',
      entry: path.join(root, 'gateway/src/main.ts'),
      engineFlags,
      env: {
        ...plan.env,
        ...shared,
        TOLLGATE_OTLP_ENDPOINT: at(ports.otlpGrpc),
        TOLLGATE_MASTER_KEY: plan.masterKey,
        TOLLGATE_DEMO_KEY: plan.demoKey,
      },
      readyUrl: `${at(ports.gateway)}/health/ready`,
      afterReady: null,
    },
  ];
};
