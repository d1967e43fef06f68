import { callColumns, buckets, meters, type CallColumn } from '../../contract/ledger.ts';
import type { Json } from '../../model/json.ts';
import { noMoney, plus, usdText, type Picodollars } from '../../model/money.ts';
import type { Attempt, Settlement } from '../../model/settlement.ts';
import { noTokens } from '../../model/usage.ts';

/** What a row needs beside the settlement. */
export interface RowSource {
  readonly settlement: Settlement;
  readonly replica: string;
  readonly seq: number;
}

type Project = (from: RowSource) => Json;

const sum = (attempts: readonly Attempt[], cost: (a: Attempt) => Picodollars): Picodollars =>
  attempts.reduce((total, attempt) => plus(total, cost(attempt)), noMoney);

/** The attempt that speaks for the call: the one that answered, else the last one. */
const served = ({ settlement }: RowSource): Attempt | undefined => settlement.attempts.at(-1);

const each =
  (project: (attempt: Attempt) => Json): Project =>
  ({ settlement }) =>
    settlement.attempts.map(project);

const sources = ['none', 'estimated', 'partial', 'provider'] as const;

/** The least certain source of any attempt's usage. */
const usageSource: Project = ({ settlement }) =>
  sources.find(
    (source) => source !== 'none' && settlement.attempts.some((a) => a.usageSource === source),
  ) ?? 'none';

const certainty = [
  'unpriced',
  'partly_unpriced',
  'provider_reported',
  'priced',
  'free',
  'none',
] as const;

const priceStatus: Project = ({ settlement }) =>
  certainty.find((status) => settlement.attempts.some((a) => a.charge.priceStatus === status)) ??
  'none';

const units: Project = ({ settlement }) => {
  const total: Record<string, number> = {};
  for (const { usage } of settlement.attempts) {
    for (const [unit, count] of Object.entries(usage.units))
      total[unit] = (total[unit] ?? 0) + count;
  }
  return total;
};

const bucketColumns = Object.fromEntries(
  buckets.flatMap((bucket) => [
    [
      bucket,
      ({ settlement }: RowSource) =>
        settlement.attempts.reduce((total, a) => total + a.usage.tokens[bucket], noTokens[bucket]),
    ],
    [`attempts.${bucket}`, each((a) => a.usage.tokens[bucket])],
  ]),
);
const meterColumns = Object.fromEntries(
  meters.map((meter) => [
    `attempts.cost_${meter}`,
    each((a) => usdText(a.charge.costs[meter] ?? noMoney)),
  ]),
);

/** ClickHouse reads `DateTime64(3)` from decimal seconds. */
const seconds = (ms: number): string => (ms / 1000).toFixed(3);

// oxfmt-ignore
const columns: Readonly<Partial<Record<CallColumn, Project>>> = {
  started_at: ({ settlement: s }) => seconds(s.call.startedAtMs),
  call_id: ({ settlement: s }) => s.call.id,
  replica: ({ replica }) => replica,
  seq: ({ seq }) => seq,
  org: ({ settlement: s }) => s.call.caller?.org ?? '',
  caller_team: ({ settlement: s }) => s.call.caller?.team ?? '',
  caller_app: ({ settlement: s }) => s.call.caller?.app ?? '',
  caller_key_id: ({ settlement: s }) => s.call.caller?.keyId ?? '',
  namespace: ({ settlement: s }) => s.call.caller?.namespace ?? '',
  environment: ({ settlement: s }) => s.call.caller?.environment ?? '',
  cost_center: ({ settlement: s }) => s.call.caller?.costCenter ?? '',
  agent: ({ settlement: s }) => s.call.identity.agent,
  tags: ({ settlement: s }) => s.call.identity.tags,
  caller_user: ({ settlement: s }) => s.call.identity.user,
  session_id: ({ settlement: s }) => s.call.identity.session,
  trace_id: ({ settlement: s }) => s.call.trace.traceId,
  span_id: ({ settlement: s }) => s.call.trace.spanId,
  operation: ({ settlement: s }) => s.call.operation,
  dialect: ({ settlement: s }) => s.call.dialect,
  route: ({ settlement: s }) => s.call.ask?.model ?? '',
  model_requested: ({ settlement: s }) => s.call.ask?.model ?? '',
  provider: (from) => served(from)?.target.provider ?? '',
  model: (from) => served(from)?.modelAnswered ?? '',
  service_tier: (from) => served(from)?.usage.serviceTier ?? '',
  outcome: ({ settlement: s }) => s.outcome,
  error_origin: ({ settlement: s }) => s.errorOrigin,
  error_code: ({ settlement: s }) => s.errorCode,
  finish_reason: (from) => served(from)?.finishReason ?? '',
  stream_outcome: ({ settlement: s }) => s.streamOutcome,
  waste_reason: ({ settlement: s }) => s.attempts.findLast((a) => a.wasteReason !== '')?.wasteReason ?? '',
  price_version: ({ settlement: s }) => s.priceVersion,
  stream: ({ settlement: s }) => s.call.ask?.stream ?? false,
  http_status: ({ settlement: s }) => s.httpStatus,
  guardrail_verdicts: () => ({}),
  duration_ms: ({ settlement: s }) => Math.round(s.durationMs),
  first_token_ms: ({ settlement: s }) => (s.firstTokenMs === null ? null : Math.round(s.firstTokenMs)),
  provider_ms: ({ settlement: s }) => Math.round(s.providerMs),
  overhead_us: ({ settlement: s }) => Math.max(0, Math.round((s.durationMs - s.providerMs) * 1000)),
  chunks: (from) => served(from)?.chunks ?? 0,
  max_gap_ms: (from) => Math.round(served(from)?.maxGapMs ?? 0),
  cache_status: ({ settlement: s }) => s.cacheStatus,
  units,
  usage_source: usageSource,
  price_status: priceStatus,
  cost_usd: ({ settlement: s }) => usdText(sum(s.attempts, (a) => a.charge.total)),
  discount_usd: () => '0',
  cache_saved_usd: () => '0',
  waste_usd: ({ settlement: s }) => usdText(sum(s.attempts, (a) => (a.wasteReason === '' ? noMoney : a.charge.total))),
  'attempts.kind': each(() => 'model'),
  'attempts.provider': each((a) => a.target.provider),
  'attempts.account': each((a) => a.account),
  'attempts.model': each((a) => a.modelAnswered),
  'attempts.region': each((a) => a.region),
  'attempts.status': each((a) => a.status),
  'attempts.error': each((a) => a.error),
  'attempts.offset_ms': each((a) => Math.round(a.offsetMs)),
  'attempts.duration_ms': each((a) => Math.round(a.durationMs)),
  'attempts.first_token_ms': each((a) => Math.round(a.firstTokenMs ?? 0)),
  'attempts.other_units': each((a) => a.charge.otherUnits),
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

/** One ledger row as a JSON array in the order of `callColumns`: a line of ClickHouse's JSONCompactEachRow. Pure. */
export const ledgerRow = (from: RowSource): string =>
  JSON.stringify(inOrder.map((project) => project(from)));
