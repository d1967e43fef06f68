/** Settlements for tests: one plain example to vary, and arbitrary ones that keep every promise of the type. */
import * as fc from 'fast-check';
import { buckets, meters, priceStatuses } from '../../../gateway/src/contract/ledger.ts';
import { errors } from '../../../gateway/src/contract/errors.ts';
import { outcomes } from '../../../gateway/src/contract/outcomes.ts';
import { noMoney, plus, toPicodollars } from '../../../gateway/src/model/money.ts';
import type {
  Attempt,
  CallFacts,
  Charge,
  Settlement,
} from '../../../gateway/src/model/settlement.ts';
import { noTokens, type Buckets } from '../../../gateway/src/model/usage.ts';

export const someCall: CallFacts = {
  id: '0193549c-d1c0-7000-8000-00000000002a',
  startedAtMs: 1_732_300_000_192,
  operation: 'chat',
  dialect: 'openai',
  caller: {
    keyId: 'key-1',
    org: 'acme',
    team: 'shop',
    app: 'checkout',
    namespace: 'default',
    environment: 'prod',
    costCenter: 'cc-7',
    models: null,
  },
  trace: {
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    spanId: '00f067aa0ba902b7',
    parentSpanId: 'b7ad6b7169203331',
    traceState: null,
  },
  identity: {
    agent: 'planner',
    session: 'session-9',
    user: 'user-3',
    tags: { feature: 'search', release: '12' },
  },
  ask: {
    model: 'gpt-4o-mini',
    stream: true,
    wantsStreamUsage: false,
    maxTokens: 256,
    temperature: 0.5,
    topP: null,
  },
};

export const someAttempt: Attempt = {
  target: { provider: 'openai', model: 'gpt-4o-mini' },
  system: 'openai',
  account: 'acct-1',
  region: 'eu',
  serverAddress: 'api.openai.com',
  serverPort: 443,
  spanId: '53995c3f42cd8ad8',
  status: 200,
  error: '',
  errorMessage: '',
  offsetMs: 1.25,
  durationMs: 812.5,
  firstTokenMs: 210.75,
  modelAnswered: 'gpt-4o-mini-2024-07-18',
  upstreamId: 'chatcmpl-1',
  finishReason: 'stop',
  usage: {
    tokens: { ...noTokens, input_uncached: 1000, input_cache_read: 200, output_text: 300 },
    units: {},
    clamped: false,
    serviceTier: 'default',
  },
  usageSource: 'provider',
  charge: {
    costs: {
      input_uncached: toPicodollars(150_000_000n),
      input_cache_read: toPicodollars(15_000_000n),
      output_text: toPicodollars(180_000_001n),
    },
    total: toPicodollars(345_000_001n),
    otherUnits: 0,
    priceId: 'openai/gpt-4o-mini',
    priceStatus: 'priced',
  },
  wasteReason: '',
  chunks: 42,
  maxGapMs: 61.5,
};

export const someSettlement: Settlement = {
  call: someCall,
  outcome: 'answered',
  httpStatus: 200,
  errorCode: '',
  errorOrigin: '',
  errorMessage: '',
  attempts: [someAttempt],
  durationMs: 815.75,
  firstTokenMs: 212,
  providerMs: 812.5,
  streamOutcome: 'complete',
  cacheStatus: 'off',
  priceVersion: 'genai-prices-0.1.8',
};

const word = fc.string({ maxLength: 12, unit: 'binary' });
const hex = (length: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.constantFrom(...'0123456789abcdef'.split('')),
    minLength: length,
    maxLength: length,
  });
const ms = fc.double({ min: 0, max: 4_000_000, noNaN: true });

const tokens: fc.Arbitrary<Buckets> = fc
  .tuple(...buckets.map(() => fc.oneof(fc.constant(0), fc.nat(2_000_000))))
  .map((counts) => ({
    ...noTokens,
    ...Object.fromEntries(buckets.map((bucket, i) => [bucket, counts[i] ?? 0])),
  }));

