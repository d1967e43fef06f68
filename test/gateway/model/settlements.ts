/** One plain settlement for tests to vary. */
import { toPicodollars } from '../../../gateway/src/model/money.ts';
import type { Attempt, CallFacts, Settlement } from '../../../gateway/src/model/settlement.ts';
import { noTokens } from '../../../gateway/src/model/usage.ts';
import { ByteText } from '../../../gateway/src/model/byte-text.ts';
import { putRow } from '../../../gateway/src/projections/row.ts';

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
  parameters: {
    model: 'gpt-4o-mini',
    stream: true,
    wantsStreamUsage: false,
    dimensions: {},
    maxTokens: 256,
    temperature: 0.5,
    topP: null,
    choices: 1,
  },
  route: 'gpt-*',
};

export const someAttempt: Attempt = {
  target: { provider: 'openai', model: 'gpt-4o-mini' },
  genAiProvider: 'openai',
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
    dimensions: { service_tier: 'default' },
  },
  usageSource: 'provider',
  dimensions: { service_tier: 'default' },
  charge: {
    costs: {
      input_uncached: toPicodollars(150_000_000n),
      input_cache_read: toPicodollars(15_000_000n),
      output_text: toPicodollars(180_000_001n),
    },
    total: toPicodollars(345_000_001n),
    list: toPicodollars(345_000_001n),
    cacheSaved: toPicodollars(15_000_000n),
    unitCosts: {},
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
  waitMs: 0,
  streamOutcome: 'complete',
  cacheStatus: 'off',
  priceVersion: 'genai-prices-0.1.8',
};

/** A row that is not the first of its segment. */
export const rowJson = (settlement: Settlement, replica: string, seq: number): string => {
  const out = new ByteText();
  putRow(out, { settlement, replica, seq, chain: '' }, () => {});
  return out.view(0).toString();
};
