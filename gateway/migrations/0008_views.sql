-- One line for each attempt. `started_at` is that of the call, so that a bound on it finds the rows; `model` is what was sent,
-- `model_answered` what came back. Arrays are read by index: ARRAY JOIN of the whole group would read all of its columns.
CREATE OR REPLACE VIEW tollgate.attempts AS
SELECT
    started_at, toDate(started_at) AS day, started_at + toIntervalMillisecond(attempts.offset_ms[attempt]) AS attempt_started_at,
    call_id, attempt, attempt = length(attempts.provider) AS is_last, entry, correction_run, correction_reason, billing_month,
    org, caller_team, caller_app, caller_key_id, namespace, environment, cost_center, agent, tags, caller_user, session_id, trace_id, span_id,
    operation, route, model_requested, outcome, stream, price_version, upstream_ids[attempt] AS upstream_id,
    attempts.kind[attempt] AS kind, attempts.provider[attempt] AS provider, attempts.account[attempt] AS account,
    attempts.model[attempt] AS model, attempts.model_answered[attempt] AS model_answered, attempts.region[attempt] AS region,
    attempts.service_tier[attempt] AS service_tier, attempts.speed[attempt] AS speed, attempts.inference_geo[attempt] AS inference_geo,
    attempts.status[attempt] AS status, attempts.error[attempt] AS error, attempts.duration_ms[attempt] AS duration_ms,
    attempts.first_token_ms[attempt] AS first_token_ms, attempts.usage_source[attempt] AS usage_source,
    attempts.price_id[attempt] AS price_id, attempts.price_status[attempt] AS price_status,
    attempts.waste_reason[attempt] AS waste_reason, waste_reason = '' AS served,
    attempts.input_uncached[attempt] AS input_uncached, attempts.input_cache_read[attempt] AS input_cache_read,
    attempts.input_cache_write[attempt] AS input_cache_write, attempts.input_cache_write_long[attempt] AS input_cache_write_long,
    attempts.input_audio[attempt] AS input_audio, attempts.input_image[attempt] AS input_image,
    attempts.output_text[attempt] AS output_text, attempts.output_reasoning[attempt] AS output_reasoning,
    attempts.output_audio[attempt] AS output_audio, attempts.output_image[attempt] AS output_image,
    attempts.other_units[attempt] AS other_units,
    input_uncached + input_cache_read + input_cache_write + input_cache_write_long + input_audio + input_image AS input_tokens,
    output_text + output_reasoning + output_audio + output_image AS output_tokens,
    if(served, input_tokens, 0) AS served_input_tokens, if(served, output_tokens, 0) AS served_output_tokens,
    input_tokens - served_input_tokens AS wasted_input_tokens, output_tokens - served_output_tokens AS wasted_output_tokens,
    attempts.cost_usd[attempt] AS cost_usd, attempts.discount_usd[attempt] AS discount_usd, cost_usd + discount_usd AS list_cost_usd,
    if(served, toDecimal64(0, 12), cost_usd) AS waste_usd,
    attempts.cost_input_uncached[attempt] AS cost_input_uncached, attempts.cost_input_cache_read[attempt] AS cost_input_cache_read,
    attempts.cost_input_cache_write[attempt] AS cost_input_cache_write, attempts.cost_input_cache_write_long[attempt] AS cost_input_cache_write_long,
    attempts.cost_input_audio[attempt] AS cost_input_audio, attempts.cost_input_image[attempt] AS cost_input_image,
    attempts.cost_output_text[attempt] AS cost_output_text, attempts.cost_output_reasoning[attempt] AS cost_output_reasoning,
    attempts.cost_output_audio[attempt] AS cost_output_audio, attempts.cost_output_image[attempt] AS cost_output_image,
    attempts.cost_other[attempt] AS cost_other
FROM tollgate.calls ARRAY JOIN arrayEnumerate(attempts.provider) AS attempt;

