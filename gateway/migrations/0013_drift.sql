-- How far the ledger is off the bills of the last weeks, by cause, as it was when a bill was imported, calls were priced anew, or somebody
-- compared. Gateways show it as a metric: the view `reconciliation` reads too much to be asked every minute.
--   ratio  of what the provider bills; above 0: the ledger has more
CREATE TABLE IF NOT EXISTS tollgate.reconciliation_drift (
    provider LowCardinality(String) CODEC(ZSTD(1)),
    cause LowCardinality(String) CODEC(ZSTD(1)),
    ratio Float64 CODEC(ZSTD(1)),
    variance_usd Decimal(38, 12) CODEC(ZSTD(1)),
    billed_usd Decimal(38, 12) CODEC(ZSTD(1)),
    from_day Date CODEC(ZSTD(1)),
    to_day Date CODEC(ZSTD(1)),
    measured_at DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(measured_at)
ORDER BY (provider, cause)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
