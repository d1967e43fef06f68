/**
 * The sections of the configuration file, setting by setting: the only place where one is named, bounded, defaulted and
 * explained, and where it says when a change of it counts. Decoded values and their types follow: `Config`.
 */
import { Type } from 'typebox';
import { count, duration, flag, line, section, size } from '@tollgate/settings/fields.ts';

/** Waits of a provider, with the defaults that those of a single one do not have: what it does not say is inherited. */
export const waits = (by: {
  connect?: string;
  firstByte?: string;
  idle?: string;
  hold?: string;
  total?: string;
}) => ({
  connect: duration(by.connect ?? null, 'TCP and TLS.'),
  firstByte: duration(
    by.firstByte ?? null,
    'Longest silence of a stream before its first content. Whatever arrives ends it: headers, a comment, a ping. A reply that is not streamed is silent until it is whole; it has `total` only.',
  ),
  firstContent: Type.Optional(
    duration(
      null,
      'Of a stream: from the request sent to its first content, however much it lives; past it the next target is tried. Not longer than `hold`. Default: not limited.',
    ),
  ),
  hold: duration(
    by.hold ?? null,
    'How long a stream that lives without content is held back. Past it the client gets its head and what is there, so that nothing on the way to it gives up; no other target can take over then.',
  ),
  idle: duration(by.idle ?? null, 'Longest silence of a stream after its first content.'),
  total: duration(
    by.total ?? null,
    'One attempt, from start to end, without the time in which the client held it up.',
  ),
});

const Timeouts = section(
  'How long a provider may take, unless it says otherwise itself.',
  waits({ connect: '3s', firstByte: '120s', hold: '10s', idle: '60s', total: '15m' }),
);

const largestBody = { most: '1GiB' } as const;

/** No machine has so many cores that more workers would be of use. */
export const mostWorkers = 64;

/** What a program reads once, when it starts. */
const atStart = { live: false } as const;

const Limits = section('What the gateway accepts.', {
  body: size('32MiB', 'Largest body of a request. Larger: 413.', { ...largestBody, ...atStart }),
  bodiesInFlight: size(
    '1GiB',
    'Memory for the bodies of all calls in flight; each counts twice, as it came and as it is sent. Above, bodies of more than 256 KiB: 503.',
  ),
  bodiesPerKey: size(
    '256MiB',
    'The same for the calls of one key. Above: 429. One body always fits.',
  ),
  bodyValues: count(
    500_000,
    [100, 10_000_000],
    'Values in the JSON of a body: texts, numbers, lists, objects. More: 413.',
  ),
  bodyDepth: count(256, [8, 10_000], 'Lists and objects inside one another in a body. More: 413.'),
  bodyKeys: count(10_000, [100, 1_000_000], 'Keys of one object in a body. More: 413.'),
  reply: size(
    '64MiB',
    'Largest reply of a provider that is no stream; and largest reply of any kind that came compressed, after that was undone.',
    largestBody,
  ),
  event: size(
    '8MiB',
    'Largest event of a stream. As much of a stream is held back before its first content; past it the client gets what is there.',
    largestBody,
  ),
  callsInFlight: count(10_000, [1, 1_000_000], 'Calls served at once. Above: 503.'),
  request: duration('60s', 'Wait for a whole request body. Longer: 408.'),
  slowReader: duration(
    '60s',
    'Wait for a client that takes nothing of its reply any more. Longer: it is let go of, and the call is abandoned.',
  ),
  drain: duration(
    '25s',
    'Time for calls in flight to end when the gateway is stopped. Streams that are not over then end with an error event.',
  ),
  refusals: count(
    100,
    [0, 10_000],
    'Refused calls written down in a second, of all callers; further ones are only counted. Ten seconds of it may come at once.',
  ),
  refusalsPerKey: count(10, [0, 10_000], 'The same for one key.'),
  refusalsOfStrangers: count(1, [0, 10_000], 'The same for all requests without a valid key.'),
  connections: count(20_000, [10, 1_000_000], 'Connections at once. Further ones are closed.'),
  strangersPerAddress: count(
    1_000,
    [1, 1_000_000],
    'Connections of one address on which no valid key has been sent yet. Further ones are closed.',
  ),
  tagsPerCall: count(16, [0, 256], 'Entries of `x-tollgate-tags` kept for one call.'),
  labelValuesPerKey: count(
    20,
    [1, 10_000],
    'Model names that one key may bring into metrics, of those that stand in no configuration; further ones are `other`.',
  ),
  labelValues: count(
    100,
    [1, 10_000],
    'Values of one metric label; further ones become `other`, and a counter says so.',
    atStart,
  ),
});

