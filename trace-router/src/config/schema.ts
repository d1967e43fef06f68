/**
 * The configuration file: names, defaults, limits and prose in one place. Keys are spelled as in the OpenTelemetry
 * Collector, so that `sampler` can be moved to a tail_sampling processor and back.
 */
import { Type } from 'typebox';

const closed = { additionalProperties: false } as const;
const MiB = 1024 * 1024;

const duration = (defaultValue: string, description: string) =>
  Type.String({ pattern: '^\\d+(\\.\\d+)?(ms|s|m|h)$', default: defaultValue, description });
const count = (defaultValue: number, description: string, minimum = 1) =>
  Type.Integer({ minimum, default: defaultValue, description });

const member = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      description:
        'Stable name: its key on the hash ring. A member that keeps its name keeps its traces',
    }),
    protocol: Type.Enum(['grpc', 'http'], { description: 'OTLP/gRPC or OTLP/HTTP with protobuf' }),
    address: Type.String({
      pattern: '^https?://[^/]+/?$',
      description: 'http://host:port or https://host:port; the path is that of OTLP',
    }),
    weight: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, maximum: 1000, description: 'Share of traces; 1' }),
    ),
    compression: Type.Optional(
      Type.Enum(['none', 'zstd', 'gzip'], {
        description: 'none; zstd across zones; gzip costs 15 times the routing itself',
      }),
    ),
  },
  closed,
);

/** `type`, and the settings under a key of that name; they are checked by the policy itself. */
const policyEntry = Type.Object(
  {
    name: Type.String({ minLength: 1, description: 'Its name in metrics' }),
    type: Type.String({ description: 'Which policy' }),
  },
  { additionalProperties: true },
);

export const schema = Type.Object(
  {
    members: Type.Union(
      [Type.Literal('builtin'), Type.Array(member, { minItems: 1, maxItems: 1000 })],
      {
        default: 'builtin',
        description: 'Where traces go: a list of OTLP members, or the built-in tail sampler',
      },
    ),
    receive: Type.Object(
      {
        max_body_bytes: count(64 * MiB, 'One request, after decompression'),
        max_inflight_bytes: count(256 * MiB, 'Requests not answered yet; beyond it: retry later'),
        max_spans: count(100_000, 'Spans of one request'),
        max_json_bytes: count(
          4 * MiB,
          'One request in JSON: reading it costs ten times what protobuf does, all at once',
        ),
        max_parts_bytes: count(
          256 * MiB,
          'One request after splitting: a large resource is repeated for each member',
        ),
        ack_timeout: duration('3s', 'A request not delivered by then is answered with retry later'),
        max_connection_age: duration('3m', 'gRPC connections are asked to reconnect, +-10 %'),
        max_connections: count(10_000, 'Connections per protocol'),
      },
      { ...closed, default: {}, description: 'Limits of the OTLP receivers' },
    ),
    send: Type.Object(
      {
        linger: duration('10ms', 'How long spans wait for company while a member is busy'),
        batch_bytes: count(1 * MiB, 'Send without waiting once this much is queued'),
        max_message_bytes: count(3.5 * MiB, 'One message: gRPC servers take 4 MiB by default'),
        in_flight: count(8, 'Messages on their way to one member'),
        queue_bytes: count(64 * MiB, 'Waiting for one member; beyond it: retry later'),
        timeout: duration('10s', 'One message to a member'),
        backoff_initial: duration('100ms', 'First pause after a member did not take a message'),
        backoff_max: duration('5s', 'Longest pause'),
        give_up: duration(
          '5m',
          'Spans no client waits for any more are dropped after this, counted',
        ),
      },
      { ...closed, default: {}, description: 'Delivery to OTLP members' },
    ),
    sampler: Type.Object(
      {
        decision_wait: duration('5s', 'From the first span of a trace to its decision'),
        decision_wait_after_root_received: duration('1s', 'Shorter wait once the root span came'),
        num_traces: count(50_000, 'Open traces; beyond it the oldest is decided'),
        max_open_bytes: count(256 * MiB, 'Bytes of open traces; beyond it the oldest is decided'),
        maximum_trace_size_bytes: count(
          16 * MiB,
          'A trace that grows past this is decided at once',
        ),
        decision_cache: Type.Object(
          {
            sampled_cache_size: count(100_000, 'Kept traces remembered for late spans', 0),
            non_sampled_cache_size: count(200_000, 'Dropped traces remembered for late spans', 0),
          },
          { ...closed, default: {} },
        ),
        policies: Type.Array(policyEntry, {
          minItems: 1,
          maxItems: 100,
          description: 'Asked in order: a drop wins, then the first keep',
          default: [
            { name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } },
            { name: 'slow', type: 'latency', latency: { threshold_ms: 10_000 } },
            {
              name: 'costly',
              type: 'numeric_attribute',
              numeric_attribute: { key: 'tollgate.cost.picodollars', min_value: 100_000_000_000 },
            },
            { name: 'rest', type: 'probabilistic', probabilistic: { sampling_percentage: 100 } },
          ],
        }),
      },
      { ...closed, default: {}, description: 'The built-in tail sampler' },
    ),
    write: Type.Object(
      {
        database: Type.String({
          minLength: 1,
          default: 'tollgate',
          description: 'Database of otel_traces',
        }),
        batch_rows: count(5000, 'Spans per insert'),
        batch_bytes: count(8_000_000, 'Bytes per insert: a deduplication token covers one block'),
        linger: duration('1s', 'How long kept spans wait for company'),
        queue_bytes: count(128 * MiB, 'Kept spans waiting for ClickHouse; beyond it: retry later'),
        timeout: duration('30s', 'One insert'),
        backoff_max: duration('5s', 'Longest pause while ClickHouse is down'),
      },
      { ...closed, default: {}, description: 'Kept traces to ClickHouse' },
    ),
    metrics: Type.Object(
      {
        forward: Type.Optional(
          Type.String({
            pattern: '^https?://[^/]+/?$',
            description: 'OTLP/HTTP address for metrics that arrive here; absent: they are refused',
          }),
        ),
      },
      { ...closed, default: {} },
    ),
    shutdown: Type.Object(
      {
        timeout: duration('10s', 'How long SIGTERM waits for members and ClickHouse'),
      },
      { ...closed, default: {} },
    ),
  },
  { ...closed, title: 'Tollgate trace-router configuration' },
);
