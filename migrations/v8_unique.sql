-- The requests of lists as a set of hashes, by which lists are added without duplicates.

-- The key of the hashes, at random: nobody can write requests whose hashes meet.
CREATE TABLE hash_key (
    id  INTEGER PRIMARY KEY CHECK (id = 1),
    key BLOB    NOT NULL CHECK (length(key) = 16)
) STRICT;
INSERT INTO hash_key (id, key) VALUES (1, randomblob(16));

-- Hashes in order. The set is the union of the runs: a tree into which hashes were inserted in the
-- order of the lines would touch a page of its own for each.
CREATE TABLE hash_run (
    id       INTEGER PRIMARY KEY,
    batch_id INTEGER,                               -- the list that is being added, which takes the
                                                    -- run with it if it is not finished; NULL: for good
    count    INTEGER NOT NULL CHECK (count >= 0)    -- hashes
) STRICT;

-- Part of a run: hashes of 16 bytes, rising, and the lowest of them, by which the page is found.
CREATE TABLE hash_page (
    run_id INTEGER NOT NULL,
    lowest BLOB    NOT NULL CHECK (length(lowest) = 16),
    hashes BLOB    NOT NULL,
    PRIMARY KEY (run_id, lowest)
) STRICT;

-- Whether the requests of a list are in the set. Those of lists from before, and of lists that were
-- added with their duplicates, come into it when the next list is added without.
ALTER TABLE batch ADD COLUMN is_hashed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX batch_unhashed ON batch (id) WHERE kind = 'list' AND is_hashed = 0;