/** Costs of any size a row can hold, whose total is their sum. */
const anyCharge: fc.Arbitrary<Charge> = fc
  .record({
    costs: fc.dictionary(
      fc.constantFrom(...meters),
      fc.bigInt({ min: 0n, max: 500_000_000_000_000n }).map(toPicodollars),
    ),
    otherUnits: fc.nat(1000),
    priceId: word,
    priceStatus: fc.constantFrom(...priceStatuses),
  })
  .map((charge) => ({
    ...charge,
    total: Object.values(charge.costs).reduce((sum, cost) => plus(sum, cost), noMoney),
  }));

export const anyAttempt: fc.Arbitrary<Attempt> = fc.record({
  target: fc.record({
    provider: fc.constantFrom('openai', 'anthropic', 'other-vendor'),
    model: fc.constantFrom('gpt-4o-mini', 'claude-sonnet-4-5'),
  }),
  system: fc.constantFrom('openai', 'anthropic'),
  account: word,
  region: word,
  serverAddress: word,
  serverPort: fc.nat(65_535),
  spanId: hex(16),
  status: fc.constantFrom(0, 200, 429, 500),
  error: fc.constantFrom(
    ...(['', 'server', 'rate_limited', 'timeout', 'network', 'auth', 'caller'] as const),
  ),
  errorMessage: word,
  offsetMs: ms,
  durationMs: ms,
  firstTokenMs: fc.option(ms),
  modelAnswered: word,
  upstreamId: word,
  finishReason: word,
  usage: fc.record({
    tokens,
    units: fc.dictionary(fc.constantFrom('web_searches', 'pages'), fc.nat(1000)),
    clamped: fc.boolean(),
    serviceTier: fc.option(word),
  }),
  usageSource: fc.constantFrom('none', 'provider', 'partial', 'estimated'),
  charge: anyCharge,
  wasteReason: fc.constantFrom('', 'retry', 'fallback', 'abandoned', 'stream_cut'),
  chunks: fc.nat(10_000),
  maxGapMs: ms,
});

const keysOf = <T extends object>(table: T): (keyof T)[] =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- keys of the table itself
  Object.keys(table) as (keyof T)[];

const anyCall: fc.Arbitrary<CallFacts> = fc.record({
  id: fc.uuid(),
  startedAtMs: fc.integer({ min: 1_700_000_000_000, max: 1_900_000_000_000 }),
  operation: fc.constant('chat' as const),
  dialect: fc.constantFrom('openai', 'anthropic'),
  caller: fc.option(
    fc.record({
      keyId: word,
      org: word,
      team: fc.constantFrom('shop', 'search'),
      app: fc.constantFrom('checkout', 'ranker'),
      namespace: word,
      environment: word,
      costCenter: word,
      models: fc.constant(null),
    }),
  ),
  trace: fc.record({
    traceId: hex(32),
    spanId: hex(16),
    parentSpanId: fc.option(hex(16)),
    traceState: fc.constant(null),
  }),
  identity: fc.record({
    agent: word,
    session: word,
    user: word,
    tags: fc.dictionary(word, word, { maxKeys: 4 }),
  }),
  ask: fc.option(
    fc.record({
      model: word,
      stream: fc.boolean(),
      wantsStreamUsage: fc.boolean(),
      maxTokens: fc.option(fc.nat()),
      temperature: fc.option(fc.double({ min: 0, max: 2, noNaN: true })),
      topP: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    }),
  ),
});

export const anySettlement: fc.Arbitrary<Settlement> = fc.record({
  call: anyCall,
  outcome: fc.constantFrom(...keysOf(outcomes)),
  httpStatus: fc.integer({ min: 200, max: 599 }),
  errorCode: fc.constantFrom('' as const, ...keysOf(errors)),
  errorOrigin: fc.constantFrom('', 'gateway', 'provider', 'network', 'client'),
  errorMessage: word,
  attempts: fc.array(anyAttempt, { maxLength: 4 }),
  durationMs: ms,
  firstTokenMs: fc.option(ms),
  providerMs: ms,
  streamOutcome: fc.constantFrom('', 'complete', 'cut', 'stalled', 'abandoned', 'failed'),
  cacheStatus: fc.constantFrom('off', 'miss', 'hit', 'semantic'),
  priceVersion: word,
});
