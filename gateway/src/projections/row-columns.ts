/**
 * What each column of a row holds: one projection for each, in four tables. A column of a shape's table is the same for all
 * calls of that shape; a column of an attempts' table holds one value for each attempt.
 */
import { chargeTypes, tokenTypes, type CallColumn } from '../contract/ledger.ts';
import { noMoney, usdText } from '../model/money.ts';
import type { Json } from '../model/json.ts';
import { costOfAttempts, overheadMs, type Attempt, type Settlement } from '../model/settlement.ts';
import { inputTokens, outputTokens, type TokenCounts } from '../model/usage.ts';
import type { AttemptShape, CallShape } from './row-shape.ts';

/** What a row needs beside the settlement. */
export interface RowSource {
  readonly settlement: Settlement;
  readonly replica: string;
  readonly seq: number;
  /** Of the segment before; empty: this row is not the first of its segment. */
  readonly chain: string;
}

/** Money is a number of pico-dollars: a bigint. */
export type Value = Json | bigint;

type OfCallShape = (call: CallShape, served: AttemptShape | undefined) => Json;
type OfAttemptShape = (attempt: AttemptShape) => Json;
/** @param served the attempt that speaks for the call: the one that answered, else the last one */
type OfCall = (row: RowSource, served: Attempt | undefined) => Value;
type OfAttempt = (attempt: Attempt) => Value;

/** Where a column's values come from. */
export type Projection =
  | { readonly from: 'call_shape'; readonly project: OfCallShape }
  | { readonly from: 'attempt_shape'; readonly project: OfAttemptShape }
  | { readonly from: 'call'; readonly project: OfCall }
  | { readonly from: 'attempt'; readonly project: OfAttempt };

type Table<Project> = Readonly<Partial<Record<CallColumn, Project>>>;

const maxInt32 = 2 ** 31 - 1;
const maxUInt32 = 2 ** 32 - 1;

/** ClickHouse takes a number too large for its column and keeps some of its bits: it is given the largest instead. */
const uint32 = (value: number): number =>
  // The shift makes it an integer to the engine too, which is then written several times faster than a double.
  value >= maxUInt32 ? maxUInt32 : value > 0 ? (value + 0.5) >>> 0 : 0;
const int32 = (value: number): number => (value > maxInt32 ? maxInt32 : value);

/** The first of `order` that some attempt has: the least certain one speaks for the call. */
const leastCertain =
  <T extends string>(order: readonly T[], of: (attempt: Attempt) => T) =>
  ({ settlement: { attempts } }: RowSource): Json =>
    order.find((one) => attempts.some((attempt) => of(attempt) === one)) ?? 'none';

const units = ({ settlement: { attempts } }: RowSource): Json => {
  const sums: Record<string, number> = {};
  for (const { usage } of attempts) {
    for (const unit in usage.units) sums[unit] = (sums[unit] ?? 0) + (usage.units[unit] ?? 0);
  }
  return sums;
};

const unitCosts = ({ settlement: { attempts } }: RowSource): Json => {
  const sums: Record<string, bigint> = {};
  for (const { charge } of attempts)
    for (const unit in charge.unitCosts)
      sums[unit] = (sums[unit] ?? 0n) + (charge.unitCosts[unit] ?? 0n);
  return Object.fromEntries(Object.entries(sums).map(([unit, cost]) => [unit, usdText(cost)]));
};

const wastedTokens =
  (count: (tokens: TokenCounts) => number) =>
  ({ settlement: { attempts } }: RowSource): Json => {
    let sum = 0;
    for (const { usage, wasteReason } of attempts)
      if (wasteReason !== '') sum += count(usage.tokens);
    return int32(sum);
  };

const sumOfTokens =
  (type: keyof TokenCounts) =>
  ({ settlement: { attempts } }: RowSource): Json => {
    let sum = 0;
    for (const { usage } of attempts) sum += usage.tokens[type];
    return int32(sum);
  };

const sumOf = (attempts: readonly Attempt[], amount: (attempt: Attempt) => bigint): bigint => {
  let sum = 0n;
  for (const attempt of attempts) sum += amount(attempt);
  return sum;
};

/** List price less what is paid; below 0 where a price of our own is dearer. */
const discountOf = ({ charge }: Attempt): bigint => charge.list - charge.total;

/** ClickHouse reads `DateTime64(3)` from decimal seconds. */
const seconds = (ms: number): string => {
  const text = String(Math.round(ms)).padStart(4, '0');
  return `${text.slice(0, -3)}.${text.slice(-3)}`;
};

// oxfmt-ignore
const columnsOfCallShape: Table<OfCallShape> = {
  replica: ({ replica }) => replica,
  org: ({ caller }) => caller?.org ?? '',
  caller_team: ({ caller }) => caller?.team ?? '',
  caller_app: ({ caller }) => caller?.app ?? '',
  caller_key_id: ({ caller }) => caller?.keyId ?? '',
  namespace: ({ caller }) => caller?.namespace ?? '',
  environment: ({ caller }) => caller?.environment ?? '',
  cost_center: ({ caller }) => caller?.costCenter ?? '',
  operation: ({ operation }) => operation,
  dialect: ({ dialect }) => dialect,
  route: ({ route }) => route,
  model_requested: ({ modelRequested }) => modelRequested,
  provider: (_call, served) => served?.provider ?? '',
  model: (_call, served) => served?.model ?? '',
  model_answered: (_call, served) => served?.modelAnswered ?? '',
  service_tier: (_call, served) => served?.serviceTier ?? '',
  speed: (_call, served) => served?.speed ?? '',
  inference_geo: (_call, served) => served?.inferenceGeo ?? '',
  outcome: ({ outcome }) => outcome,
  error_origin: ({ errorOrigin }) => errorOrigin,
  error_code: ({ errorCode }) => errorCode,
  finish_reason: (_call, served) => served?.finishReason ?? '',
  stream_outcome: ({ streamOutcome }) => streamOutcome,
  price_version: ({ priceVersion }) => priceVersion,
  stream: ({ stream }) => stream,
  http_status: ({ httpStatus }) => httpStatus,
  guardrail_verdicts: () => ({}),
  cache_status: ({ cacheStatus }) => cacheStatus,
  cache_saved_usd: () => '0',
};

