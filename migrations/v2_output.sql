-- Version 2: where responses are kept. Version 1 had a table `output` that nothing wrote.
DROP TABLE output;

-- Where this queue's responses go, and how: one row, or none while they go nowhere.
CREATE TABLE sink (
    id               INTEGER PRIMARY KEY CHECK (id = 1),
    folder           TEXT    NOT NULL,              -- its absolute path; /./ in it: after the queue's folder
    -- What the file `.runner` in it says, new with each run: so a copy of the queue that is behind
    -- does not cut what it does not know of. The one before counts, too: a run may be killed before
    -- it has written the file.
    identity         TEXT    NOT NULL,
    identity_before  TEXT    NOT NULL,
    format           TEXT    NOT NULL,
    rotate_bytes     INTEGER NOT NULL CHECK (rotate_bytes > 0),
    bodies           INTEGER NOT NULL CHECK (bodies IN (0, 1)),     -- kept
    failures         INTEGER NOT NULL CHECK (failures IN (0, 1)),   -- get a record, too
    completed_before INTEGER NOT NULL               -- jobs completed before there was an output
) STRICT;

-- An output file and how much of it counts. What stands behind `bytes` was never marked.
CREATE TABLE output (
    id      INTEGER PRIMARY KEY,                    -- rises from file to file, never comes again
    name    TEXT    NOT NULL UNIQUE,                -- within the folder
    format  TEXT    NOT NULL,
    bytes   INTEGER NOT NULL CHECK (bytes >= 0),
    crc32   INTEGER NOT NULL,                       -- of these bytes
    records INTEGER NOT NULL CHECK (records >= 0),  -- jobs in them
    sealed  INTEGER NOT NULL CHECK (sealed IN (0, 1))
) STRICT;
