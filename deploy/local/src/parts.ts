/** The parts of the product, in the order in which they start; they stop in the opposite order. */
import path from 'node:path';
import { migrate, migrationFolders } from '../../clickhouse/migrate.ts';
import type { Users } from './clickhouse/users.ts';
import { engineFlags } from './engine-flags.ts';
import { documentedVariables, plainEnvironment } from './environment.ts';
import type { PartName } from './environment.ts';
import { lockFile } from './lock.ts';
import type { Env, Settings } from './settings.ts';

export interface Part {
  readonly name: string;
  /** A file for Node, and the engine's flags for it. */
  readonly entry: string;
  readonly engineFlags: readonly string[];
  /** The environment of its process, which every process of this user can read: nothing secret. */
  readonly env: Readonly<Record<string, string>>;
  /** Variables it is handed by pipe. */
  readonly handed: Readonly<Record<string, string>>;
  /** The file it locks as long as it lives. */
  readonly lock: string;
  /** Answers 200 when the part is ready. */
  readonly readyUrl: string;
  /** What is true while it is away, for the log. */
  readonly meanwhile: string;
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
  /** Null: there is nothing beside the demo to serve. */
  readonly callerKey: string | null;
}

/** A host to call for a host to listen on. */
export const callable = (host: string): string =>
  ['0.0.0.0', '::', ''].includes(host) ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;

export const planParts = (plan: Plan): readonly Part[] => {
  const { root, settings } = plan;
  const { writer, reader } = plan.users;
  const { host, ports, dataDir } = settings;
  const at = (port: number) => `http://${callable(host)}:${port}`;
  const shared = {
    TOLLGATE_HOST: host,
    TOLLGATE_DATA_DIR: dataDir,
    TOLLGATE_PORT: String(ports.gateway),
    TOLLGATE_CLICKHOUSE_PORT: String(ports.clickhouse),
    TOLLGATE_OTLP_GRPC_PORT: String(ports.otlpGrpc),
    TOLLGATE_OTLP_HTTP_PORT: String(ports.otlpHttp),
    TOLLGATE_ROUTER_ADMIN_PORT: String(ports.routerAdmin),
    TOLLGATE_CLICKHOUSE_URL: at(ports.clickhouse),
    TOLLGATE_CLICKHOUSE_USER: writer.name,
    TOLLGATE_CLICKHOUSE_PASSWORD: writer.password,
  };
  const env = plainEnvironment(plan.env);
  const common = (name: PartName, entry: string) => ({
    name,
    entry: path.join(root, entry),
    env,
    handed: { ...documentedVariables(name, plan.env), ...shared },
    lock: lockFile(dataDir, name),
    afterReady: null,
  });
  const clickhouse = common('clickhouse', 'deploy/local/src/clickhouse/main.ts');
  const gateway = common('gateway', 'gateway/src/main.ts');
  return [
    {
      ...clickhouse,
      engineFlags: [],
      // File reads and compression hold libuv's threads; queries hold those of the engine's own process.
      env: { ...env, UV_THREADPOOL_SIZE: '16' },
      handed: { ...clickhouse.handed, TOLLGATE_READER_PASSWORD: reader.password },
      readyUrl: `${at(ports.clickhouse)}/ping`,
      meanwhile: 'calls are served, their rows wait in the spool',
      async afterReady(log) {
        const { name: user, password } = writer;
        const folders = migrationFolders;
        await migrate({ url: at(ports.clickhouse), user, password, folders, log });
      },
    },
    {
      ...common('trace-router', 'trace-router/src/main.ts'),
      engineFlags,
      readyUrl: `${at(ports.routerAdmin)}/health/ready`,
      meanwhile: 'calls are served, spans wait in the gateway as far as its queue reaches',
    },
    {
      ...gateway,
      engineFlags,
      handed: {
        ...gateway.handed,
        TOLLGATE_OTLP_ENDPOINT: at(ports.otlpGrpc),
        TOLLGATE_MASTER_KEY: plan.masterKey,
        TOLLGATE_DEMO_KEY: plan.demoKey,
        ...(plan.callerKey !== null && { TOLLGATE_CALLER_KEY: plan.callerKey }),
      },
      readyUrl: `${at(ports.gateway)}/health/ready`,
      meanwhile: 'no call is served',
    },
  ];
};