-- The ledger in the columns of FOCUS 1.2: a line for each charge meter and day. All 21 mandatory columns are there, conditional ones where
-- they mean something, and columns of our own behind `x_`. An empty text is NULL.
-- https://github.com/FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec/tree/v1.2/specification/columns
--   ChargeClass    Correction for a correction of a month that was closed already; the specification wants NULL for one of the open month
--   ListCost       cost and discount. A row knows the discount of an attempt: it lies on the meters in proportion to their cost, what
--                  cannot be shared out to the last digit on the dearest one
--   *UnitPrice     what a million tokens cost on average of the line, which is the price where all of it was priced alike
--   SkuPriceId     SkuId and tier, speed and region of inference: no version and no contract, which may change
--   Tags           those of callers, and what Tollgate knows of them behind `tollgate/`
CREATE OR REPLACE VIEW tollgate.focus AS
SELECT
    cost AS BilledCost,
    if(account = '', provider, account) AS BillingAccountId,
    nullIf(toString(account), '') AS BillingAccountName,
    'Account' AS BillingAccountType,
    'USD' AS BillingCurrency,
    toDateTime(addMonths(billing_month, 1), 'UTC') AS BillingPeriodEnd,
    toDateTime(billing_month, 'UTC') AS BillingPeriodStart,
    if(correction_reason = 'credit', 'Credit', 'Usage') AS ChargeCategory,
    if(entry = 'correction' AND billing_month > toStartOfMonth(period), 'Correction', NULL) AS ChargeClass,
    concat(model, ' ', replaceAll(meter, '_', ' '), ' via ', provider) AS ChargeDescription,
    'Usage-Based' AS ChargeFrequency,
    period + INTERVAL 1 DAY AS ChargePeriodEnd,
    period AS ChargePeriodStart,
    toDecimal128(quantity, 0) AS ConsumedQuantity,
    if(meter = 'other', 'Units', 'Tokens') AS ConsumedUnit,
    cost AS ContractedCost,
    if(PricingQuantity = 0, NULL, cost / PricingQuantity) AS ContractedUnitPrice,
    cost AS EffectiveCost,
    CAST(NULL AS Nullable(String)) AS InvoiceId,
    provider AS InvoiceIssuerName,
    list AS ListCost,
    if(PricingQuantity = 0, NULL, list / PricingQuantity) AS ListUnitPrice,
    'Standard' AS PricingCategory,
    toDecimal128(quantity, 6) / if(meter = 'other', 1, 1000000) AS PricingQuantity,
    if(meter = 'other', 'Units', '1000000 Tokens') AS PricingUnit,
    provider AS ProviderName,
    provider AS PublisherName,
    nullIf(toString(region), '') AS RegionId,
    nullIf(toString(region), '') AS RegionName,
    'AI and Machine Learning' AS ServiceCategory,
    provider AS ServiceName,
    'Generative AI' AS ServiceSubcategory,
    concat(provider, '/', model, '/', meter) AS SkuId,
    meter AS SkuMeter,
    concat(SkuId, arrayStringConcat(arrayMap(value -> concat('/', value), arrayFilter(value -> value != '', [service_tier, speed, inference_geo])))) AS SkuPriceId,
    nullIf(toJSONString(mapFilter((key, value) -> value != '', map(
        'x_Model', toString(model), 'x_ServiceTier', toString(service_tier), 'x_Speed', toString(speed), 'x_InferenceGeo', toString(inference_geo)
    ))), '{}') AS SkuPriceDetails,
    nullIf(toString(org), '') AS SubAccountId,
    nullIf(toString(org), '') AS SubAccountName,
    if(org = '', NULL, 'Organisation') AS SubAccountType,
    nullIf(toJSONString(mapConcat(
        CAST(tags AS Map(String, String)),
        mapFilter((key, value) -> value != '', map(
            'tollgate/team', toString(caller_team), 'tollgate/application', toString(caller_app), 'tollgate/agent', toString(agent),
            'tollgate/namespace', toString(namespace), 'tollgate/environment', toString(environment), 'tollgate/cost_center', toString(cost_center)
        ))
    )), '{}') AS Tags,
    nullIf(toString(caller_key_id), '') AS x_CredentialId,
    nullIf(toString(caller_team), '') AS x_CallerTeam,
    nullIf(toString(caller_app), '') AS x_CallerApp,
    nullIf(toString(agent), '') AS x_Agent,
    nullIf(toString(cost_center), '') AS x_CostCenter,
    nullIf(toString(operation), '') AS x_Operation,
    nullIf(toString(correction_reason), '') AS x_CorrectionReason,
    nullIf(toString(waste_reason), '') AS x_WasteReason,
    nullIf(toString(price_version), '') AS x_PriceVersion,
    nullIf(toString(price_id), '') AS x_PriceId,
    toString(price_status) AS x_PriceStatus,
    toString(usage_source) AS x_UsageSource
