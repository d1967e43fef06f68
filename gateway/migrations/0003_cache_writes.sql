-- Writes to a prompt cache are of the provider's usual lifetime or of a longer, dearer one: 5 minutes and 1 hour at Anthropic, minutes and
-- 12 hours at OpenAI. The names said 5 minutes of all.
ALTER TABLE tollgate.calls
    RENAME COLUMN IF EXISTS input_cache_write_5m TO input_cache_write,
    RENAME COLUMN IF EXISTS input_cache_write_1h TO input_cache_write_long,
    RENAME COLUMN IF EXISTS attempts.input_cache_write_5m TO attempts.input_cache_write,
    RENAME COLUMN IF EXISTS attempts.input_cache_write_1h TO attempts.input_cache_write_long,
    RENAME COLUMN IF EXISTS attempts.cost_input_cache_write_5m TO attempts.cost_input_cache_write,
    RENAME COLUMN IF EXISTS attempts.cost_input_cache_write_1h TO attempts.cost_input_cache_write_long;
-- Questions that were written for the old names go on working.
ALTER TABLE tollgate.calls
    ADD COLUMN IF NOT EXISTS input_cache_write_5m Int32 ALIAS input_cache_write,
    ADD COLUMN IF NOT EXISTS input_cache_write_1h Int32 ALIAS input_cache_write_long;
