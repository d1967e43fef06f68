/** What the gateway reads from its environment, beside what a configuration file substitutes and vendors' credentials. */
// oxfmt-ignore
export const environment = {
  TOLLGATE_CONFIG:               { by: '`tollgate.yaml` where it exists', about: 'The configuration file. Without one: the vendors whose credential is in the environment, and the simulated model' },
  TOLLGATE_HOST:                 { by: '127.0.0.1', about: 'Address to listen on' },
  TOLLGATE_HOSTS:                { by: 'none', about: 'Further names it may be called by, separated by commas; `*`: all' },
  TOLLGATE_PORT:                 { by: '8080', about: 'Port; 0: any free one' },
  TOLLGATE_DATA_DIR:             { by: '.tollgate', about: 'Where the spool of the ledger lies' },
  TOLLGATE_REPLICA:              { by: "the host's name", about: 'Its name in the ledger' },
  TOLLGATE_TAKE_OVER_TIMEOUT_MS: { by: '60000', about: 'Wait for another gateway to let go of the data directory' },
  TOLLGATE_CLICKHOUSE_URL:       { by: 'http://127.0.0.1:8123', about: 'Where rows go' },
  TOLLGATE_CLICKHOUSE_PORT:      { by: '8123', about: 'Its port, where the address is not said' },
  TOLLGATE_CLICKHOUSE_USER:      { by: 'default', about: 'Who writes' },
  TOLLGATE_CLICKHOUSE_PASSWORD:  { by: 'empty', about: 'Its password' },
  TOLLGATE_OTLP_ENDPOINT:        { by: 'none', about: 'OTLP/gRPC address for spans and metrics, where the configuration says none' },
  TOLLGATE_MASTER_KEY:           { by: 'none', about: "The administrator's key; it calls no model" },
  TOLLGATE_DEMO_KEY:             { by: 'none', about: 'A key for the simulated model only' },
  TOLLGATE_CALLER_KEY:           { by: 'none', about: 'A key for all models, as long as the configuration names no keys' },
} as const;

/** Not secret by their nature, and needed by Node, libuv and the C library before any code of ours runs. */
// oxfmt-ignore
export const plainVariables: ReadonlySet<string> = new Set([
  'PATH', 'HOME', 'TMPDIR', 'TZ', 'LANG', 'LC_ALL', 'LC_CTYPE', 'NODE_OPTIONS', 'NODE_COMPILE_CACHE',
  'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR',
]);
