-- Bills of providers, as `tollgate bills import` reads them, and the ledger held against them.
--   source     the format that it was read from
--   account    of the ledger (`attempts.account`) where the import names one, else of the bill
--   model      in the words of the bill; '*': the bill names none
--   amount_usd before tax
--   is_final   invoiced; where the bill does not say: some days old when it was imported
--   report     the import that the line is of; it counts when it is in `bill_reports`
CREATE TABLE IF NOT EXISTS tollgate.provider_bills (
    provider LowCardinality(String) CODEC(ZSTD(1)),
    day Date CODEC(ZSTD(1)),
    account LowCardinality(String) CODEC(ZSTD(1)),
    model LowCardinality(String) CODEC(ZSTD(1)),
    line_item String CODEC(ZSTD(1)),
    unit LowCardinality(String) CODEC(ZSTD(1)),
    is_final Bool CODEC(ZSTD(1)),
    source LowCardinality(String) CODEC(ZSTD(1)),
    report FixedString(64) CODEC(ZSTD(1)),
    quantity Decimal(38, 6) CODEC(ZSTD(1)),
    amount_usd Decimal(38, 12) CODEC(ZSTD(1)),
    fetched_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(fetched_at)
PARTITION BY toYYYYMM(day)
ORDER BY (provider, day, account, model, line_item, unit, is_final, source, report)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;
-- Imports that are there whole. The row is written last: lines of an import that was cut off count for nothing.
CREATE TABLE IF NOT EXISTS tollgate.bill_reports (
    report FixedString(64) CODEC(ZSTD(1)),
    provider LowCardinality(String) CODEC(ZSTD(1)),
    source LowCardinality(String) CODEC(ZSTD(1)),
    files Array(String) CODEC(ZSTD(1)),
    lines UInt32 CODEC(ZSTD(1)),
    amount_usd Decimal(38, 12) CODEC(ZSTD(1)),
    first_day Date CODEC(ZSTD(1)),
    last_day Date CODEC(ZSTD(1)),
    imported_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY report
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
-- The lines that count: of each provider, account and day those of one report, a final one before a provisional one, then the latest.
CREATE OR REPLACE VIEW tollgate.bill_lines AS
SELECT b.provider AS provider, b.day AS day, b.account AS account, b.model AS model, b.line_item AS line_item, b.unit AS unit, b.quantity AS quantity,
    b.amount_usd AS amount_usd, b.is_final AS is_final, b.source AS source, b.report AS report
FROM (SELECT * FROM tollgate.provider_bills FINAL) AS b
WHERE (b.provider, b.day, b.account, b.report) IN (
    SELECT provider, day, account, argMax(report, (final, imported_at))
    FROM (
        SELECT l.provider AS provider, l.day AS day, l.account AS account, l.report AS report, min(l.is_final) AS final, any(r.imported_at) AS imported_at
        FROM (SELECT * FROM tollgate.provider_bills FINAL) AS l
        INNER JOIN (SELECT report, imported_at FROM tollgate.bill_reports FINAL) AS r ON r.report = l.report
        GROUP BY l.provider, l.day, l.account, l.report
    )
    GROUP BY provider, day, account
);
-- What the ledger has for a day, provider, account and model, and what the provider bills for it. `ledger_usd` has corrections in it.
--   model     the name answered, which is the one that bills name; the name sent where the bill names that one. An account whose bill has lines
--             without a model is compared as a whole that day: '*'
--   estimated attempts whose tokens were counted by us; unpriced: those with no whole price. They are why a ledger differs, when it does
--   verdict   matched: within a cent, or half a percent; ledger_over, ledger_under; missing_in_bill; missing_in_ledger; provisional: not matched, but
--             the bill is not final for it, or not there yet (it is after the last billed day of the account)
CREATE OR REPLACE VIEW tollgate.reconciliation AS
SELECT
    c.day AS day, c.provider AS provider, c.account AS account, c.model AS model, c.ledger AS ledger_usd, c.billed AS billed_usd,
    ledger_usd - billed_usd AS variance_usd, if(billed_usd = 0, NULL, toFloat64(variance_usd) / toFloat64(billed_usd)) AS variance_ratio,
    c.guessed AS estimated, c.priceless AS unpriced, c.in_bill AS is_billed, c.final AS is_final,
    multiIf(
        c.in_bill AND abs(variance_usd) <= greatest(toDecimal128(0.01, 12), toDecimal128(abs(billed_usd) * toDecimal128(0.005, 3), 12)), 'matched',
        NOT c.in_bill AND l.last != toDate(0) AND c.day > l.last, 'provisional',
        NOT c.in_bill, 'missing_in_bill',
        NOT c.final, 'provisional',
        NOT c.in_ledger, 'missing_in_ledger',
        variance_usd > 0, 'ledger_over', 'ledger_under'
    ) AS verdict
FROM (
SELECT day, provider, account, model, sum(ledger) AS ledger, sum(billed) AS billed, sum(guessed) AS guessed, sum(priceless) AS priceless,
    max(in_bill) AS in_bill, max(in_ledger) AS in_ledger, min(final) AS final
FROM (
    SELECT day, provider, account,
        multiIf(
            (provider, account, day) IN (SELECT provider, account, day FROM tollgate.bill_lines WHERE model = '*'), '*',
            (provider, account, day, answered) IN (SELECT provider, account, day, model FROM tollgate.bill_lines), answered,
            (provider, account, day, sent) IN (SELECT provider, account, day, model FROM tollgate.bill_lines), sent,
            answered
        ) AS model,
        cost AS ledger, toDecimal128(0, 12) AS billed, guessed, priceless, false AS in_bill, true AS in_ledger, true AS final
    FROM (
        SELECT toDate(started_at) AS day, toString(attempts.provider[try]) AS provider, toString(attempts.account[try]) AS account,
            toString(attempts.model[try]) AS sent, toString(attempts.model_answered[try]) AS answered,
            sum(toDecimal128(attempts.cost_usd[try], 12)) AS cost,
            countIf(c.entry = 'call' AND attempts.usage_source[try] IN ('partial', 'estimated')) AS guessed,
            countIf(c.entry = 'call' AND attempts.price_status[try] IN ('unpriced', 'partly_unpriced')) AS priceless
        FROM tollgate.calls AS c ARRAY JOIN arrayEnumerate(attempts.provider) AS try
        GROUP BY day, provider, account, sent, answered
        HAVING cost != 0 OR priceless > 0
    )
    UNION ALL
    SELECT day, toString(provider) AS provider, toString(account) AS account,
        if((provider, account, day) IN (SELECT provider, account, day FROM tollgate.bill_lines WHERE model = '*'), '*', toString(model)) AS model,
        toDecimal128(0, 12) AS ledger, amount_usd AS billed, 0 AS guessed, 0 AS priceless, true AS in_bill, false AS in_ledger, is_final AS final
    FROM tollgate.bill_lines
)
GROUP BY day, provider, account, model
) AS c
LEFT JOIN (SELECT toString(provider) AS provider, toString(account) AS account, max(day) AS last FROM tollgate.bill_lines GROUP BY provider, account) AS l
    ON l.provider = c.provider AND l.account = c.account;
