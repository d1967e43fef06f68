/**
 * The one table of metrics: what `/metrics` shows, what leaves over OTLP, what boards and rules may ask for.
 * Every label is bounded: known from configuration, or a closed set, or capped (past its cap a value is `other`
 * and `tollgate_metrics_overflow_total` counts it). A threshold used by an alert or SLO is always a bucket boundary.
 */

type Kind = 'counter' | 'gauge' | 'histogram';
/** What a value is; money is kept as whole pico-dollars and shown in dollars. */
type Unit = '' | 's' | 'usd' | '{token}' | 'By' | '1';

interface Row {
  readonly name: string;
  /** The name over OTLP where it differs from the rule "underscores become dots, unit and _total go". */
  readonly otlp: string;
  readonly kind: Kind;
  readonly unit: Unit;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
  readonly exemplars?: true;
  readonly help: string;
}

const callSeconds = [0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300];
const firstTokenSeconds = [0.05, 0.1, 0.25, 0.5, 0.75, 1, 2, 3, 5, 10];
const perTokenSeconds = [0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1];
const tokenCounts = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576];
const overheadSeconds = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
];
const gapSeconds = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30];
const ioSeconds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

// oxfmt-ignore
export const metrics = {
  requestDuration: { name: 'gen_ai_server_request_duration_seconds', otlp: 'gen_ai.server.request.duration', kind: 'histogram', unit: 's', labels: ['gen_ai_operation_name', 'gen_ai_provider_name', 'gen_ai_request_model', 'error_type'], buckets: callSeconds, exemplars: true, help: 'A call as the client saw it, from arrival to its last byte; error_type is empty or _OTHER' },
  timeToFirstToken: { name: 'gen_ai_server_time_to_first_token_seconds', otlp: 'gen_ai.server.time_to_first_token', kind: 'histogram', unit: 's', labels: ['gen_ai_provider_name', 'gen_ai_request_model'], buckets: firstTokenSeconds, exemplars: true, help: 'From arrival of the call to the first content of a streamed reply' },
  timePerOutputToken: { name: 'gen_ai_server_time_per_output_token_seconds', otlp: 'gen_ai.server.time_per_output_token', kind: 'histogram', unit: 's', labels: ['gen_ai_provider_name', 'gen_ai_request_model'], buckets: perTokenSeconds, help: 'Streamed time after the first content, per further output token' },
  operationDuration: { name: 'gen_ai_client_operation_duration_seconds', otlp: 'gen_ai.client.operation.duration', kind: 'histogram', unit: 's', labels: ['gen_ai_provider_name', 'gen_ai_request_model', 'error_type'], buckets: callSeconds, help: 'One attempt at a provider' },
  tokenUsage: { name: 'gen_ai_client_token_usage', otlp: 'gen_ai.client.token.usage', kind: 'histogram', unit: '{token}', labels: ['gen_ai_provider_name', 'gen_ai_request_model', 'gen_ai_token_type'], buckets: tokenCounts, help: 'Tokens of one attempt, input (cached ones included) and output' },
  calls: { name: 'tollgate_calls_total', otlp: 'tollgate.calls', kind: 'counter', unit: '', labels: ['caller_team', 'caller_app', 'outcome'], exemplars: true, help: 'Calls by how they ended; those of nobody, refused for want of a valid key, too' },
  unwritten: { name: 'tollgate_calls_unwritten_total', otlp: 'tollgate.calls.unwritten', kind: 'counter', unit: '', labels: ['outcome'], help: 'Of tollgate_calls_total: calls without a row, so that rows = calls - unwritten: refused ones that were only counted, because there were too many (limits.refusals*), and rows that were dropped (tollgate_ledger_rows_total)' },
  tokens: { name: 'tollgate_tokens_total', otlp: 'tollgate.tokens', kind: 'counter', unit: '{token}', labels: ['caller_team', 'caller_app', 'bucket'], help: 'Tokens by caller: input, cache_read, cache_write, output, reasoning' },
  cost: { name: 'tollgate_cost_usd_total', otlp: 'tollgate.cost', kind: 'counter', unit: 'usd', labels: ['caller_team', 'caller_app'], exemplars: true, help: 'Cost in dollars by caller; exact in the ledger, a float here' },
  modelCost: { name: 'tollgate_model_cost_usd_total', otlp: 'tollgate.model.cost', kind: 'counter', unit: 'usd', labels: ['provider', 'model'], help: 'Cost in dollars by provider and model' },
  waste: { name: 'tollgate_waste_usd_total', otlp: 'tollgate.waste', kind: 'counter', unit: 'usd', labels: ['provider', 'reason'], help: 'Cost in dollars of attempts that served nobody' },
  attempts: { name: 'tollgate_provider_attempts_total', otlp: 'tollgate.provider.attempts', kind: 'counter', unit: '', labels: ['provider', 'model', 'result', 'error'], exemplars: true, help: 'Attempts at a provider; error is empty or server, rate_limited, timeout, network, auth, caller, gateway (ended by us)' },
  retries: { name: 'tollgate_retries_total', otlp: 'tollgate.retries', kind: 'counter', unit: '', labels: ['from_provider', 'to_provider', 'reason'], help: 'Further attempts at the same target' },
  fallbacks: { name: 'tollgate_fallbacks_total', otlp: 'tollgate.fallbacks', kind: 'counter', unit: '', labels: ['from_provider', 'to_provider', 'reason'], help: 'Further attempts at another target' },
  overhead: { name: 'tollgate_overhead_seconds', otlp: 'tollgate.overhead', kind: 'histogram', unit: 's', labels: ['operation'], buckets: overheadSeconds, exemplars: true, help: 'Time of a call that was spent neither at a provider nor waiting before a further try' },
  streamEndings: { name: 'tollgate_stream_endings_total', otlp: 'tollgate.stream.endings', kind: 'counter', unit: '', labels: ['provider', 'model', 'outcome', 'blame'], help: 'How streamed replies ended; blame is empty, provider, gateway or client' },
  streamGap: { name: 'tollgate_stream_gap_seconds', otlp: 'tollgate.stream.gap', kind: 'histogram', unit: 's', labels: ['provider'], buckets: gapSeconds, help: 'Longest silence inside a streamed reply' },
  slowReaders: { name: 'tollgate_slow_readers_total', otlp: 'tollgate.slow.readers', kind: 'counter', unit: '', labels: [], help: 'Clients let go of because they took nothing of their reply for limits.slowReader' },
  impossibleUsage: { name: 'tollgate_impossible_usage_total', otlp: 'tollgate.impossible.usage', kind: 'counter', unit: '', labels: ['provider'], help: 'Attempts whose provider reported counts that cannot be; they were estimated instead' },
  providerCuts: { name: 'tollgate_provider_cuts_total', otlp: 'tollgate.provider.cuts', kind: 'counter', unit: '', labels: ['provider', 'what'], help: 'What a provider said and did not go on: credential (taken out of an error, header or name), name (no plain text, or above 256 characters), header (too long, no text, or one too many), error_body (above 64 KiB or no text, told in our form), event (limits.event), reply (limits.reply)' },
  inflight: { name: 'tollgate_inflight_calls', otlp: 'tollgate.inflight.calls', kind: 'gauge', unit: '', labels: ['provider'], help: 'Attempts in flight' },
  openStreams: { name: 'tollgate_open_streams', otlp: 'tollgate.open.streams', kind: 'gauge', unit: '', labels: ['provider'], help: 'Streamed replies being relayed' },
  limitHits: { name: 'tollgate_limit_hits_total', otlp: 'tollgate.limit.hits', kind: 'counter', unit: '', labels: ['limit'], help: 'What a limit refused, by the name of the limit in the configuration' },
  limitRefusals: { name: 'tollgate_limit_refusals_total', otlp: 'tollgate.limit.refusals', kind: 'counter', unit: '', labels: ['caller_team', 'caller_app', 'limit'], help: 'Calls refused for want of budget, by what they lacked: usd, tokens, requests, parallel; unpriced (a model without a price under a budget of money)' },
  budgetUsed: { name: 'tollgate_budget_used_ratio', otlp: 'tollgate.budget.used', kind: 'gauge', unit: '1', labels: ['budget', 'scope', 'name', 'unit', 'window'], help: 'Share of a budget that is used in its window; above 1: a soft one, or one that was made smaller. Of the 100 accounts with the largest share' },
  budgetLimit: { name: 'tollgate_budget_limit', otlp: 'tollgate.budget.limit', kind: 'gauge', unit: '', labels: ['budget', 'scope', 'name', 'unit', 'window'], help: 'What a budget allows in its window, in its unit: dollars, tokens, calls' },
  budgetReserved: { name: 'tollgate_budget_reserved', otlp: 'tollgate.budget.reserved', kind: 'gauge', unit: '', labels: ['budget', 'scope', 'name', 'unit', 'window'], help: 'What calls in flight may still take of a budget, in its unit' },
  budgetWindowEnd: { name: 'tollgate_budget_window_end_timestamp_seconds', otlp: 'tollgate.budget.window_end', kind: 'gauge', unit: 's', labels: ['window'], help: 'When the hour, day, week or month of a budget ends, Unix time; where time zones differ, the latest' },
  budgetThresholds: { name: 'tollgate_budget_thresholds_total', otlp: 'tollgate.budget.thresholds', kind: 'counter', unit: '', labels: ['budget', 'threshold'], help: 'Thresholds passed by accounts of a budget, each once in a window; forecast: at its pace the budget is spent before the window ends' },
  budgetExposure: { name: 'tollgate_budget_exposure_usd_total', otlp: 'tollgate.budget.exposure', kind: 'counter', unit: 'usd', labels: ['caller_team', 'caller_app'], help: 'Dollars that providers billed beyond what their calls had reserved' },
  budgetUnpriced: { name: 'tollgate_budget_unpriced_calls_total', otlp: 'tollgate.budget.unpriced_calls', kind: 'counter', unit: '', labels: ['provider', 'model'], help: 'Calls let through under a budget of money although nobody knows their price (admission.unpriced)' },
  budgetKeepFailures: { name: 'tollgate_budget_keep_failures_total', otlp: 'tollgate.budget.keep_failures', kind: 'counter', unit: '', labels: [], help: 'Times that what budgets had used could not be written down for the next start' },
  budgetAccountsEvicted: { name: 'tollgate_budget_accounts_evicted_total', otlp: 'tollgate.budget.accounts_evicted', kind: 'counter', unit: '', labels: [], help: 'Accounts that were forgotten with something in them, because there were too many (admission.accounts)' },
  bodyBytes: { name: 'tollgate_body_bytes', otlp: 'tollgate.body.size', kind: 'gauge', unit: 'By', labels: [], help: 'Memory taken by the bodies of calls in flight, as limits.bodiesInFlight counts it' },
  authFailures: { name: 'tollgate_auth_failures_total', otlp: 'tollgate.auth.failures', kind: 'counter', unit: '', labels: ['reason'], help: 'Calls without a valid key or token. Of keys: missing, malformed, unknown; of tokens: token (it is none), issuer (unknown), algorithm, signature (of no current key), audience, expired, not_yet_valid, claims (not as issuers asks), unavailable (no keys of the issuer yet)' },
  issuerKeysAge: { name: 'tollgate_issuer_keys_age_seconds', otlp: 'tollgate.issuer.keys_age', kind: 'gauge', unit: 's', labels: ['issuer'], help: 'Time since the keys of an issuer of tokens were last had; no value: not since the start. They serve as long as the issuer is away' },
  issuerRefreshes: { name: 'tollgate_issuer_refreshes_total', otlp: 'tollgate.issuer.refreshes', kind: 'counter', unit: '', labels: ['issuer', 'result'], help: 'Times that the keys of an issuer were asked for: changed, unchanged, failed' },
  foreignRequests: { name: 'tollgate_foreign_requests_total', otlp: 'tollgate.foreign.requests', kind: 'counter', unit: '', labels: ['reason'], help: 'Requests refused before anything in them was read: malformed, host (no name of this listener), origin, site (a web page of elsewhere)' },
  unpriced: { name: 'tollgate_unpriced_calls_total', otlp: 'tollgate.unpriced.calls', kind: 'counter', unit: '', labels: ['provider', 'model'], help: 'Calls with a token class that no price covers' },
  estimated: { name: 'tollgate_estimated_attempts_total', otlp: 'tollgate.estimated.attempts', kind: 'counter', unit: '', labels: ['provider', 'source'], help: 'Attempts whose usage was counted by us: partial, estimated' },
  priceCatalog: { name: 'tollgate_price_catalog_info', otlp: 'tollgate.price_catalog.info', kind: 'gauge', unit: '', labels: ['version'], help: 'Always 1; the version of the price table in force' },
  priceCatalogAge: { name: 'tollgate_price_catalog_age_seconds', otlp: 'tollgate.price_catalog.age', kind: 'gauge', unit: 's', labels: ['version'], help: 'Time since the day of the newest list that the prices in force were taken from' },
  priceCatalogWrites: { name: 'tollgate_price_catalog_writes_total', otlp: 'tollgate.price_catalog.writes', kind: 'counter', unit: '', labels: ['result'], help: 'Versions of the price table brought to tollgate.price_catalog: written, present (all of it was there), failed (a try; it is made again)' },
  conservation: { name: 'tollgate_ledger_conservation_error', otlp: 'tollgate.ledger.conservation_error', kind: 'gauge', unit: '', labels: ['quantity'], help: 'Must be 0. calls: intents - closes - open; rows: closes - shipped - spooled - dead - damaged; missing, double: rows in ClickHouse against what was shipped; dropped: rows not recorded' },
  ledgerRows: { name: 'tollgate_ledger_rows_total', otlp: 'tollgate.ledger.rows', kind: 'counter', unit: '', labels: ['result'], help: 'Ledger rows: spooled, shipped, resent, recovered, dead (refused), damaged (on disk), mended (one flipped bit), dropped (no room)' },
  spoolBytes: { name: 'tollgate_ledger_spool_bytes', otlp: 'tollgate.ledger.spool', kind: 'gauge', unit: 'By', labels: [], help: 'Bytes of ledger entries not yet in ClickHouse' },
  spoolOldest: { name: 'tollgate_ledger_spool_oldest_seconds', otlp: 'tollgate.ledger.spool_oldest', kind: 'gauge', unit: 's', labels: [], help: 'Age of the oldest ledger row not yet in ClickHouse' },
  keptBytes: { name: 'tollgate_ledger_kept_bytes', otlp: 'tollgate.ledger.kept', kind: 'gauge', unit: 'By', labels: [], help: 'Bytes of shipped segments that are kept until the table was seen to have their rows' },
  ledgerFull: { name: 'tollgate_ledger_full', otlp: 'tollgate.ledger.full', kind: 'gauge', unit: '', labels: ['reason'], help: '1 while new calls are refused: max_spool (as large as it may be), disk (refuses writes), reserve (no room left for rows of calls in flight)' },
  ledgerAside: { name: 'tollgate_ledger_set_aside_files', otlp: 'tollgate.ledger.set_aside_files', kind: 'gauge', unit: '', labels: ['kind'], help: 'Files that wait for a person: dead (rows the table refused), damaged (segments)' },
  ledgerShipFailures: { name: 'tollgate_ledger_ship_failures_total', otlp: 'tollgate.ledger.ship_failures', kind: 'counter', unit: '', labels: [], help: 'Inserts and questions that ClickHouse did not answer, and segments that could not be read' },
  reconciliationDrift: { name: 'tollgate_reconciliation_drift_ratio', otlp: 'tollgate.reconciliation.drift', kind: 'gauge', unit: '1', labels: ['provider', 'cause'], help: 'How far the ledger is off the bills of the last 35 days, of what is billed; above 0: the ledger has more. cause: price, unpriced, estimated (tokens that we counted), missing (not in the bill), outside (billed, and not through the gateway). As measured when a bill was last imported or calls were priced anew' },
  ledgerReconciled: { name: 'tollgate_ledger_reconciled_timestamp_seconds', otlp: 'tollgate.ledger.reconciled', kind: 'gauge', unit: 's', labels: [], help: 'When the rows in ClickHouse were last compared with what was shipped, Unix time; 0: not yet' },
  ledgerCommit: { name: 'tollgate_ledger_commit_seconds', otlp: 'tollgate.ledger.commit', kind: 'histogram', unit: 's', labels: [], buckets: ioSeconds, help: 'One group commit of the spool' },
  ledgerShip: { name: 'tollgate_ledger_ship_seconds', otlp: 'tollgate.ledger.ship', kind: 'histogram', unit: 's', labels: [], buckets: ioSeconds, help: 'One segment shipped to ClickHouse' },
  spans: { name: 'tollgate_spans_total', otlp: 'tollgate.spans', kind: 'counter', unit: '', labels: ['result'], help: 'Spans handed to the exporter: exported, dropped (queue full), failed' },
  overflow: { name: 'tollgate_metrics_overflow_total', otlp: 'tollgate.metrics.overflow', kind: 'counter', unit: '', labels: ['metric', 'label'], help: 'Label values past their cap, counted as other' },
  workerUp: { name: 'tollgate_worker_up', otlp: 'tollgate.worker.up', kind: 'gauge', unit: '', labels: [], help: 'Of several workers behind one port, each with the label worker: 1 when its series are in this scrape, 0 when it is away or gave no answer. Always 1 for a gateway of one process' },
  workerRestarts: { name: 'tollgate_worker_restarts_total', otlp: 'tollgate.worker.restarts', kind: 'counter', unit: '', labels: [], help: 'How often a worker was started again after it had ended by itself' },
  config: { name: 'tollgate_config_info', otlp: 'tollgate.config.info', kind: 'gauge', unit: '', labels: ['hash'], help: 'Always 1; the hash of the configuration in force' },
  configReloads: { name: 'tollgate_config_reloads_total', otlp: 'tollgate.config.reloads', kind: 'counter', unit: '', labels: ['result'], help: 'Configuration reloads: applied, restart_needed (applied but for settings that count only at start), rejected' },
  configRestartNeeded: { name: 'tollgate_config_restart_needed', otlp: 'tollgate.config.restart_needed', kind: 'gauge', unit: '', labels: [], help: 'Settings that the configuration file has changed and that count only when the gateway is started again; /health/ready names them' },
} as const satisfies Record<string, Row>;

export type MetricId = keyof typeof metrics;
export type MetricRow = Row;
/** The labels a metric has, as a union of their names. */
export type LabelOf<M extends MetricId> = (typeof metrics)[M]['labels'][number];

/** The metrics of a kind, by their ids. */
export type Counter = {
  [M in MetricId]: (typeof metrics)[M]['kind'] extends 'counter' ? M : never;
}[MetricId];
export type Gauge = {
  [M in MetricId]: (typeof metrics)[M]['kind'] extends 'gauge' ? M : never;
}[MetricId];
export type Histogram = {
  [M in MetricId]: (typeof metrics)[M]['kind'] extends 'histogram' ? M : never;
}[MetricId];
export type Money = {
  [M in MetricId]: (typeof metrics)[M]['unit'] extends 'usd' ? M : never;
}[MetricId];
/** A value for each label of a metric. */
export type Labels<M extends MetricId> = Readonly<Record<LabelOf<M>, string>>;
