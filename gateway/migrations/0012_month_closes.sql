-- Months that were closed (`tollgate ledger close`): from then on a difference in one of them is booked in the month that is open.
--   state      closing: under way, which counts as closed already; closed; open: given up
--   rows, cost_usd, discount_usd  what the month came to then; `tollgate ledger verify` holds the ledger against them
--   sha256     of the signed close.json, hex
CREATE TABLE IF NOT EXISTS tollgate.month_closes (
    month Date CODEC(ZSTD(1)),
    state Enum8('open' = 0, 'closing' = 1, 'closed' = 2) CODEC(ZSTD(1)),
    rows UInt64 CODEC(ZSTD(1)),
    cost_usd Decimal(38, 12) CODEC(ZSTD(1)),
    discount_usd Decimal(38, 12) CODEC(ZSTD(1)),
    sha256 String CODEC(ZSTD(1)),
    updated_at DateTime64(6, 'UTC') DEFAULT now64(6) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(updated_at)
ORDER BY month
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