const Retry = section('What happens after a provider failed before its first content.', {
  triesPerTarget: count(2, [1, 10], 'Tries at one target, the first included.'),
  triesPerCall: count(4, [1, 50], 'Tries over all targets.'),
  backoff: duration('200ms', 'Wait before the second try; doubles from there, with jitter.'),
  backoffMax: duration('5s', 'Longest wait between two tries.'),
  billed: flag(
    false,
    'Try again at the same target after a failure that it may bill: one after which it may have worked on the request. The next target is tried either way.',
  ),
});

const Admission = section('What calls must reserve of their budgets before a provider is asked.', {
  assumedOutput: count(
    16_384,
    [1, 10_000_000],
    'Output tokens that a call without a maximum of its own reserves for each answer. What comes beyond is booked all the same, and counted (`tollgate_budget_exposure_usd_total`).',
  ),
  unpriced: Type.Enum(['refuse', 'reserve_default', 'allow_and_flag'], {
    title: "'refuse', 'reserve_default' or 'allow_and_flag'",
    description:
      'What becomes of a call under a hard budget of money whose model has no price: it gets 402, it reserves `unpricedReserve`, or it reserves nothing and is counted.',
    default: 'refuse',
  }),
  unpricedReserve: Type.String({
    pattern: '^[0-9]{1,6}(\\.[0-9]{1,12})?$',
    title: 'dollars as a decimal number with at most 12 decimals, such as 0.15',
    description: 'Dollars that such a call reserves.',
    default: '1',
    decimal: true,
  }),
  moneyStatus: Type.Enum([429, 402], {
    title: '429 or 402',
    description: 'HTTP status of a refusal for want of money.',
    default: 429,
  }),
  accounts: count(
    100_000,
    [100, 10_000_000],
    'Accounts kept at once: one for each value of a `*`. Past it empty ones go, then those that were opened first and have no call in flight.',
    { live: false },
  ),
});

const Catalogue = section(
  'A newer catalogue of prices than the one that came with this version. Without `file` that one holds.',
  {
    file: Type.Optional(
      Type.String({
        minLength: 1,
        title: 'a path',
        description:
          'A signed catalogue, relative to this file, of at most 8 MiB. A new one is taken over at once, and one that cannot be read is refused like a mistake in this file. `npm run tollgate -- prices import` puts one there.',
      }),
    ),
    publicKeys: Type.Array(
      Type.String({ minLength: 1, maxLength: 1000, title: 'the text of a public key' }),
      {
        maxItems: 8,
        title: 'a list of public keys',
        description:
          'Of those whose catalogues are taken: Ed25519, as PEM or as the base64 of its SPKI. Several while one takes the place of another.',
        default: [],
      },
    ),
  },
);

