/** Arbitrary settlements that keep every promise of the type. */
import * as fc from 'fast-check';
import { tokenTypes, chargeTypes, priceStatuses } from '../../../gateway/src/contract/ledger.ts';
import { errors } from '../../../gateway/src/contract/errors.ts';
import { outcomes } from '../../../gateway/src/contract/outcomes.ts';
import { noMoney, plus, toPicodollars } from '../../../gateway/src/model/money.ts';
import type {
  Attempt,
  CallFacts,
  Charge,
  Settlement,
} from '../../../gateway/src/model/settlement.ts';
import { noTokens, type TokenCounts } from '../../../gateway/src/model/usage.ts';

const word = fc.string({ maxLength: 12, unit: 'binary' });
const hex = (length: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.constantFrom(...'0123456789abcdef'.split('')),
    minLength: length,
    maxLength: length,
  });
const ms = fc.double({ min: 0, max: 4_000_000, noNaN: true });

const tokens: fc.Arbitrary<TokenCounts> = fc
  .tuple(...tokenTypes.map(() => fc.oneof(fc.constant(0), fc.nat(2_000_000))))
  .map((counts) => ({
    ...noTokens,
    ...Object.fromEntries(tokenTypes.map((type, i) => [type, counts[i] ?? 0])),
  }));

/** Costs of any size a row can hold, whose total is their sum. */
const anyCharge: fc.Arbitrary<Charge> = fc
  .record({
    costs: fc.dictionary(
      fc.constantFrom(...chargeTypes),
      fc.bigInt({ min: 0n, max: 500_000_000_000_000n }).map(toPicodollars),
    ),
    otherUnits: fc.nat(1000),
    priceId: word,
    priceStatus: fc.constantFrom(...priceStatuses),
    discount: fc.bigInt({ min: -1_000_000n, max: 500_000_000_000_000n }),
    cacheSaved: fc.bigInt({ min: -1_000_000n, max: 500_000_000_000n }).map(toPicodollars),
  })
  .map(({ discount, ...charge }) => {
    const total = Object.values(charge.costs).reduce((sum, cost) => plus(sum, cost), noMoney);
    const { other } = charge.costs;
    const unitCosts = other === undefined ? {} : { pages: other };
    return { ...charge, total, list: toPicodollars(total + discount), unitCosts };
  });

export const anyAttempt: fc.Arbitrary<Attempt> = fc.record({
  target: fc.record({
    provider: fc.constantFrom('openai', 'anthropic', 'other-vendor'),
    model: fc.constantFrom('gpt-4o-mini', 'claude-sonnet-4-5'),
  }),
  genAiProvider: fc.constantFrom('openai', 'anthropic'),
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
    dimensions: fc.constant({}),
  }),
  usageSource: fc.constantFrom('none', 'provider', 'partial', 'estimated'),
  dimensions: fc.record({ speed: word, inference_geo: word }),
  charge: anyCharge,
  wasteReason: fc.constantFrom('', 'retry', 'fallback', 'failed', 'abandoned', 'stream_cut'),
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
  parameters: fc.option(
    fc.record({
      model: word,
      stream: fc.boolean(),
      wantsStreamUsage: fc.boolean(),
      dimensions: fc.constant({}),
      maxTokens: fc.option(fc.nat()),
      temperature: fc.option(fc.double({ min: 0, max: 2, noNaN: true })),
      choices: fc.constant(1),
      topP: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    }),
  ),
  route: word,
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
  waitMs: ms,
  streamOutcome: fc.constantFrom('', 'complete', 'cut', 'stalled', 'abandoned', 'failed'),
  cacheStatus: fc.constantFrom('off', 'miss', 'hit', 'semantic'),
  priceVersion: word,
});
