-- Version 5: lists, whose jobs have a line each.

-- Of a list (`batch.kind`), `first_id` is 0, `url` a template over fields of a line, and `options`
-- says which fields there are. A job's line is in the block that holds its position; a block is
-- claimed as a whole, as a segment.

-- A block that was not claimed yet: it stands for its jobs as a span does, so that the jobs of a
-- list are tiled by its spans, segments and these. Blocks of one lane are claimed in order.
CREATE TABLE block (
    batch_id INTEGER NOT NULL,
    first    INTEGER NOT NULL CHECK (first >= 0),   -- position
    count    INTEGER NOT NULL CHECK (count BETWEEN 1 AND 4096),
    lane     INTEGER NOT NULL CHECK (lane >= 0),
    PRIMARY KEY (batch_id, first)
) STRICT, WITHOUT ROWID;
CREATE INDEX block_lane ON block (batch_id, lane, first);

-- How many jobs of a lane are in its blocks: what says which lane comes next. No row: none.
CREATE TABLE lane (
    batch_id INTEGER NOT NULL,
    lane     INTEGER NOT NULL CHECK (lane >= 0),
    jobs     INTEGER NOT NULL CHECK (jobs >= 0),
    PRIMARY KEY (batch_id, lane)
) STRICT, WITHOUT ROWID;
CREATE INDEX lane_most ON lane (batch_id, jobs DESC, lane);

-- The lines of a block, packed; kept for good, since retries and exports read them.
CREATE TABLE line (
    batch_id INTEGER NOT NULL,
    first    INTEGER NOT NULL CHECK (first >= 0),
    count    INTEGER NOT NULL CHECK (count BETWEEN 1 AND 4096),
    lane     INTEGER NOT NULL CHECK (lane >= 0),
    bytes    BLOB    NOT NULL,
    PRIMARY KEY (batch_id, first)
) STRICT;

-- When a segment that its runner gave back, since all that is left of it waits for hosts out of
-- reach, may be claimed again (Unix time); 0: at any time.
ALTER TABLE segment ADD COLUMN not_before_us INTEGER NOT NULL DEFAULT 0;
DROP INDEX segment_open;
CREATE INDEX segment_open ON segment (batch_id, first)
    WHERE todo > 0 AND runner_id IS NULL AND not_before_us = 0;
CREATE INDEX segment_parked ON segment (not_before_us)
    WHERE todo > 0 AND runner_id IS NULL AND not_before_us > 0;

-- A list that is being added: its blocks are there, its batch is not. One that nobody adds any
-- more, since its process is gone, is removed by the next writer.
CREATE TABLE import (
    batch_id      INTEGER PRIMARY KEY,
    started_at_us INTEGER NOT NULL
) STRICT;
