-- An insert is answered when its rows are on the disk itself, not in the memory of the operating system: the gateway deletes its own
-- copy on the strength of that answer. Merged parts are not synced; ClickHouse keeps the parts they were made of for eight minutes
-- (`old_parts_lifetime`), which is longer than the system takes to write them out.
-- https://clickhouse.com/docs/operations/settings/merge-tree-settings#fsync_after_insert
ALTER TABLE tollgate.calls MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1;
