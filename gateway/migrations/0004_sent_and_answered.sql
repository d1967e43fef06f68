-- `model` is the model that was asked for at the provider, which is what was routed, priced and counted; beside it stands the one
-- that answered. Rows from before say what answered, in both.
ALTER TABLE tollgate.calls
    ADD COLUMN IF NOT EXISTS model_answered LowCardinality(String) DEFAULT model CODEC(ZSTD(1)) AFTER model,
    ADD COLUMN IF NOT EXISTS speed LowCardinality(String) CODEC(ZSTD(1)) AFTER service_tier,
    ADD COLUMN IF NOT EXISTS inference_geo LowCardinality(String) CODEC(ZSTD(1)) AFTER speed,
    ADD COLUMN IF NOT EXISTS wait_ms UInt32 CODEC(T64, ZSTD(1)) AFTER provider_ms,
    ADD COLUMN IF NOT EXISTS waste_input_tokens Int32 CODEC(T64, ZSTD(1)) AFTER output_image,
    ADD COLUMN IF NOT EXISTS waste_output_tokens Int32 CODEC(T64, ZSTD(1)) AFTER waste_input_tokens,
    ADD COLUMN IF NOT EXISTS unit_costs Map(LowCardinality(String), Decimal(18, 12)) CODEC(ZSTD(1)) AFTER units,
    ADD COLUMN IF NOT EXISTS prompt_cache_saved_usd Decimal(18, 12) CODEC(ZSTD(1)) AFTER cache_saved_usd,
    ADD COLUMN IF NOT EXISTS list_cost_usd Decimal(18, 12) ALIAS cost_usd + discount_usd AFTER discount_usd,
    ADD COLUMN IF NOT EXISTS `attempts.model_answered` Array(LowCardinality(String)) DEFAULT `attempts.model` CODEC(ZSTD(1)) AFTER `attempts.model`,
    ADD COLUMN IF NOT EXISTS `attempts.service_tier` Array(LowCardinality(String)) DEFAULT arrayMap(x -> '', `attempts.model`) CODEC(ZSTD(1)) AFTER `attempts.region`,
    ADD COLUMN IF NOT EXISTS `attempts.speed` Array(LowCardinality(String)) DEFAULT arrayMap(x -> '', `attempts.model`) CODEC(ZSTD(1)) AFTER `attempts.service_tier`,
    ADD COLUMN IF NOT EXISTS `attempts.inference_geo` Array(LowCardinality(String)) DEFAULT arrayMap(x -> '', `attempts.model`) CODEC(ZSTD(1)) AFTER `attempts.speed`;
-- Every dollar of an attempt is a dollar of one of its meters.
ALTER TABLE tollgate.calls ADD CONSTRAINT IF NOT EXISTS attempt_is_sum_of_meters CHECK attempts.cost_usd = arrayMap(
    (a, b, c, d, e, f, g, h, i, j, k) -> toDecimal64(a + b + c + d + e + f + g + h + i + j + k, 12),
    attempts.cost_input_uncached, attempts.cost_input_cache_read, attempts.cost_input_cache_write, attempts.cost_input_cache_write_long,
    attempts.cost_input_audio, attempts.cost_input_image, attempts.cost_output_text, attempts.cost_output_reasoning,
    attempts.cost_output_audio, attempts.cost_output_image, attempts.cost_other);
ALTER TABLE tollgate.calls ADD CONSTRAINT IF NOT EXISTS units_are_other_costs CHECK arraySum(mapValues(unit_costs)) = arraySum(attempts.cost_other);
