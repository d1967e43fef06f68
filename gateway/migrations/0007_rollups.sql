-- Sums that outlive rows: `calls` are kept for 25 months, their trace ids for 35 days and their session ids for 100. Views fill these
-- tables with each insert, corrections as well as calls: a correction moves money and counts no call. The token of an insert
-- counts for all of them (`deduplicate_blocks_in_dependent_materialized_views`), so a retry fills what is missing and nothing twice.
-- Each is made with the sums of the rows that are there, as one step; then the view that goes on with it. Rows that another process puts in
-- between the two are in neither: start gateways when this is done, or let them wait in their spools. Views name no ALIAS column of
-- `calls`: reading one costs each insert as much as the view itself.

-- What one run cost, 25 months long: a run is a trace, in its conversation. It has a line for each day, team and agent that it touched.
CREATE OR REPLACE TABLE tollgate.runs (
    day Date CODEC(Delta(2), ZSTD(1)),
    org LowCardinality(String) CODEC(ZSTD(1)),
    caller_team LowCardinality(String) CODEC(ZSTD(1)),
    agent LowCardinality(String) CODEC(ZSTD(1)),
    session_id String CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    first_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    last_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    calls SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    input_tokens SimpleAggregateFunction(sum, Int64) CODEC(T64, ZSTD(1)),
    output_tokens SimpleAggregateFunction(sum, Int64) CODEC(T64, ZSTD(1)),
    cost_usd SimpleAggregateFunction(sum, Decimal(38, 12)) CODEC(ZSTD(1)),
    waste_usd SimpleAggregateFunction(sum, Decimal(38, 12)) CODEC(ZSTD(1)),
    INDEX ix_trace trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX ix_session session_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, org, caller_team, agent, session_id, trace_id)
TTL day + INTERVAL 25 MONTH DELETE
SETTINGS
    non_replicated_deduplication_window = 100000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800,
    ttl_only_drop_parts = 1,
    fsync_after_insert = 1,
    fsync_part_directory = 1
AS
SELECT
    toDate(started_at) AS day, org, caller_team, agent, session_id, trace_id,
    min(started_at) AS first_at, max(started_at) AS last_at, countIf(entry = 'call') AS calls,
    sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
    sum(cost_usd) AS cost_usd, sum(waste_usd) AS waste_usd
FROM tollgate.calls
WHERE session_id != '' OR trace_id != ''
GROUP BY day, org, caller_team, agent, session_id, trace_id;

CREATE MATERIALIZED VIEW IF NOT EXISTS tollgate.runs_mv TO tollgate.runs AS
SELECT
    toDate(started_at) AS day, org, caller_team, agent, session_id, trace_id,
    min(started_at) AS first_at, max(started_at) AS last_at, countIf(entry = 'call') AS calls,
    sum(input_uncached + input_cache_read + input_cache_write + input_cache_write_long + input_audio + input_image) AS input_tokens,
    sum(output_text + output_reasoning + output_audio + output_image) AS output_tokens,
    sum(cost_usd) AS cost_usd, sum(waste_usd) AS waste_usd
FROM tollgate.calls
WHERE session_id != '' OR trace_id != ''
GROUP BY day, org, caller_team, agent, session_id, trace_id;

