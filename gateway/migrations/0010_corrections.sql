-- Corrections: rows of `calls` with entry = 'correction', which `tollgate ledger reprice` writes. A run is planned whole, then written batch by
-- batch, each batch under a token of its own: cut off anywhere, it is gone on with, and nothing is written twice.
--   run       also `correction_run` and `replica` of its rows; of its inputs and of `before` it is the hash
--   state     planned: all its rows lie in `correction_plans`; done: all of them are in `calls`; stale: another run came first
--   before    what the last row of the run before vouches for (gateway/src/decide/chain.ts); empty: this is the first
--   head      the same of this run: nothing of it may be changed unseen (`tollgate ledger verify`)
CREATE TABLE IF NOT EXISTS tollgate.correction_runs (
    run String CODEC(ZSTD(1)),
    plan String CODEC(ZSTD(1)),
    state Enum8('planned' = 1, 'done' = 2, 'stale' = 3) CODEC(ZSTD(1)),
    reason LowCardinality(String) CODEC(ZSTD(1)),
    from_day Date CODEC(ZSTD(1)),
    to_day Date CODEC(ZSTD(1)),
    price_version String CODEC(ZSTD(1)),
    rows UInt64 CODEC(ZSTD(1)),
    batches UInt32 CODEC(ZSTD(1)),
    cost_usd Decimal(38, 12) CODEC(ZSTD(1)),
    discount_usd Decimal(38, 12) CODEC(ZSTD(1)),
    before String CODEC(ZSTD(1)),
    head String CODEC(ZSTD(1)),
    planned_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    updated_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(updated_at)
ORDER BY (run, plan)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
-- Rows on their way, as lines of an insert. They are of use until their run is done.
CREATE TABLE IF NOT EXISTS tollgate.correction_plans (
    plan String CODEC(ZSTD(1)),
    batch UInt32 CODEC(ZSTD(1)),
    seq UInt64 CODEC(ZSTD(1)),
    line String CODEC(ZSTD(1)),
    planned_at DateTime('UTC') DEFAULT now() CODEC(ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (plan, batch, seq)
TTL planned_at + INTERVAL 40 DAY DELETE
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1;
