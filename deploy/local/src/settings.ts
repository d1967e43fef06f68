/** What `npm start` reads from its environment: the table "Addresses of npm start", checked all at once. */
import path from 'node:path';

/** Each listening address: its name, its variable, its default. */
// oxfmt-ignore
export const ports = {
  gateway:         { env: 'TOLLGATE_PORT',              value: 8080 },
  clickhouse:      { env: 'TOLLGATE_CLICKHOUSE_PORT',   value: 8123 },
  otlpGrpc:        { env: 'TOLLGATE_OTLP_GRPC_PORT',    value: 4317 },
  otlpHttp:        { env: 'TOLLGATE_OTLP_HTTP_PORT',    value: 4318 },
  routerAdmin:     { env: 'TOLLGATE_ROUTER_ADMIN_PORT', value: 8081 },
} as const;
export type PortName = keyof typeof ports;
export const portNames = ['gateway', 'clickhouse', 'otlpGrpc', 'otlpHttp', 'routerAdmin'] as const;

export interface Settings {
  readonly host: string;
  /** 0: any free one. */
  readonly ports: Readonly<Record<PortName, number>>;
  readonly dataDir: string;
  /** How long one part may take to answer its readiness check. */
  readonly startMs: number;
  /** How long one part may take to stop before it is killed. */
  readonly stopMs: number;
  /** How long a start waits for each process that an earlier one left in the data directory. */
  readonly takeOverMs: number;
}

export type Env = Readonly<Record<string, string | undefined>>;

/** Reads the settings. @returns every problem found, or the settings. */
export const readSettings = (
  env: Env,
  root: string,
): { kind: 'settings'; settings: Settings } | { kind: 'problems'; problems: readonly string[] } => {
  const problems: string[] = [];
  const whole = (name: string, fallback: number, max: number) => {
    const text = env[name];
    if (text === undefined || text === '') return fallback;
    const value = Number(text);
    if (Number.isInteger(value) && value >= 0 && value <= max) return value;
    problems.push(`${name} is '${text}'; a whole number from 0 to ${max} is needed`);
    return fallback;
  };
  const port = (name: PortName) => whole(ports[name].env, ports[name].value, 65_535);
  const dataDir = path.resolve(root, env['TOLLGATE_DATA_DIR'] || '.tollgate');
  // The engine takes file names as patterns.
  if (/[*?{}[\]]/.test(dataDir)) {
    problems.push(`TOLLGATE_DATA_DIR ${dataDir} must not contain any of * ? { } [ ]`);
  }
  const settings: Settings = {
    host: env['TOLLGATE_HOST'] || '127.0.0.1',
    ports: {
      gateway: port('gateway'),
      clickhouse: port('clickhouse'),
      otlpGrpc: port('otlpGrpc'),
      otlpHttp: port('otlpHttp'),
      routerAdmin: port('routerAdmin'),
    },
    dataDir,
    startMs: whole('TOLLGATE_START_TIMEOUT_MS', 120_000, 3_600_000),
    stopMs: whole('TOLLGATE_STOP_TIMEOUT_MS', 45_000, 3_600_000),
    takeOverMs: whole('TOLLGATE_TAKE_OVER_TIMEOUT_MS', 120_000, 3_600_000),
  };
  for (const [i, name] of portNames.entries()) {
    const twin = portNames.slice(0, i).find((one) => settings.ports[one] === settings.ports[name]);
    if (twin !== undefined && settings.ports[name] !== 0) {
      problems.push(`${ports[twin].env} and ${ports[name].env} are both ${settings.ports[name]}`);
    }
  }
  return problems.length > 0 ? { kind: 'problems', problems } : { kind: 'settings', settings };
};
