-- What calls were priced by: every version of the price table that came into force, line by line. A row of `calls` joins by
-- `price_version`, `attempts.provider` and `attempts.price_id`; several gateways may write the same lines, which are one after a merge (FINAL).
--   price_id      an entry of the catalogue, and `#n` for its n-th period; `own/...` for a price of the configuration over such an entry
--   dimension     what a call names beside the standard, such as service_tier, and its value; empty: the standard price
--   meter         a token class, as the columns of `calls` are called, or what is sold by the piece
--   above_tokens  holds for calls with more input tokens than so many, up to the next line
--   list_usd      of the vendor's list, null where it has no price; contract_usd: what a call is booked at. Dollars per million tokens, or a piece
--   valid_from    1970-01-01: always; daily_from, daily_until: hours of each day, UTC; empty: all day
CREATE TABLE IF NOT EXISTS tollgate.price_catalog (
    price_version LowCardinality(String) CODEC(ZSTD(1)),
    provider LowCardinality(String) CODEC(ZSTD(1)),
    price_id String CODEC(ZSTD(1)),
    dimension LowCardinality(String) CODEC(ZSTD(1)),
    value LowCardinality(String) CODEC(ZSTD(1)),
    valid_from Date CODEC(ZSTD(1)),
    daily_from LowCardinality(String) CODEC(ZSTD(1)),
    meter LowCardinality(String) CODEC(ZSTD(1)),
    above_tokens UInt32 CODEC(ZSTD(1)),
    valid_until Nullable(Date) CODEC(ZSTD(1)),
    daily_until LowCardinality(String) CODEC(ZSTD(1)),
    list_usd Nullable(Decimal(38, 12)) CODEC(ZSTD(1)),
    contract_usd Decimal(38, 12) CODEC(ZSTD(1)),
    source LowCardinality(String) CODEC(ZSTD(1)),
    loaded_at DateTime64(3, 'UTC') DEFAULT now64(3) CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree(loaded_at)
ORDER BY (price_version, provider, price_id, dimension, value, valid_from, daily_from, meter, above_tokens)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
