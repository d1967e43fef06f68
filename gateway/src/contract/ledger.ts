/** The ledger's columns: one row per call, written once, never updated. The only place where a column is named. */

/** Token classes. Disjoint: together they are what the provider counted. */
// oxfmt-ignore
export const tokenTypes = [
  'input_uncached', 'input_cache_read', 'input_cache_write', 'input_cache_write_long', 'input_audio', 'input_image',
  'output_text', 'output_reasoning', 'output_audio', 'output_image',
] as const;
export type TokenType = (typeof tokenTypes)[number];

/** What carries a price: each token class, and everything else. */
export const chargeTypes = [...tokenTypes, 'other'] as const;
export type ChargeType = (typeof chargeTypes)[number];

/** Where a count of tokens comes from: the provider's final usage, some of it, only our own counting. */
export const usageSources = ['none', 'provider', 'partial', 'estimated'] as const;
export type UsageSource = (typeof usageSources)[number];

export const priceStatuses = [
  'none',
  'priced',
  'free',
  'provider_reported',
  'partly_unpriced',
  'unpriced',
] as const;
export type PriceStatus = (typeof priceStatuses)[number];

export const cacheStatuses = ['off', 'miss', 'hit', 'semantic'] as const;
export type CacheStatus = (typeof cacheStatuses)[number];

/** Why an attempt served nobody; its whole cost is waste. `failed`: it was the last one, and the call had no answer. */
export type WasteReason =
  | ''
  | 'retry'
  | 'fallback'
  | 'failed'
  | 'abandoned'
  | 'blocked'
  | 'hedge'
  | 'stream_cut';

// oxfmt-ignore
const who = ['org', 'caller_team', 'caller_app', 'caller_key_id', 'namespace', 'environment', 'cost_center', 'agent'] as const;
// oxfmt-ignore
const what = [
  'operation', 'dialect', 'route', 'model_requested', 'provider', 'model', 'model_answered', 'service_tier', 'speed', 'inference_geo',
  'outcome', 'error_origin', 'error_code', 'finish_reason', 'stream_outcome', 'waste_reason', 'price_version',
] as const;

/** Columns that a row keeps as long as it is there, in the order of an insert. `attempts.*` are arrays of one length. */
// oxfmt-ignore
export const lastingColumns = [
  'started_at', 'call_id', 'replica', 'seq', 'chain',
  ...who, 'tags',
  ...what, 'stream', 'http_status', 'guardrail_verdicts',
  'duration_ms', 'first_token_ms', 'provider_ms', 'wait_ms', 'overhead_us', 'chunks', 'max_gap_ms', 'cache_status',
  ...tokenTypes, 'waste_input_tokens', 'waste_output_tokens', 'units', 'unit_costs',
  'usage_source', 'price_status', 'cost_usd', 'discount_usd', 'cache_saved_usd', 'prompt_cache_saved_usd', 'waste_usd',
  'attempts.kind', 'attempts.provider', 'attempts.account', 'attempts.model', 'attempts.model_answered', 'attempts.region',
  'attempts.service_tier', 'attempts.speed', 'attempts.inference_geo', 'attempts.status', 'attempts.error',
  'attempts.offset_ms', 'attempts.duration_ms', 'attempts.first_token_ms',
  'attempts.input_uncached', 'attempts.input_cache_read', 'attempts.input_cache_write', 'attempts.input_cache_write_long',
  'attempts.input_audio', 'attempts.input_image', 'attempts.output_text', 'attempts.output_reasoning', 'attempts.output_audio', 'attempts.output_image',
  'attempts.other_units', 'attempts.usage_source', 'attempts.cost_usd', 'attempts.discount_usd',
  'attempts.cost_input_uncached', 'attempts.cost_input_cache_read', 'attempts.cost_input_cache_write', 'attempts.cost_input_cache_write_long',
  'attempts.cost_input_audio', 'attempts.cost_input_image', 'attempts.cost_output_text', 'attempts.cost_output_reasoning',
  'attempts.cost_output_audio', 'attempts.cost_output_image', 'attempts.cost_other',
  'attempts.waste_reason', 'attempts.price_id', 'attempts.price_status',
] as const;

const persons = ['caller_user', 'session_id', 'trace_id', 'span_id'] as const;
/** Columns that become empty some time before the row goes: whom and what it was for. */
export const expiringColumns = [...persons, 'upstream_ids'] as const;

/** Columns of `tollgate.calls` in the order of an insert. */
export const callColumns = [...lastingColumns, ...expiringColumns] as const;
export type CallColumn = (typeof callColumns)[number];

/**
 * What the row of a correction says beside; the table fills it in for the row of a call. `billing_month` is the month that the
 * difference is booked in.
 */
export const correctionColumns = [
  'entry',
  'correction_run',
  'correction_reason',
  'billing_month',
] as const;

/** Columns of a correction, in the order of an insert; of these all but the last few stay as long as the row. */
export const lastingCorrectionColumns = [...lastingColumns, ...correctionColumns] as const;
export const allCorrectionColumns = [...lastingCorrectionColumns, ...expiringColumns] as const;

/** Columns that rows of the version before did not have; what it called `model` is the model that answered. */
// oxfmt-ignore
const added: ReadonlySet<CallColumn> = new Set([
  'chain', 'model_answered', 'speed', 'inference_geo', 'wait_ms', 'waste_input_tokens', 'waste_output_tokens', 'unit_costs', 'prompt_cache_saved_usd',
  'attempts.model_answered', 'attempts.service_tier', 'attempts.speed', 'attempts.inference_geo',
]);

/** The columns of rows that an earlier version wrote into a spool. */
export const earlierColumns: readonly CallColumn[] = [
  ...lastingColumns
    .filter((column) => !added.has(column))
    .flatMap((column) => (column === 'tags' ? [column, ...persons] : [column])),
  'upstream_ids',
];

/** The columns that a row of so many values has; null: no version wrote such rows. */
export const columnsOf = (values: number): readonly CallColumn[] | null =>
  [callColumns, earlierColumns].find(({ length }) => length === values) ?? null;
