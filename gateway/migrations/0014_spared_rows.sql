-- Rows that recovery wrote and nobody sent, because their call has another row: it went to the table from a full disk, past the spool. Their
-- numbers are in no row of `calls`; `tollgate ledger verify` takes them for written as long as their call has a row there.
--   sha256  of what of the row would have lasted (gateway/src/decide/chain.ts), so that the segment that it is of can be verified
CREATE TABLE IF NOT EXISTS tollgate.spared_rows (
    replica LowCardinality(String) CODEC(ZSTD(1)),
    seq UInt64 CODEC(ZSTD(1)),
    call_id UUID CODEC(ZSTD(1)),
    sha256 String CODEC(ZSTD(1)),
    told_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(told_at)
ORDER BY (replica, seq)
TTL told_at + INTERVAL 25 MONTH DELETE
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;
