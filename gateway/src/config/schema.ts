/**
 * The configuration file, field by field: the only place where one is named, bounded, defaulted and explained.
 * `title` says what a value must be, in words that fit "must be ..."; `description` is the reference documentation.
 */
import { Type, type TSchema } from 'typebox';
import type { ChargeType } from '../contract/ledger.ts';
import {
  closed,
  count,
  duration,
  exactModel,
  label,
  modelName,
  name,
  secretSource,
  size,
  waits,
} from './fields.ts';
import { amountPattern } from './units.ts';

export const Timeouts = Type.Object(
  waits({ connect: '3s', firstByte: '120s', hold: '10s', idle: '60s', total: '15m' }),
  { ...closed, description: 'How long a provider may take, unless it says otherwise itself.' },
);

/** What every provider has beside the settings of its vendor. */
export const ProviderCommon = Type.Object(
  {
    use: Type.Optional(
      Type.String({
        title: "a vendor's name",
        description: "The vendor. Default: this provider's own name.",
      }),
    ),
    account: label('The account that is billed, for reconciling invoices.'),
    region: label("The provider's region, for the ledger."),
    timeouts: Type.Optional(
      Type.Partial(Type.Object(waits({})), {
        ...closed,
        description: 'How long this provider may take; what is not said is taken from `timeouts`.',
      }),
    ),
    maxConnections: count(1024, [1, 65_535], 'Connections kept at most to this provider.'),
  },
  closed,
);

export const Target = Type.Object(
  {
    provider: Type.String({
      minLength: 1,
      title: 'the name of a provider above',
      description: 'The name of a provider of this file.',
    }),
    model: Type.Optional(exactModel("The model's name there. Default: the name the client used.")),
  },
  { ...closed, title: "a provider's name or { provider, model }" },
);

const route = <S extends TSchema>(target: S) =>
  Type.Object(
    {
      targets: Type.Array(target, {
        minItems: 1,
        maxItems: 16,
        title: 'a list of targets',
        description: 'Tried in order: the next one when one fails before its first content.',
      }),
    },
    closed,
  );
/** Its targets are checked one by one: errors on a union are noise. */
export const Route = route(Type.Unknown());
/** For editors and documentation. */
export const RouteInFull = route(
  Type.Union([Type.String({ minLength: 1, description: "A provider's name." }), Target]),
);

export const Key = Type.Object(
  {
    id: name('Names the key in the ledger and in logs. Not a secret.'),
    secret: Type.Optional(secretSource('The text a client sends.')),
    secretSha256: Type.Optional(
      Type.String({
        pattern: '^[0-9a-fA-F]{64}$',
        title: "the SHA-256 of the key's text as 64 hex digits",
        description:
          'Instead of `secret`: SHA-256 of the key\'s text in hex (`printf %s "$KEY" | sha256sum`).',
      }),
    ),
    organization: label('Whom its calls are charged to, from the largest unit to the smallest.'),
    team: label('The team that owns the calls: `caller_team` in the ledger.'),
    application: label('The application that makes the calls: `caller_app` in the ledger.'),
    namespace: label('The Kubernetes namespace, or what stands for it.'),
    environment: label('For example `production`.'),
    costCenter: label('For the books.'),
    models: Type.Optional(
      Type.Array(modelName('A model name or pattern.'), {
        minItems: 1,
        maxItems: 1000,
        title: 'a list of model names or patterns',
        description: 'What this key may use. Default: every model.',
      }),
    ),
  },
  closed,
);

/** Words for people, and the ledger's meter each of them prices. */
export const priceMeters = {
  input: 'input_uncached',
  cacheRead: 'input_cache_read',
  cacheWrite5m: 'input_cache_write_5m',
  cacheWrite1h: 'input_cache_write_1h',
  inputAudio: 'input_audio',
  inputImage: 'input_image',
  output: 'output_text',
  reasoning: 'output_reasoning',
  outputAudio: 'output_audio',
  outputImage: 'output_image',
} as const satisfies Record<string, ChargeType>;
type PriceWord = keyof typeof priceMeters;

const amount = (description: string) =>
  Type.Optional(
    Type.String({
      pattern: amountPattern,
      title: 'dollars as a decimal number with at most 12 decimals, such as 0.15',
      description,
    }),
  );

export const Price = Type.Object(
  {
    provider: Type.String({
      minLength: 1,
      title: 'the name of a provider above',
      description: 'The name of a provider of this file.',
    }),
    model: exactModel("The model's name at that provider."),
    usdPerMillion: Type.Object(
      {
        input: amount('Input tokens that came from no cache.'),
        cacheRead: amount('Input tokens read from a prompt cache.'),
        cacheWrite5m: amount('Input tokens written to a prompt cache for five minutes.'),
        cacheWrite1h: amount('Input tokens written to a prompt cache for an hour.'),
        inputAudio: amount('Input tokens of audio.'),
        inputImage: amount('Input tokens of images.'),
        output: amount('Output tokens of text.'),
        reasoning: amount('Output tokens of reasoning. Default: the price of `output`.'),
        outputAudio: amount('Output tokens of audio.'),
        outputImage: amount('Output tokens of images.'),
      } satisfies Record<PriceWord, unknown>,
      {
        ...closed,
        minProperties: 1,
        title: 'a map of prices',
        description: 'Dollars per million tokens, exact: 0.15 stays 0.15.',
      },
    ),
    source: label('Where the price comes from, kept with every call it priced.', 'configuration'),
  },
  closed,
);

