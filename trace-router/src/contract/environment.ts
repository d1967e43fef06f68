/** What the trace-router reads from its environment, beside what a configuration file substitutes. */
// oxfmt-ignore
export const environment = {
  TOLLGATE_ROUTER_CONFIG:       { by: 'none', about: 'The configuration file; without one everything has its default' },
  TOLLGATE_HOST:                { by: '127.0.0.1', about: 'Address to listen on' },
  TOLLGATE_HOSTS:               { by: 'none', about: 'Further names it may be called by, separated by commas; `*`: all' },
  TOLLGATE_OTLP_GRPC_PORT:      { by: '4317', about: 'Port of OTLP/gRPC; 0: any free one' },
  TOLLGATE_OTLP_HTTP_PORT:      { by: '4318', about: 'Port of OTLP/HTTP; 0: any free one' },
  TOLLGATE_ROUTER_ADMIN_PORT:   { by: '8081', about: 'Port of `/metrics` and `/health/*`; 0: any free one' },
  TOLLGATE_CLICKHOUSE_URL:      { by: 'http://127.0.0.1:8123', about: 'Where the built-in sampler writes kept traces' },
  TOLLGATE_CLICKHOUSE_USER:     { by: 'default', about: 'Who writes' },
  TOLLGATE_CLICKHOUSE_PASSWORD: { by: 'empty', about: 'Its password' },
} as const;
