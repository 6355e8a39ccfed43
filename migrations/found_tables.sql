-- What queues have of which some run has followed what responses lead to, as of version 17 of the
-- schema. Other queues do not have it: two pages.

CREATE UNIQUE INDEX IF NOT EXISTS batch_found_in ON batch (found_in) WHERE found_in IS NOT NULL;

-- Part of the set of requests, beside the runs of hashes: the latest ones that a run has added while
-- it went on, in a tree that is small. When it is full it becomes a run.
CREATE TABLE IF NOT EXISTS found_hash (
    hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 16)
) STRICT, WITHOUT ROWID;
