-- Version 3: queues of very many batches, and why a run gets nothing through.

-- How many jobs of all batches have an outcome: what `status` reads, however many batches there
-- are. Code 0 is "no outcome yet"; all of them together are all jobs.
CREATE TABLE total (
    outcome INTEGER PRIMARY KEY CHECK (outcome BETWEEN 0 AND 255),
    count   INTEGER NOT NULL CHECK (count >= 0)
) STRICT;
INSERT INTO total (outcome, count) SELECT outcome, sum(count) FROM tally GROUP BY outcome;
-- Of a queue that contradicts itself, too: `verify` will say so.
INSERT INTO total (outcome, count)
SELECT 0, max(0, coalesce(sum(count), 0) - (SELECT coalesce(sum(count), 0) FROM total))
FROM batch;

-- Segments that can be claimed, without those that are leased: there may be ten thousand of these.
DROP INDEX segment_open;
CREATE INDEX segment_open ON segment (batch_id, first) WHERE todo > 0 AND runner_id IS NULL;

-- Why nothing gets through at present; '': something does.
ALTER TABLE runner ADD COLUMN trouble TEXT NOT NULL DEFAULT '';
