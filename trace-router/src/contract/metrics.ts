/**
 * The one table of metrics of the trace-router, in the shape of the gateway's. `otelcol_loadbalancer_*` keep the names
 * of the collector's load-balancing exporter, so that its dashboards work:
 * https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/exporter/loadbalancingexporter
 * Every label is bounded: a closed set, or names from the configuration.
 */

type Kind = 'counter' | 'gauge' | 'histogram';
type Unit = '' | 's' | 'ms' | 'By' | '{span}' | '{trace}';

interface Row {
  readonly name: string;
  readonly kind: Kind;
  readonly unit: Unit;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
  readonly help: string;
}

const backendMs = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];
const requestSeconds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10];
const traceSpans = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000];

// oxfmt-ignore
export const metrics = {
  requests: { name: 'trace_router_requests_total', kind: 'counter', unit: '', labels: ['protocol', 'outcome'], help: 'Export requests by protocol (http, grpc) and how they were answered' },
  requestDuration: { name: 'trace_router_request_duration_seconds', kind: 'histogram', unit: 's', labels: ['protocol'], buckets: requestSeconds, help: 'From the whole request read to its answer' },
  receivedBytes: { name: 'trace_router_received_bytes_total', kind: 'counter', unit: 'By', labels: ['encoding'], help: 'Request bytes as they came, by content encoding' },
  inflightBytes: { name: 'trace_router_inflight_bytes', kind: 'gauge', unit: 'By', labels: [], help: 'Bytes of requests not answered yet' },
  refusals: { name: 'trace_router_refusals_total', kind: 'counter', unit: '', labels: ['reason'], help: 'Requests answered with retry later: inflight, member_queue, ack_timeout, sampler, draining; and for good: spans (more than receive.maxSpans)' },
  foreignRequests: { name: 'trace_router_foreign_requests_total', kind: 'counter', unit: '', labels: ['listener', 'reason'], help: 'HTTP requests refused before anything in them was read, by listener (otlp, admin): malformed, host (no name of this listener), origin, site (a web page of elsewhere)' },
  spans: { name: 'trace_router_spans_total', kind: 'counter', unit: '{span}', labels: ['outcome'], help: 'Spans: received; delivered, accepted, written or sampled_out; malformed, unidentified, refused (by a member or ClickHouse), expired, lost_at_shutdown' },
  resends: { name: 'trace_router_resends_joined_total', kind: 'counter', unit: '', labels: [], help: 'Requests sent again while the first copy was still being delivered: answered with its result, not delivered twice' },
  metricsRequests: { name: 'trace_router_metrics_requests_total', kind: 'counter', unit: '', labels: ['outcome'], help: 'OTLP metrics requests: forwarded, failed, refused (no destination configured)' },
  backends: { name: 'otelcol_loadbalancer_num_backends', kind: 'gauge', unit: '', labels: ['resolver'], help: 'Members in the slot table' },
  backendUpdates: { name: 'otelcol_loadbalancer_num_backend_updates', kind: 'counter', unit: '', labels: ['resolver'], help: 'Times the list of members was set' },
  resolutions: { name: 'otelcol_loadbalancer_num_resolutions', kind: 'counter', unit: '', labels: ['resolver', 'success'], help: 'Times the list of members was looked up' },
  backendLatency: { name: 'otelcol_loadbalancer_backend_latency', kind: 'histogram', unit: 'ms', labels: ['endpoint'], buckets: backendMs, help: 'One export to a member, from send to answer' },
  backendOutcome: { name: 'otelcol_loadbalancer_backend_outcome', kind: 'counter', unit: '', labels: ['endpoint', 'success'], help: 'Exports to a member by success' },
  memberQueueBytes: { name: 'trace_router_member_queue_bytes', kind: 'gauge', unit: 'By', labels: ['member'], help: 'Bytes waiting for or on their way to a member' },
  memberRetries: { name: 'trace_router_member_retries_total', kind: 'counter', unit: '', labels: ['member'], help: 'Batches a member did not take and that are sent to it again' },
  slots: { name: 'trace_router_member_slots', kind: 'gauge', unit: '', labels: ['member'], help: 'Slots of the placement table a member owns, of 16384' },
  decisions: { name: 'trace_router_decisions_total', kind: 'counter', unit: '{trace}', labels: ['policy', 'decision', 'reason', 'trigger'], help: 'Traces decided by the built-in sampler' },
  lateSpans: { name: 'trace_router_late_spans_total', kind: 'counter', unit: '{span}', labels: ['decision'], help: 'Spans that came after their trace was decided: kept, dropped' },
  openTraces: { name: 'trace_router_open_traces', kind: 'gauge', unit: '{trace}', labels: [], help: 'Traces waiting for their decision' },
  openBytes: { name: 'trace_router_open_bytes', kind: 'gauge', unit: 'By', labels: [], help: 'Bytes of spans waiting for their decision' },
  rememberedDecisions: { name: 'trace_router_remembered_decisions', kind: 'gauge', unit: '{trace}', labels: ['decision'], help: 'Decisions remembered for late spans' },
  keptTraceSpans: { name: 'trace_router_kept_trace_spans', kind: 'histogram', unit: '{span}', labels: [], buckets: traceSpans, help: 'Spans of a kept trace at its decision' },
  writeQueueBytes: { name: 'trace_router_write_queue_bytes', kind: 'gauge', unit: 'By', labels: [], help: 'Rows waiting for ClickHouse' },
  writes: { name: 'trace_router_clickhouse_writes_total', kind: 'counter', unit: '', labels: ['outcome'], help: 'Inserts: written, retried, split (refused, so sent again in halves), refused (one span alone)' },
  configReloads: { name: 'trace_router_config_reloads_total', kind: 'counter', unit: '', labels: ['result'], help: 'Configuration reloads: applied, restart_needed (applied but for settings that count only at start), rejected' },
  configRestartNeeded: { name: 'trace_router_config_restart_needed', kind: 'gauge', unit: '', labels: [], help: 'Settings that the configuration file has changed and that count only when the router is started again; the log names them' },
} as const satisfies Record<string, Row>;

export type MetricId = keyof typeof metrics;
export type MetricRow = Row;
export type LabelOf<M extends MetricId> = (typeof metrics)[M]['labels'][number];
