-- Version 16: queues in pieces. Their other tables (shard_tables.sql) are made in queues that are
-- split, shards, or merged alone: five pages are too much for one that is never cut.

-- Of a piece of a larger batch: where it begins in that, and how many jobs that has; NULL: the batch
-- is whole. Positions count from the beginning of the piece, and `first_id` is the ID of its first
-- job (of a list, too), so that IDs are those of the whole.
ALTER TABLE batch ADD COLUMN whole_first INTEGER;
ALTER TABLE batch ADD COLUMN whole_count INTEGER;