const Ledger = section(
  'The spool that carries every call to ClickHouse.',
  {
    segmentCloses: count(
      10_000,
      [1, 1_000_000],
      'Calls after which a spool segment is sealed and shipped.',
    ),
    segmentSize: size('8MB', 'Size at which it is sealed.', { most: '1GiB' }),
    segmentAge: duration(
      '1s',
      'Age at which it is sealed; as long as segments hold fewer than 500 calls, five times that lie between two of them.',
    ),
    sync: duration(
      '100ms',
      'Calls that end within this time share one fsync, after they were answered. A power cut takes the calls of so long; the death of this process takes none.',
      { most: '1s' },
    ),
    durability: Type.Enum(['process', 'power'], {
      title: "'process' or 'power'",
      description:
        'What a call survives before its provider is asked, and its row before its client has the last of the reply: the death of this process, or a power cut too. `power` waits for the disk, once before and once after a call.',
      default: 'process',
    }),
    maxSpool: size(
      '4GiB',
      'Size of the spool above which calls are refused, so that none goes unaccounted.',
    ),
    whenFull: Type.Enum(['refuse', 'go_on'], {
      title: "'refuse' or 'go_on'",
      description:
        'What becomes of new calls when the spool is full or its disk refuses: they get 503, or they are served and, unless there is room again when they end, only counted (`tollgate_calls_unwritten_total`).',
      default: 'refuse',
    }),
    maxRefusals: size(
      '64MiB',
      'Of `maxSpool`, what rows of refused calls may take; past it refusals are counted and not recorded.',
    ),
    reserve: size(
      '24MiB',
      'Room kept on the disk for the rows of calls in flight, 2 KiB each, at most an eighth of the disk. When the disk has no more room, these rows use it, and new calls are refused until it is free again.',
      { most: '8GiB' },
    ),
    keepShipped: duration(
      '2m',
      'How long a shipped segment stays on disk, so that rows which ClickHouse lost in a power failure can be sent again; then it is deleted when the table was seen to have its rows.',
    ),
    reconcile: duration(
      '1m',
      'How often the rows in ClickHouse are compared with what was shipped.',
    ),
  },
  atStart,
);

const Telemetry = section(
  'OpenTelemetry.',
  {
    serviceName: line('tollgate', '`service.name` of spans and metrics.'),
    otlpEndpoint: Type.Optional(
      Type.Union([Type.String(), Type.Null()], {
        title: 'an address such as http://127.0.0.1:4317',
        description:
          'OTLP/gRPC address for spans and metrics; `null` exports none. Default: `TOLLGATE_OTLP_ENDPOINT`, else none.',
      }),
    ),
    metricsInterval: duration('15s', 'Time between two exports of metrics.'),
    spanQueue: count(
      65_536,
      [1, 10_000_000],
      'Spans that wait for export at most; further ones are dropped and counted.',
    ),
    spanBatch: count(2048, [1, 100_000], 'Spans of one export.'),
    spanDelay: duration('1s', 'Longest wait of a span for its batch.'),
    propagate: flag(true, 'Send `traceparent` to providers.', { live: true }),
  },
  atStart,
);

const Log = section('Log lines, as JSON on standard output.', {
  level: Type.Enum(['debug', 'info', 'warn', 'error', 'silent'], {
    description: 'Least important line that is written.',
    default: 'info',
  }),
});

const Workers = section(
  'Processes that serve calls together behind the one port, each with a spool of its own. What `limits`, `ledger` and `telemetry` say of memory, disk, connections and allowances holds for all of them together: each gets an equal share. Names in metrics (`labelValues`) and the thread for large bodies are those of each.',
  {
    count: Type.Union([Type.Integer({ minimum: 1, maximum: mostWorkers }), Type.Literal('auto')], {
      title: `a whole number, 1 to ${mostWorkers}, or auto`,
      description:
        'How many. `auto`: one for each core that this process may use. With 1 there is no other process.',
      default: 1,
    }),
    crashes: count(
      5,
      [1, 1_000],
      'Ends of a worker in a row, each within a minute after it was ready or before it was, after which another worker sees to its spool and it is started again only once a minute.',
    ),
  },
  atStart,
);

/** Sections that are one map of fields with defaults. */
export const sections = {
  limits: Limits,
  timeouts: Timeouts,
  retry: Retry,
  admission: Admission,
  catalogue: Catalogue,
  ledger: Ledger,
  telemetry: Telemetry,
  log: Log,
  workers: Workers,
} as const;

/** All of them, as one map. */
export const Sections = Type.Object(sections);