-- What was spent each day, 61 months long. A line is of attempts, so provider, account and model are those that are paid; a call without
-- an attempt counts where it says none. `try` is the number of the attempt; the last one speaks
-- for the call.
CREATE OR REPLACE TABLE tollgate.usage_1d (
    day Date CODEC(Delta(2), ZSTD(1)),
    org LowCardinality(String) CODEC(ZSTD(1)),
    caller_team LowCardinality(String) CODEC(ZSTD(1)),
    caller_app LowCardinality(String) CODEC(ZSTD(1)),
    caller_key_id LowCardinality(String) CODEC(ZSTD(1)),
    agent LowCardinality(String) CODEC(ZSTD(1)),
    namespace LowCardinality(String) CODEC(ZSTD(1)),
    environment LowCardinality(String) CODEC(ZSTD(1)),
    cost_center LowCardinality(String) CODEC(ZSTD(1)),
    operation LowCardinality(String) CODEC(ZSTD(1)),
    provider LowCardinality(String) CODEC(ZSTD(1)),
    account LowCardinality(String) CODEC(ZSTD(1)),
    model LowCardinality(String) CODEC(ZSTD(1)),
    service_tier LowCardinality(String) CODEC(ZSTD(1)),
    price_status LowCardinality(String) CODEC(ZSTD(1)),
    usage_source LowCardinality(String) CODEC(ZSTD(1)),
    waste_reason LowCardinality(String) CODEC(ZSTD(1)),
    entry LowCardinality(String) CODEC(ZSTD(1)),
    billing_month Date CODEC(ZSTD(1)),
    calls SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    answered SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    tries SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    input_tokens SimpleAggregateFunction(sum, Int64) CODEC(T64, ZSTD(1)),
    cached_tokens SimpleAggregateFunction(sum, Int64) CODEC(T64, ZSTD(1)),
    output_tokens SimpleAggregateFunction(sum, Int64) CODEC(T64, ZSTD(1)),
    cost_usd SimpleAggregateFunction(sum, Decimal(38, 12)) CODEC(ZSTD(1)),
    discount_usd SimpleAggregateFunction(sum, Decimal(38, 12)) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
PRIMARY KEY (day, org, caller_team, caller_app)
ORDER BY (day, org, caller_team, caller_app, caller_key_id, agent, namespace, environment, cost_center, operation, provider, account, model, service_tier, price_status, usage_source, waste_reason, entry, billing_month)
TTL day + INTERVAL 61 MONTH DELETE
SETTINGS
    non_replicated_deduplication_window = 100000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800,
    ttl_only_drop_parts = 1,
    fsync_after_insert = 1,
    fsync_part_directory = 1
AS
SELECT
    toDate(started_at) AS day, org, caller_team, caller_app, caller_key_id, agent, namespace, environment, cost_center, operation,
    attempts.provider[try] AS provider, attempts.account[try] AS account, attempts.model[try] AS model, attempts.service_tier[try] AS service_tier,
    CAST(attempts.price_status[try] AS LowCardinality(String)) AS price_status,
    CAST(attempts.usage_source[try] AS LowCardinality(String)) AS usage_source,
    attempts.waste_reason[try] AS waste_reason,
    CAST(c.entry AS LowCardinality(String)) AS entry, billing_month,
    countIf(try = length(attempts.provider) AND c.entry = 'call') AS calls, countIf(try = length(attempts.provider) AND c.entry = 'call' AND outcome = 'answered') AS answered,
    countIf(try > 0 AND c.entry = 'call') AS tries,
    sum(attempts.input_uncached[try] + attempts.input_cache_read[try] + attempts.input_cache_write[try] + attempts.input_cache_write_long[try]
        + attempts.input_audio[try] + attempts.input_image[try]) AS input_tokens,
    sum(attempts.input_cache_read[try]) AS cached_tokens,
    sum(attempts.output_text[try] + attempts.output_reasoning[try] + attempts.output_audio[try] + attempts.output_image[try]) AS output_tokens,
    sum(attempts.cost_usd[try]) AS cost_usd, sum(attempts.discount_usd[try]) AS discount_usd
FROM tollgate.calls AS c LEFT ARRAY JOIN arrayEnumerate(attempts.provider) AS try
GROUP BY
    day, org, caller_team, caller_app, caller_key_id, agent, namespace, environment, cost_center, operation, provider, account, model,
    service_tier, price_status, usage_source, waste_reason, entry, billing_month;
CREATE MATERIALIZED VIEW IF NOT EXISTS tollgate.usage_1d_mv TO tollgate.usage_1d AS
SELECT
    toDate(started_at) AS day, org, caller_team, caller_app, caller_key_id, agent, namespace, environment, cost_center, operation,
    attempts.provider[try] AS provider, attempts.account[try] AS account, attempts.model[try] AS model, attempts.service_tier[try] AS service_tier,
    CAST(attempts.price_status[try] AS LowCardinality(String)) AS price_status,
    CAST(attempts.usage_source[try] AS LowCardinality(String)) AS usage_source,
    attempts.waste_reason[try] AS waste_reason,
    CAST(c.entry AS LowCardinality(String)) AS entry, billing_month,
    countIf(try = length(attempts.provider) AND c.entry = 'call') AS calls, countIf(try = length(attempts.provider) AND c.entry = 'call' AND outcome = 'answered') AS answered,
    countIf(try > 0 AND c.entry = 'call') AS tries,
    sum(attempts.input_uncached[try] + attempts.input_cache_read[try] + attempts.input_cache_write[try] + attempts.input_cache_write_long[try]
        + attempts.input_audio[try] + attempts.input_image[try]) AS input_tokens,
    sum(attempts.input_cache_read[try]) AS cached_tokens,
    sum(attempts.output_text[try] + attempts.output_reasoning[try] + attempts.output_audio[try] + attempts.output_image[try]) AS output_tokens,
    sum(attempts.cost_usd[try]) AS cost_usd, sum(attempts.discount_usd[try]) AS discount_usd
FROM tollgate.calls AS c LEFT ARRAY JOIN arrayEnumerate(attempts.provider) AS try
GROUP BY
    day, org, caller_team, caller_app, caller_key_id, agent, namespace, environment, cost_center, operation, provider, account, model,
    service_tier, price_status, usage_source, waste_reason, entry, billing_month;

-- Tags of callers that bills are split by. Only these are summed: a tag with another value in every call would make a line of every
-- call. Name one with INSERT INTO tollgate.allocation_tags VALUES ('feature'); it counts from then on.
CREATE TABLE IF NOT EXISTS tollgate.allocation_tags (tag String) ENGINE = ReplacingMergeTree ORDER BY tag;
-- What was spent each day by each of these tags, 61 months long.
CREATE TABLE IF NOT EXISTS tollgate.tags_1d (
    tag LowCardinality(String) CODEC(ZSTD(1)),
    day Date CODEC(Delta(2), ZSTD(1)),
    value String CODEC(ZSTD(1)),
    org LowCardinality(String) CODEC(ZSTD(1)),
    caller_team LowCardinality(String) CODEC(ZSTD(1)),
    calls SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    input_tokens SimpleAggregateFunction(sum, Int64) CODEC(T64, ZSTD(1)),
    output_tokens SimpleAggregateFunction(sum, Int64) CODEC(T64, ZSTD(1)),
    cost_usd SimpleAggregateFunction(sum, Decimal(38, 12)) CODEC(ZSTD(1)),
    waste_usd SimpleAggregateFunction(sum, Decimal(38, 12)) CODEC(ZSTD(1))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(day)
PRIMARY KEY (tag, day, value)
ORDER BY (tag, day, value, org, caller_team)
TTL day + INTERVAL 61 MONTH DELETE
SETTINGS
    non_replicated_deduplication_window = 100000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800,
    ttl_only_drop_parts = 1,
    fsync_after_insert = 1,
    fsync_part_directory = 1;
CREATE MATERIALIZED VIEW IF NOT EXISTS tollgate.tags_1d_mv TO tollgate.tags_1d AS
SELECT
    tag, toDate(started_at) AS day, value, org, caller_team,
    countIf(entry = 'call') AS calls, sum(input_uncached + input_cache_read + input_cache_write + input_cache_write_long + input_audio + input_image) AS input_tokens,
    sum(output_text + output_reasoning + output_audio + output_image) AS output_tokens,
    sum(cost_usd) AS cost_usd, sum(waste_usd) AS waste_usd
FROM tollgate.calls
ARRAY JOIN mapKeys(tags) AS tag, mapValues(tags) AS value
WHERE tag IN (SELECT tag FROM tollgate.allocation_tags)
GROUP BY tag, day, value, org, caller_team;
