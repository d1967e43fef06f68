-- The first row of a segment says what the segment before it held (gateway/src/decide/chain.ts); `tollgate ledger verify` reads it.
ALTER TABLE tollgate.calls ADD COLUMN IF NOT EXISTS chain String CODEC(ZSTD(1)) AFTER seq;
