/** Settlement -> ledger row: one projection for each column, in one table. */
import { callColumns, tokenTypes, chargeTypes, type CallColumn } from '../contract/ledger.ts';
import { noMoney, usdText } from '../model/money.ts';
import type { Json } from '../model/json.ts';
import { costOfAttempts, type Attempt, type Settlement } from '../model/settlement.ts';

/** What a row needs beside the settlement. */
export interface RowSource {
  readonly settlement: Settlement;
  readonly replica: string;
  readonly seq: number;
}

/**
 * What one column holds.
 * @param served the attempt that speaks for the call: the one that answered, else the last one
 */
type Project = (settlement: Settlement, served: Attempt | undefined, row: RowSource) => Json;

const maxInt32 = 2 ** 31 - 1;
const maxUInt32 = 2 ** 32 - 1;

/** ClickHouse takes a number too large for its column and keeps some of its bits: it is given the largest instead. */
const uint32 = (value: number): number =>
  // The shift makes it an integer to the engine too, which is then written several times faster than a double.
  value >= maxUInt32 ? maxUInt32 : value > 0 ? (value + 0.5) >>> 0 : 0;
const int32 = (value: number): number => (value > maxInt32 ? maxInt32 : value);

/** A column of `attempts`: one value for each. */
const each =
  (project: (attempt: Attempt) => Json): Project =>
  ({ attempts }, served) =>
    // One attempt is the common case by far.
    attempts.length === 1 && served !== undefined ? [project(served)] : attempts.map(project);

/** The first of `order` that some attempt has. */
const first =
  <T extends string>(order: readonly T[], of: (attempt: Attempt) => T): Project =>
  ({ attempts }, served) =>
    attempts.length === 1 && served !== undefined
      ? of(served)
      : (order.find((one) => attempts.some((attempt) => of(attempt) === one)) ?? 'none');

const units: Project = ({ attempts }) => {
  const sums: Record<string, number> = {};
  for (const { usage } of attempts) {
    for (const unit in usage.units) sums[unit] = (sums[unit] ?? 0) + (usage.units[unit] ?? 0);
  }
  return sums;
};

const bucketColumns = Object.fromEntries(
  tokenTypes.flatMap((type): [string, Project][] => [
    [
      type,
      ({ attempts }) => {
        let sum = 0;
        for (const { usage } of attempts) sum += usage.tokens[type];
        return int32(sum);
      },
    ],
    [`attempts.${type}`, each((a) => int32(a.usage.tokens[type]))],
  ]),
);
const meterColumns = Object.fromEntries(
  chargeTypes.map((meter) => [
    `attempts.cost_${meter}`,
    each((a) => usdText(a.charge.costs[meter] ?? noMoney)),
  ]),
);

/** ClickHouse reads `DateTime64(3)` from decimal seconds. */
const seconds = (ms: number): string => (ms / 1000).toFixed(3);