// oxfmt-ignore
const columnsOfAttemptShape: Table<OfAttemptShape> = {
  'attempts.kind': () => 'model',
  'attempts.provider': ({ provider }) => provider,
  'attempts.account': ({ account }) => account,
  'attempts.model': ({ model }) => model,
  'attempts.model_answered': ({ modelAnswered }) => modelAnswered,
  'attempts.region': ({ region }) => region,
  'attempts.service_tier': ({ serviceTier }) => serviceTier,
  'attempts.speed': ({ speed }) => speed,
  'attempts.inference_geo': ({ inferenceGeo }) => inferenceGeo,
  'attempts.status': ({ status }) => status,
  'attempts.error': ({ error }) => error,
  'attempts.usage_source': ({ usageSource }) => usageSource,
  'attempts.waste_reason': ({ wasteReason }) => wasteReason,
  'attempts.price_id': ({ priceId }) => priceId,
  'attempts.price_status': ({ priceStatus }) => priceStatus,
};

// oxfmt-ignore
const columnsOfCall: Table<OfCall> = {
  started_at: ({ settlement }) => seconds(settlement.call.startedAtMs),
  call_id: ({ settlement }) => settlement.call.id,
  seq: ({ seq }) => seq,
  chain: ({ chain }) => chain,
  agent: ({ settlement }) => settlement.call.identity.agent,
  tags: ({ settlement }) => settlement.call.identity.tags,
  caller_user: ({ settlement }) => settlement.call.identity.user,
  session_id: ({ settlement }) => settlement.call.identity.session,
  trace_id: ({ settlement }) => settlement.call.trace.traceId,
  span_id: ({ settlement }) => settlement.call.trace.spanId,
  waste_reason: ({ settlement }) => settlement.attempts.findLast((a) => a.wasteReason !== '')?.wasteReason ?? '',
  duration_ms: ({ settlement }) => uint32(settlement.durationMs),
  first_token_ms: ({ settlement }) => (settlement.firstTokenMs === null ? null : uint32(settlement.firstTokenMs)),
  provider_ms: ({ settlement }) => uint32(settlement.providerMs),
  wait_ms: ({ settlement }) => uint32(settlement.waitMs),
  overhead_us: ({ settlement }) => uint32(overheadMs(settlement) * 1000),
  chunks: (_row, served) => uint32(served?.chunks ?? 0),
  max_gap_ms: (_row, served) => uint32(served?.maxGapMs ?? 0),
  ...Object.fromEntries(tokenTypes.map((type) => [type, sumOfTokens(type)])),
  waste_input_tokens: wastedTokens(inputTokens),
  waste_output_tokens: wastedTokens(outputTokens),
  units,
  unit_costs: unitCosts,
  usage_source: leastCertain(['estimated', 'partial', 'provider'], (a) => a.usageSource),
  price_status: leastCertain(['unpriced', 'partly_unpriced', 'provider_reported', 'priced', 'free'], (a) => a.charge.priceStatus),
  cost_usd: ({ settlement }) => costOfAttempts(settlement.attempts),
  discount_usd: ({ settlement }) => sumOf(settlement.attempts, discountOf),
  prompt_cache_saved_usd: ({ settlement }) => sumOf(settlement.attempts, ({ charge }) => charge.cacheSaved),
  waste_usd: ({ settlement }) => sumOf(settlement.attempts, ({ charge, wasteReason }) => (wasteReason === '' ? noMoney : charge.total)),
};

// oxfmt-ignore
const columnsOfAttempt: Table<OfAttempt> = {
  'attempts.offset_ms': ({ offsetMs }) => uint32(offsetMs),
  'attempts.duration_ms': ({ durationMs }) => uint32(durationMs),
  'attempts.first_token_ms': ({ firstTokenMs }) => uint32(firstTokenMs ?? 0),
  ...Object.fromEntries(tokenTypes.map((type) => [`attempts.${type}`, ({ usage }: Attempt) => int32(usage.tokens[type])])),
  'attempts.other_units': ({ charge }) => int32(charge.otherUnits),
  'attempts.cost_usd': ({ charge }) => charge.total,
  'attempts.discount_usd': discountOf,
  ...Object.fromEntries(chargeTypes.map((type) => [`attempts.cost_${type}`, ({ charge }: Attempt) => charge.costs[type] ?? noMoney])),
  upstream_ids: ({ upstreamId }) => upstreamId,
};

/** The projection of a column; one without is a bug found at start. */
export const projectionOf = (column: CallColumn): Projection => {
  const ofCallShape = columnsOfCallShape[column];
  if (ofCallShape !== undefined) return { from: 'call_shape', project: ofCallShape };
  const ofAttemptShape = columnsOfAttemptShape[column];
  if (ofAttemptShape !== undefined) return { from: 'attempt_shape', project: ofAttemptShape };
  const ofCall = columnsOfCall[column];
  if (ofCall !== undefined) return { from: 'call', project: ofCall };
  const ofAttempt = columnsOfAttempt[column];
  if (ofAttempt !== undefined) return { from: 'attempt', project: ofAttempt };
  throw new Error(`ledger column ${column} has no projection`);
};
