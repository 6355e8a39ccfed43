-- The tables of queues that were split, that are shards, or that were merged from shards, as of version
-- 16 of the schema. Other queues do not have them.

-- Which shard of a larger queue this one is: one row, or none.
CREATE TABLE IF NOT EXISTS shard (
    id               INTEGER PRIMARY KEY CHECK (id = 1),
    whole            TEXT    NOT NULL,              -- random, of the larger queue; '': shards that were
                                                    -- queued as such
    number           INTEGER NOT NULL CHECK (number >= 0),
    count            INTEGER NOT NULL CHECK (count > number),   -- shards of the larger queue
    has_output       INTEGER NOT NULL CHECK (has_output IN (0, 1)), -- the larger queue had one
    completed_before INTEGER NOT NULL,              -- jobs completed by the larger queue; of these ...
    unrecorded       INTEGER NOT NULL               -- ... so many are in no output; the first shard
                                                    -- tells of all
) STRICT;

-- The shards that this queue was split into: one row, or none. Once they are complete, nobody works
-- on this queue any more.
CREATE TABLE IF NOT EXISTS split (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    whole       TEXT    NOT NULL,                   -- as `shard` has it
    count       INTEGER NOT NULL CHECK (count > 0),
    folder      TEXT    NOT NULL,                   -- its absolute path
    is_complete INTEGER NOT NULL CHECK (is_complete IN (0, 1))
) STRICT;

-- Output folders that runs of other queues have written to, which this one was merged from. The one
-- of this queue's own runs is in `sink`.
CREATE TABLE IF NOT EXISTS site (
    id           INTEGER PRIMARY KEY CHECK (id > 0),
    is_carried   INTEGER NOT NULL CHECK (is_carried IN (0, 1)), -- 1: of the larger queue, of which this
                                                    -- is the first shard; for the merge alone
    folder       TEXT    NOT NULL,                  -- as `sink` has it, and so the others
    identity     TEXT    NOT NULL,
    identity_before TEXT NOT NULL,
    format       TEXT    NOT NULL,
    rotate_bytes INTEGER NOT NULL,
    bodies       INTEGER NOT NULL CHECK (bodies IN (0, 1)),
    failures     INTEGER NOT NULL CHECK (failures IN (0, 1))
) STRICT;

-- The files of `site`, as those of `sink` are in `output`.
CREATE TABLE IF NOT EXISTS site_output (
    site_id     INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    format      TEXT    NOT NULL,
    bytes       INTEGER NOT NULL,
    crc32       INTEGER NOT NULL,
    records     INTEGER NOT NULL,
    sealed      INTEGER NOT NULL,
    handed_over INTEGER NOT NULL,
    PRIMARY KEY (site_id, id)
) STRICT, WITHOUT ROWID;

-- Of a queue that was merged from others: the jobs completed by then, and how many of these are in
-- no output.
CREATE TABLE IF NOT EXISTS merged (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    completed  INTEGER NOT NULL,
    unrecorded INTEGER NOT NULL
) STRICT;