// oxfmt-ignore
const columns: Readonly<Partial<Record<CallColumn, Project>>> = {
  started_at: (s) => seconds(s.call.startedAtMs),
  call_id: (s) => s.call.id,
  replica: (_s, _served, { replica }) => replica,
  seq: (_s, _served, { seq }) => seq,
  org: (s) => s.call.caller?.org ?? '',
  caller_team: (s) => s.call.caller?.team ?? '',
  caller_app: (s) => s.call.caller?.app ?? '',
  caller_key_id: (s) => s.call.caller?.keyId ?? '',
  namespace: (s) => s.call.caller?.namespace ?? '',
  environment: (s) => s.call.caller?.environment ?? '',
  cost_center: (s) => s.call.caller?.costCenter ?? '',
  agent: (s) => s.call.identity.agent,
  tags: (s) => s.call.identity.tags,
  caller_user: (s) => s.call.identity.user,
  session_id: (s) => s.call.identity.session,
  trace_id: (s) => s.call.trace.traceId,
  span_id: (s) => s.call.trace.spanId,
  operation: (s) => s.call.operation,
  dialect: (s) => s.call.dialect,
  route: (s) => s.call.parameters?.model ?? '',
  model_requested: (s) => s.call.parameters?.model ?? '',
  provider: (_s, served) => served?.target.provider ?? '',
  model: (_s, served) => served?.modelAnswered ?? '',
  service_tier: (_s, served) => served?.usage.serviceTier ?? '',
  outcome: (s) => s.outcome,
  error_origin: (s) => s.errorOrigin,
  error_code: (s) => s.errorCode,
  finish_reason: (_s, served) => served?.finishReason ?? '',
  stream_outcome: (s) => s.streamOutcome,
  waste_reason: (s) => s.attempts.findLast((a) => a.wasteReason !== '')?.wasteReason ?? '',
  price_version: (s) => s.priceVersion,
  stream: (s) => s.call.parameters?.stream ?? false,
  http_status: (s) => s.httpStatus,
  guardrail_verdicts: () => ({}),
  duration_ms: (s) => uint32(s.durationMs),
  first_token_ms: (s) => (s.firstTokenMs === null ? null : uint32(s.firstTokenMs)),
  provider_ms: (s) => uint32(s.providerMs),
  overhead_us: (s) => uint32((s.durationMs - s.providerMs) * 1000),
  chunks: (_s, served) => uint32(served?.chunks ?? 0),
  max_gap_ms: (_s, served) => uint32(served?.maxGapMs ?? 0),
  cache_status: (s) => s.cacheStatus,
  units,
  // The least certain one speaks for the call.
  usage_source: first(['estimated', 'partial', 'provider'], (a) => a.usageSource),
  price_status: first(['unpriced', 'partly_unpriced', 'provider_reported', 'priced', 'free'], (a) => a.charge.priceStatus),
  cost_usd: (s) => usdText(costOfAttempts(s.attempts)),
  discount_usd: () => '0',
  cache_saved_usd: () => '0',
  waste_usd: (s) => usdText(costOfAttempts(s.attempts.filter(({ wasteReason }) => wasteReason !== ''))),
  'attempts.kind': each(() => 'model'),
  'attempts.provider': each((a) => a.target.provider),
  'attempts.account': each((a) => a.account),
  'attempts.model': each((a) => a.modelAnswered),
  'attempts.region': each((a) => a.region),
  'attempts.status': each((a) => a.status),
  'attempts.error': each((a) => a.error),
  'attempts.offset_ms': each((a) => uint32(a.offsetMs)),
  'attempts.duration_ms': each((a) => uint32(a.durationMs)),
  'attempts.first_token_ms': each((a) => uint32(a.firstTokenMs ?? 0)),
  'attempts.other_units': each((a) => int32(a.charge.otherUnits)),
  'attempts.usage_source': each((a) => a.usageSource),
  'attempts.cost_usd': each((a) => usdText(a.charge.total)),
  'attempts.discount_usd': each(() => '0'),
  'attempts.waste_reason': each((a) => a.wasteReason),
  'attempts.price_id': each((a) => a.charge.priceId),
  'attempts.price_status': each((a) => a.charge.priceStatus),
  upstream_ids: each((a) => a.upstreamId),
  ...bucketColumns,
  ...meterColumns,
};

/** The projections in the order of an insert; a column without one is a bug found at start. */
const inOrder: readonly Project[] = callColumns.map((column) => {
  const project = columns[column];
  if (project === undefined) throw new Error(`ledger column ${column} has no projection`);
  return project;
});

/** Texts and names whose half surrogate pairs are replaced. */
const wellFormed = (_key: string, value: unknown): unknown => {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key.toWellFormed(), one]));
};

/** One ledger row as a JSON array in the order of `callColumns`: a line of ClickHouse's JSONCompactEachRow. Pure. */
export const ledgerRow = (row: RowSource): string => {
  const { settlement } = row;
  const served = settlement.attempts.at(-1);
  const values: Json[] = [];
  for (const project of inOrder) values.push(project(settlement, served, row));
  const line = JSON.stringify(values);
  // Half a surrogate pair is written as this escape. JSON allows it; ClickHouse refuses the row (code 25).
  return line.includes('\\ud') ? JSON.stringify(values, wellFormed) : line;
};
