-- Version 7: batches that are cancelled.

-- When the batch was cancelled first (Unix time); NULL: it was not. The flag comes before the jobs:
-- what was taken back only in part is taken back by whoever comes next.
ALTER TABLE batch ADD COLUMN cancelled_at_us INTEGER;
CREATE INDEX batch_cancelled ON batch (id) WHERE cancelled_at_us IS NOT NULL;

-- One more state. A CHECK cannot be changed, so the table is made anew; not renamed, since the view
-- `job` goes by its name.
CREATE TABLE outcome_before AS SELECT code, state, status, reason FROM outcome;
DROP TABLE outcome;
CREATE TABLE outcome (
    code   INTEGER PRIMARY KEY CHECK (code BETWEEN 1 AND 255),
    state  TEXT    NOT NULL CHECK (state IN ('retrying', 'completed', 'failed', 'cancelled')),
    status INTEGER NOT NULL DEFAULT 0,              -- HTTP status; 0: none
    reason TEXT    NOT NULL DEFAULT '',             -- why it failed; '': the status says it
    UNIQUE (state, status, reason)
) STRICT;
INSERT INTO outcome (code, state, status, reason)
SELECT code, state, status, reason FROM outcome_before;
DROP TABLE outcome_before;

-- The code of cancelled jobs: the next one, 4 in a new queue. Where all are given, one that no job
-- has any more; where each is some job's, none, and nothing can be cancelled.
INSERT INTO outcome (code, state)
SELECT max(code) + 1, 'cancelled' FROM outcome HAVING max(code) < 255;
UPDATE outcome SET state = 'cancelled', status = 0, reason = ''
WHERE code = (SELECT min(code) FROM outcome
    WHERE code > 3 AND code NOT IN (SELECT outcome FROM total WHERE count > 0))
AND NOT EXISTS (SELECT 1 FROM outcome WHERE state = 'cancelled');
