-- Version 11: what servers asked for, and what a run was told.

-- Attempts that are no fault of the job's, since its host told to wait; they count in `attempts`.
ALTER TABLE retry ADD COLUMN excused INTEGER NOT NULL DEFAULT 0;
-- When the job's first attempt was marked, in Unix time. Of jobs that wait already it is not known.
ALTER TABLE retry ADD COLUMN since_us INTEGER NOT NULL DEFAULT 0;
UPDATE retry SET since_us = not_before_us;

-- Hosts that push back: until when each is left alone, and the rate that it takes.
CREATE TABLE host (
    name          TEXT PRIMARY KEY,                         -- scheme://host:port
    not_before_us INTEGER NOT NULL,                         -- Unix time
    rate          REAL,                                     -- requests a second; NULL: no bound
    seen_us       INTEGER NOT NULL                          -- when this row was written
) STRICT, WITHOUT ROWID;
CREATE INDEX host_seen ON host (seen_us);

-- Choices that hold until they are made anew.
CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The robots.txt of origins.
CREATE TABLE robots (
    origin     TEXT PRIMARY KEY,                            -- scheme://host:port
    expires_us INTEGER NOT NULL,                            -- Unix time
    status     INTEGER NOT NULL,                            -- of the answer; 0: none needed
    body       BLOB NOT NULL
) STRICT, WITHOUT ROWID;