export const Limits = Type.Object(
  {
    body: size('32MiB', 'Largest body of a request. Larger: 413.'),
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
    bodyDepth: count(
      256,
      [8, 10_000],
      'Lists and objects inside one another in a body. More: 413.',
    ),
    bodyKeys: count(10_000, [100, 1_000_000], 'Keys of one object in a body. More: 413.'),
    reply: size(
      '64MiB',
      'Largest reply of a provider that is no stream; and largest reply of any kind that came compressed, after that was undone.',
    ),
    event: size(
      '8MiB',
      'Largest event of a stream. As much of a stream is held back before its first content; past it the client gets what is there.',
    ),
    callsInFlight: count(10_000, [1, 1_000_000], 'Calls served at once. Above: 503.'),
    request: duration('Wait for a whole request body. Longer: 408.', '60s'),
    slowReader: duration(
      'Wait for a client that takes nothing of its reply any more. Longer: it is let go of, and the call is abandoned.',
      '60s',
    ),
    drain: duration(
      'Time for calls in flight to end when the gateway is stopped. Streams that are not over then end with an error event.',
      '25s',
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
    ),
  },
  { ...closed, description: 'What the gateway accepts.' },
);

export const Retry = Type.Object(
  {
    triesPerTarget: count(2, [1, 10], 'Tries at one target, the first included.'),
    triesPerCall: count(4, [1, 50], 'Tries over all targets.'),
    backoff: duration('Wait before the second try; doubles from there, with jitter.', '200ms'),
    backoffMax: duration('Longest wait between two tries.', '5s'),
    billed: Type.Boolean({
      title: 'true or false',
      description:
        'Try again at the same target after a failure that it may bill: one after which it may have worked on the request. The next target is tried either way.',
      default: false,
    }),
  },
  { ...closed, description: 'What happens after a provider failed before its first content.' },
);

export const Ledger = Type.Object(
  {
    segmentCloses: count(
      10_000,
      [1, 1_000_000],
      'Calls after which a spool segment is sealed and shipped.',
    ),
    segmentSize: size('8MB', 'Size at which it is sealed.'),
    segmentAge: duration('Age at which it is sealed.', '1s'),
    sync: duration('Calls that end within this time share one fsync.', '5ms'),
    maxSpool: size(
      '4GiB',
      'Size of the spool above which calls are refused, so that none goes unaccounted.',
    ),
    maxRefusals: size(
      '64MiB',
      'Of `maxSpool`, what rows of refused calls may take; past it refusals are counted and not recorded.',
    ),
    reserve: size(
      '24MiB',
      'Room kept on the disk for the rows of calls in flight, 2 KiB each, at most an eighth of the disk. When the disk has no more room, these rows use it, and new calls are refused until it is free again.',
    ),
    keepShipped: duration(
      'How long a shipped segment stays on disk, so that rows which ClickHouse lost in a power failure can be sent again; then it is deleted when the table was seen to have its rows.',
      '2m',
    ),
    reconcile: duration(
      'How often the rows in ClickHouse are compared with what was shipped.',
      '1m',
    ),
  },
  { ...closed, description: 'The spool that carries every call to ClickHouse.' },
);

export const Telemetry = Type.Object(
  {
    serviceName: Type.String({
      pattern: '^[^\\u0000-\\u001f\\u007f]{1,128}$',
      title: 'text of 1 to 128 characters on one line',
      description: '`service.name` of spans and metrics.',
      default: 'tollgate',
    }),
    otlpEndpoint: Type.Optional(
      Type.Union([Type.String(), Type.Null()], {
        title: 'an address such as http://127.0.0.1:4317',
        description:
          'OTLP/gRPC address for spans and metrics; `null` exports none. Default: `TOLLGATE_OTLP_ENDPOINT`, else none.',
      }),
    ),
    metricsInterval: duration('Time between two exports of metrics.', '15s'),
    spanQueue: count(
      65_536,
      [1, 10_000_000],
      'Spans that wait for export at most; further ones are dropped and counted.',
    ),
    spanBatch: count(2048, [1, 100_000], 'Spans of one export.'),
    spanDelay: duration('Longest wait of a span for its batch.', '1s'),
    propagate: Type.Boolean({
      title: 'true or false',
      description: 'Send `traceparent` to providers.',
      default: true,
    }),
  },
  { ...closed, description: 'OpenTelemetry.' },
);

export const Log = Type.Object(
  {
    level: Type.Enum(['debug', 'info', 'warn', 'error', 'silent'], {
      description: 'Least important line that is written.',
      default: 'info',
    }),
  },
  { ...closed, description: 'Log lines, as JSON on standard output.' },
);

/** Sections that are one map of fields with defaults. */
export const sections = {
  limits: Limits,
  timeouts: Timeouts,
  retry: Retry,
  ledger: Ledger,
  telemetry: Telemetry,
  log: Log,
} as const;

/** Sections that hold many entries, each checked on its own, so that one mistake hides no other. */
export const collections = {
  providers: 'Where calls go: by name, a vendor and its settings.',
  models:
    "What clients may ask for: by a model's name or a pattern ending in `*`, a provider's name or a list of targets. Left out: the known models of every provider.",
  keys: 'Who may call. Beside these, the environment brings `TOLLGATE_DEMO_KEY`, which may use the models of the simulated vendor only, and, as long as there are no keys here, `TOLLGATE_CALLER_KEY`, which may use all. A key here with the id `demo`, or with the secret `${TOLLGATE_DEMO_KEY}`, takes the place of the first. `TOLLGATE_MASTER_KEY` belongs to the administrator and calls no model.',
  prices: 'Prices that differ from the built-in ones.',
} as const;
