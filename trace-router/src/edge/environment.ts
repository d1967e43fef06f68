import { hostList, ownNames, type OwnNames } from '@tollgate/listener/names.ts';

/** Everything the process is told by its environment, read once. */
export interface Environment {
  readonly host: string;
  /** What it may be called by; `TOLLGATE_HOSTS` adds names to those that follow from the address. */
  readonly names: OwnNames;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly adminPort: number;
  readonly configPath: string | null;
  readonly clickhouse: { readonly url: string; readonly user: string; readonly password: string };
}

/** Names and defaults are public: see the table of addresses in the repository's README. */
export const readEnvironment = (
  env: Readonly<Record<string, string | undefined>>,
): Environment | { readonly problems: readonly string[] } => {
  const problems: string[] = [];
  const text = (name: string, fallback: string): string => {
    const value = env[name];
    return value === undefined || value === '' ? fallback : value;
  };
  const port = (name: string, fallback: number): number => {
    const value = text(name, String(fallback));
    const number = Number(value);
    if (/^\d{1,5}$/.test(value) && number <= 65_535) return number;
    problems.push(`${name}='${value}' is not a port: a number from 0 (any free one) to 65535`);
    return 0;
  };
  const url = text('TOLLGATE_CLICKHOUSE_URL', 'http://127.0.0.1:8123');
  const configPath = text('TOLLGATE_ROUTER_CONFIG', '');
  const host = text('TOLLGATE_HOST', '127.0.0.1');
  const hosts = hostList(text('TOLLGATE_HOSTS', ''));
  if ('problem' in hosts) problems.push(`TOLLGATE_HOSTS ${hosts.problem}`);
  const environment: Environment = {
    host,
    names: ownNames(host, 'problem' in hosts ? [] : hosts),
    grpcPort: port('TOLLGATE_OTLP_GRPC_PORT', 4317),
    httpPort: port('TOLLGATE_OTLP_HTTP_PORT', 4318),
    adminPort: port('TOLLGATE_ROUTER_ADMIN_PORT', 8081),
    configPath: configPath === '' ? null : configPath,
    clickhouse: {
      url,
      user: text('TOLLGATE_CLICKHOUSE_USER', 'default'),
      password: env['TOLLGATE_CLICKHOUSE_PASSWORD'] ?? '',
    },
  };
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
    problems.push('TOLLGATE_CLICKHOUSE_URL is not an http:// or https:// address');
  }
  return problems.length > 0 ? { problems } : environment;
};
