/** What `npm start` and the embedded ClickHouse read from their environment; the limits of the latter stand in `clickhouse/limits.ts`. */

// oxfmt-ignore
export const startEnvironment = {
  TOLLGATE_HOST:                 { by: '127.0.0.1', about: 'Address that everything listens on' },
  TOLLGATE_DATA_DIR:             { by: '.tollgate', about: 'Everything that is kept: spool, tables, generated keys, locks' },
  TOLLGATE_PORT:                 { by: '8080', about: 'Port of the gateway; 0: any free one, as for the others' },
  TOLLGATE_CLICKHOUSE_PORT:      { by: '8123', about: 'Port of the embedded ClickHouse' },
  TOLLGATE_OTLP_GRPC_PORT:       { by: '4317', about: 'Port of the trace-router for OTLP/gRPC' },
  TOLLGATE_OTLP_HTTP_PORT:       { by: '4318', about: 'Port of the trace-router for OTLP/HTTP' },
  TOLLGATE_ROUTER_ADMIN_PORT:    { by: '8081', about: 'Port of the trace-router for `/metrics` and `/health/*`' },
  TOLLGATE_MASTER_KEY:           { by: 'generated', about: "The administrator's key; it calls no model" },
  TOLLGATE_DEMO_KEY:             { by: 'generated', about: 'A key for the simulated model only' },
  TOLLGATE_CALLER_KEY:           { by: 'generated where there is more than the simulated model', about: 'A key for all models, as long as the configuration names no keys' },
  TOLLGATE_READER_PASSWORD:      { by: 'generated', about: 'Password of the user `reader` of the ledger' },
  TOLLGATE_START_TIMEOUT_MS:     { by: '120000', about: 'How long one part may take to become ready' },
  TOLLGATE_STOP_TIMEOUT_MS:      { by: '45000', about: 'How long one part may take to stop before it is killed' },
  TOLLGATE_TAKE_OVER_TIMEOUT_MS: { by: '120000', about: 'How long a start waits for each process that an earlier one left in the data directory' },
} as const;

// oxfmt-ignore
export const clickhouseEnvironment = {
  TOLLGATE_HOST:                { by: '127.0.0.1', about: 'Address to listen on' },
  TOLLGATE_HOSTS:               { by: 'none', about: 'Further names it may be called by, separated by commas; `*`: all' },
  TOLLGATE_CLICKHOUSE_PORT:     { by: '8123', about: 'Port; 0: any free one' },
  TOLLGATE_DATA_DIR:            { by: '.tollgate', about: 'Its folder `clickhouse` holds the tables' },
  TOLLGATE_CLICKHOUSE_USER:     { by: 'tollgate', about: 'Who may write' },
  TOLLGATE_CLICKHOUSE_PASSWORD: { by: 'generated', about: 'The password of that user' },
  TOLLGATE_READER_PASSWORD:     { by: 'generated', about: 'The password of the user `reader`' },
} as const;
