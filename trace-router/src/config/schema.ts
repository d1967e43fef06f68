/**
 * The configuration file, setting by setting: the only place where one is named, bounded, defaulted and explained, and
 * where it says whether a change of it counts at once. Decoded values and their types follow: `RouterConfig`.
 */
import { Type } from 'typebox';
import { closed, count, duration, line, section, size } from '@tollgate/settings/fields.ts';

/** What the program reads once, when it starts. */
const atStart = { live: false } as const;

const address = (description: string) =>
  Type.String({
    pattern: '^https?://[^/?#@\\s]+/?$',
    title: 'an address such as http://host:4317, without a path or a password',
    description,
  });

export const Member = Type.Object(
  {
    name: line(
      null,
      'Stable name: its key on the hash ring. A member that keeps its name keeps its traces.',
    ),
    protocol: Type.Enum(['grpc', 'http'], {
      description: 'OTLP/gRPC, or OTLP/HTTP with protobuf.',
    }),
    address: address('`http://host:port` or `https://host:port`; the path is that of OTLP.'),
    weight: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1000,
      default: 1,
      title: 'a number above 0, at most 1000',
      description: 'Its share of the traces.',
    }),
    compression: Type.Enum(['none', 'zstd', 'gzip'], {
      default: 'none',
      description: 'For other zones `zstd`; `gzip` costs 15 times the routing itself.',
    }),
  },
  { ...closed, ...atStart },
);

export const membersAbout =
  'Where traces go: a list of OTLP members, or `builtin`, the built-in tail sampler, which is the default. A change counts at start.';
export const mostMembers = 1000;

/** `type`, and the settings under a key of that name; they are checked by the policy itself. */
export const PolicyEntry = Type.Object({
  name: line(null, 'Its name in metrics.'),
  type: Type.String({ title: "a policy's type", description: 'Which policy.' }),
});

/** Asked when the file names no policies. */
const usualPolicies = [
  { name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } },
  { name: 'slow', type: 'latency', latency: { threshold_ms: 10_000 } },
  {
    name: 'costly',
    type: 'numeric_attribute',
    numeric_attribute: { key: 'tollgate.cost.picodollars', min_value: 100_000_000_000 },
  },
  { name: 'rest', type: 'probabilistic', probabilistic: { sampling_percentage: 100 } },
];

const Receive = section(
  'Limits of the OTLP receivers.',
  {
    maxBody: size('64MiB', 'One request, after decompression. Larger: 413, `RESOURCE_EXHAUSTED`.', {
      most: '1GiB',
    }),
    maxInflight: size('256MiB', 'Requests not answered yet. Above: retry later.'),
    maxSpans: count(100_000, [1, 10_000_000], 'Spans of one request. More: 413.'),
    maxJson: size(
      '4MiB',
      'One request in JSON: reading it costs ten times what protobuf does, all at once. Larger: 413.',
      { most: '1GiB' },
    ),
    maxParts: size(
      '256MiB',
      'One request after splitting: a large resource is repeated for each member. Larger: 413.',
    ),
    ackTimeout: duration(
      '3s',
      'A request not delivered by then is answered with retry later; delivery goes on.',
    ),
    maxConnectionAge: duration('3m', 'gRPC connections are asked to reconnect, ±10 %.'),
    maxConnections: count(10_000, [1, 1_000_000], 'Connections per protocol.'),
  },
  atStart,
);

const Send = section(
  'Delivery to OTLP members.',
  {
    linger: duration('10ms', 'How long spans wait for company while a member is busy.'),
    batch: size('1MiB', 'Send without waiting once so much is queued.'),
    maxMessage: size(
      '3.5MiB',
      'One message: gRPC servers take 4 MiB by default. Larger parts are cut.',
    ),
    inFlight: count(8, [1, 1000], 'Messages on their way to one member.'),
    queue: size('64MiB', 'What waits for one member. Above: retry later.'),
    timeout: duration('10s', 'One message to a member.'),
    backoff: duration('100ms', 'First pause after a member did not take a message.'),
    backoffMax: duration('5s', 'Longest pause.'),
    giveUp: duration('5m', 'Spans no client waits for any more are dropped after this, counted.'),
  },
  atStart,
);

const Sampler = section('The built-in tail sampler.', {
  decisionWait: duration('5s', 'From the first span of a trace to its decision.'),
  decisionWaitAfterRootReceived: duration('1s', 'Shorter wait once the root span came.'),
  numTraces: count(50_000, [1, 100_000_000], 'Open traces. Above: the oldest is decided.'),
  maxOpen: size('256MiB', 'Size of all open traces. Above: the oldest is decided.'),
  maximumTraceSize: size('16MiB', 'A trace that grows past this is decided at once.'),
  decisionCache: section(
    'Decisions remembered for late spans.',
    {
      sampledCacheSize: count(100_000, [0, 100_000_000], 'Kept traces remembered for late spans.'),
      nonSampledCacheSize: count(
        200_000,
        [0, 100_000_000],
        'Dropped traces remembered for late spans.',
      ),
    },
    atStart,
  ),
  policies: Type.Array(Type.Unknown(), {
    minItems: 1,
    maxItems: 100,
    title: 'a list of policies',
    description: 'Asked in order: a drop wins, then the first keep.',
    default: usualPolicies,
  }),
});

const Write = section(
  'Kept traces to ClickHouse.',
  {
    database: Type.String({
      pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$',
      title: 'the name of a database',
      default: 'tollgate',
      description: 'Database of `otel_traces`.',
    }),
    batchRows: count(5000, [1, 1_000_000], 'Spans per insert.'),
    batch: size('8MB', 'Size of an insert: a deduplication token covers one block.'),
    linger: duration('1s', 'How long kept spans wait for company.'),
    queue: size(
      '128MiB',
      'Kept spans waiting for ClickHouse. Above: nothing is decided or taken in until it is back.',
    ),
    timeout: duration('30s', 'One insert.'),
    backoffMax: duration('5s', 'Longest pause while ClickHouse is down.'),
  },
  atStart,
);

const Metrics = section(
  'OTLP metrics that arrive here.',
  {
    forward: Type.Optional(
      address('OTLP/HTTP address they are passed on to. Default: they are refused.'),
    ),
  },
  atStart,
);

const Shutdown = section('The end.', {
  timeout: duration(
    '10s',
    'How long SIGTERM waits for members and ClickHouse; the rest is lost, counted and logged.',
  ),
});

export const sections = {
  receive: Receive,
  send: Send,
  sampler: Sampler,
  write: Write,
  metrics: Metrics,
  shutdown: Shutdown,
} as const;

/** All of them, as one map. */
export const Sections = Type.Object(sections);
