-- As for the ledger: what was acknowledged survives a power loss. The router keeps no copy of a span it has written.
ALTER TABLE tollgate.otel_traces MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;

ALTER TABLE tollgate.otel_traces_trace_id_ts MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
