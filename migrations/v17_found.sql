-- Version 17: requests that responses led to.

-- The batch whose jobs' responses named the requests of this one, and those of its own jobs; NULL:
-- it was enqueued.
ALTER TABLE batch ADD COLUMN found_in INTEGER;
CREATE UNIQUE INDEX batch_found_in ON batch (found_in) WHERE found_in IS NOT NULL;

-- Part of the set of requests, beside the runs of hashes: the latest ones that a run has added while
-- it went on, in a tree that is small. When it is full it becomes a run.
CREATE TABLE found_hash (
    hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 16)
) STRICT, WITHOUT ROWID;