FROM (
    WITH
        ['input_uncached', 'input_cache_read', 'input_cache_write', 'input_cache_write_long', 'input_audio', 'input_image',
         'output_text', 'output_reasoning', 'output_audio', 'output_image', 'other'] AS meters,
        arraySum(costs) AS total,
        arrayMap(one -> if(total = 0, toDecimal128(0, 12), toDecimal128(discount * one / total, 12)), costs) AS shares,
        if(total = 0, indexOf(quantities, arrayMax(quantities)), indexOf(costs, arrayMax(costs))) AS dearest,
        arrayMap(
            (one, share, i) -> one + share + if(i = dearest, discount - arraySum(shares), toDecimal128(0, 12)),
            costs, shares, arrayEnumerate(costs)
        ) AS lists
    SELECT *, line.1 AS meter, line.2 AS quantity, line.3 AS cost, line.4 AS list
    FROM (
        SELECT
            toStartOfDay(started_at) AS period, billing_month, toString(c.entry) AS entry, correction_reason, org, caller_team, caller_app, caller_key_id,
            agent, namespace, environment, cost_center, tags, operation, price_version,
            attempts.provider[try] AS provider, attempts.account[try] AS account, attempts.model[try] AS model, attempts.region[try] AS region,
            attempts.service_tier[try] AS service_tier, attempts.speed[try] AS speed, attempts.inference_geo[try] AS inference_geo,
            attempts.price_id[try] AS price_id, toString(attempts.price_status[try]) AS price_status,
            toString(attempts.usage_source[try]) AS usage_source, attempts.waste_reason[try] AS waste_reason,
            sumForEach([
                toInt64(attempts.input_uncached[try]), attempts.input_cache_read[try], attempts.input_cache_write[try],
                attempts.input_cache_write_long[try], attempts.input_audio[try], attempts.input_image[try], attempts.output_text[try],
                attempts.output_reasoning[try], attempts.output_audio[try], attempts.output_image[try], attempts.other_units[try]
            ]) AS quantities,
            sumForEach([
                attempts.cost_input_uncached[try], attempts.cost_input_cache_read[try], attempts.cost_input_cache_write[try],
                attempts.cost_input_cache_write_long[try], attempts.cost_input_audio[try], attempts.cost_input_image[try],
                attempts.cost_output_text[try], attempts.cost_output_reasoning[try], attempts.cost_output_audio[try],
                attempts.cost_output_image[try], attempts.cost_other[try]
            ]) AS costs,
            sum(attempts.discount_usd[try]) AS discount
        FROM tollgate.calls AS c ARRAY JOIN arrayEnumerate(attempts.provider) AS try
        GROUP BY
            period, billing_month, entry, correction_reason, org, caller_team, caller_app, caller_key_id, agent, namespace, environment,
            cost_center, tags, operation, price_version, provider, account, model, region, service_tier, speed, inference_geo, price_id,
            price_status, usage_source, waste_reason
    )
    ARRAY JOIN arrayZip(meters, quantities, costs, lists) AS line
    WHERE line.2 != 0 OR line.3 != 0 OR line.4 != 0
);
