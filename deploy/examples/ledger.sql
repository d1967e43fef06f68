-- What did each team and application spend this month, and how much of it served nobody?
SELECT caller_team, caller_app, sum(cost_usd) AS usd, sum(waste_usd) AS wasted_usd, countIf(entry = 'call') AS calls
FROM tollgate.calls
WHERE billing_month = toStartOfMonth(today())
GROUP BY caller_team, caller_app
ORDER BY usd DESC;

-- Which conversations are dear?
SELECT session_id, any(caller_app) AS application, countIf(entry = 'call') AS calls, sum(cost_usd) AS usd
FROM tollgate.calls
WHERE session_id != '' AND started_at > now() - INTERVAL 7 DAY
GROUP BY session_id
ORDER BY usd DESC
LIMIT 20;

-- What does a feature cost? Tags are those of the header x-tollgate-tags.
SELECT tags['feature'] AS feature, model, sum(cost_usd) AS usd
FROM tollgate.calls
WHERE tags['feature'] != ''
GROUP BY feature, model
ORDER BY usd DESC;

-- What did prompt caching save, and where is it not used?
SELECT provider, model, sum(prompt_cache_saved_usd) AS saved_usd,
  sum(input_cache_read) / nullIf(sum(input_uncached + input_cache_read + input_cache_write + input_cache_write_long), 0) AS read_from_cache
FROM tollgate.calls
WHERE provider != ''
GROUP BY provider, model
ORDER BY read_from_cache;

-- Which providers fail, and how?
SELECT provider, model, error, count() AS attempts
FROM tollgate.calls
ARRAY JOIN attempts.provider AS provider, attempts.model AS model, attempts.error AS error
WHERE started_at > now() - INTERVAL 1 DAY AND entry = 'call'
GROUP BY provider, model, error
ORDER BY attempts DESC;

-- What can be trusted to the last digit, and what was estimated or has no price?
SELECT usage_source, price_status, countIf(entry = 'call') AS calls, sum(cost_usd) AS usd
FROM tollgate.calls
GROUP BY usage_source, price_status
ORDER BY calls DESC;
