/** The ledger's columns: one row per call, written once, never updated. The only place where a column is named. */

/** Token classes. Disjoint: together they are what the provider counted. */
// oxfmt-ignore
export const tokenTypes = [
  'input_uncached', 'input_cache_read', 'input_cache_write_5m', 'input_cache_write_1h', 'input_audio', 'input_image',
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

/** Why an attempt served nobody; its whole cost is waste. */
export type WasteReason =
  | ''
  | 'retry'
  | 'fallback'
  | 'abandoned'
  | 'blocked'
  | 'hedge'
  | 'stream_cut';

// oxfmt-ignore
const who = ['org', 'caller_team', 'caller_app', 'caller_key_id', 'namespace', 'environment', 'cost_center', 'agent'] as const;
// oxfmt-ignore
const what = [
  'operation', 'dialect', 'route', 'model_requested', 'provider', 'model', 'service_tier', 'outcome', 'error_origin', 'error_code',
  'finish_reason', 'stream_outcome', 'waste_reason', 'price_version',
] as const;

/** Columns of `tollgate.calls` in the order of an insert. `attempts.*` are arrays of one length. */
// oxfmt-ignore
export const callColumns = [
  'started_at', 'call_id', 'replica', 'seq',
  ...who, 'tags', 'caller_user', 'session_id', 'trace_id', 'span_id',
  ...what, 'stream', 'http_status', 'guardrail_verdicts',
  'duration_ms', 'first_token_ms', 'provider_ms', 'overhead_us', 'chunks', 'max_gap_ms', 'cache_status',
  ...tokenTypes, 'units',
  'usage_source', 'price_status', 'cost_usd', 'discount_usd', 'cache_saved_usd', 'waste_usd',
  'attempts.kind', 'attempts.provider', 'attempts.account', 'attempts.model', 'attempts.region', 'attempts.status', 'attempts.error',
  'attempts.offset_ms', 'attempts.duration_ms', 'attempts.first_token_ms',
  'attempts.input_uncached', 'attempts.input_cache_read', 'attempts.input_cache_write_5m', 'attempts.input_cache_write_1h',
  'attempts.input_audio', 'attempts.input_image', 'attempts.output_text', 'attempts.output_reasoning', 'attempts.output_audio', 'attempts.output_image',
  'attempts.other_units', 'attempts.usage_source', 'attempts.cost_usd', 'attempts.discount_usd',
  'attempts.cost_input_uncached', 'attempts.cost_input_cache_read', 'attempts.cost_input_cache_write_5m', 'attempts.cost_input_cache_write_1h',
  'attempts.cost_input_audio', 'attempts.cost_input_image', 'attempts.cost_output_text', 'attempts.cost_output_reasoning',
  'attempts.cost_output_audio', 'attempts.cost_output_image', 'attempts.cost_other',
  'attempts.waste_reason', 'attempts.price_id', 'attempts.price_status',
  'upstream_ids',
] as const;
export type CallColumn = (typeof callColumns)[number];
