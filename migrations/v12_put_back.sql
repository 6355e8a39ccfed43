-- Version 12: failed jobs that are put back.

-- A wish to make failed jobs available again, and how far it was carried out: the jobs before the
-- next place are done with, whatever becomes of them later. The wish comes before the jobs: what was
-- put back only in part is put back by whoever comes next. A row that is done with is kept for a
-- while, so that whoever wished hears the number of jobs.
CREATE TABLE put_back (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    outcomes      TEXT,                             -- '404,5xx,timeout'; NULL: any
    host          TEXT,                             -- 'example.com'; NULL: any
    batch_id      INTEGER,                          -- NULL: any
    first_id      INTEGER,                          -- IDs from here on, NULL: any ...
    end_id        INTEGER,                          -- ... and before this one
    next_batch_id INTEGER,                          -- NULL: done with
    next_position INTEGER NOT NULL DEFAULT 0,
    jobs          INTEGER NOT NULL DEFAULT 0 CHECK (jobs >= 0)  -- put back so far
) STRICT;
CREATE INDEX put_back_open ON put_back (id) WHERE next_batch_id IS NOT NULL;

-- Bytes that are 0 since they were put back while a runner leased the segment: of these it does not
-- know. Once they are all that is left to do, the lease ends.
ALTER TABLE segment ADD COLUMN returned INTEGER NOT NULL DEFAULT 0;

-- How many jobs of the batch were put back while there was an output. Each of them may have a
-- record of its failure there, which a later one supersedes.
ALTER TABLE batch ADD COLUMN superseded_max INTEGER NOT NULL DEFAULT 0;
