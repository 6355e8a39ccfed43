-- What queues have of which some run has followed what responses lead to, as of version 17 of the
-- schema. Other queues do not have it: three pages.

CREATE UNIQUE INDEX IF NOT EXISTS batch_found_in ON batch (found_in) WHERE found_in IS NOT NULL;

-- The requests of a host in a batch of such requests, as far as runs have added them that had a bound on
-- their number.
CREATE TABLE IF NOT EXISTS found_host (
    batch_id INTEGER NOT NULL, host TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (batch_id, host)
) STRICT, WITHOUT ROWID;

-- Part of the set of requests, beside the runs of hashes: the latest ones that a run has added while
-- it went on, in a tree that is small. When it is full it becomes a run.
CREATE TABLE IF NOT EXISTS found_hash (
    hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 16)
) STRICT, WITHOUT ROWID;
