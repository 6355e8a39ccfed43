-- Version 6: batches as things of their own: names and priorities.

ALTER TABLE batch ADD COLUMN name TEXT;
ALTER TABLE batch ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX batch_name ON batch (name) WHERE name IS NOT NULL;
-- Until now a name was a key alone. One of digits would be taken for an ID.
UPDATE batch SET name = substr(enqueue_key, 6)
WHERE enqueue_key GLOB 'name:?*' AND substr(enqueue_key, 6) GLOB '*[^0-9]*';

-- The batch's priority in each row that can be claimed, so that one look at an index finds what
-- comes next, however many batches there are. It counts for no other row.
ALTER TABLE span ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
DROP INDEX span_available;
CREATE INDEX span_available ON span (priority DESC, batch_id, first) WHERE outcome = 0;
ALTER TABLE segment ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
DROP INDEX segment_open;
CREATE INDEX segment_open ON segment (priority DESC, batch_id, first)
WHERE todo > 0 AND runner_id IS NULL AND not_before_us = 0;
ALTER TABLE lane ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
DROP INDEX lane_most;
CREATE INDEX lane_most ON lane (priority DESC, batch_id, jobs DESC, lane);

-- For a run of one batch.
CREATE INDEX retry_due_of_batch ON retry (batch_id, not_before_us) WHERE runner_id IS NULL;

-- The view shows the jobs of lists, too, those that nobody claimed yet among them. Their URLs are in
-- packed lines, which no SQL reads.
DROP VIEW job;
-- As of version 1: one row a job, for people.
CREATE VIEW job (batch_id, id, url, state, outcome, attempts) AS
WITH RECURSIVE
    unfolded (batch_id, position, first, stop, code, outcomes, runner_id) AS (
        SELECT batch_id, first, first, first + count, outcome, NULL, NULL FROM span
        UNION ALL
        SELECT batch_id, first, first, first + count, NULL, sqlar_uncompress(outcomes, count),
            runner_id
        FROM segment
        UNION ALL
        SELECT batch_id, first, first, first + count, 0, NULL, NULL FROM block
        UNION ALL
        SELECT batch_id, position + 1, first, stop, code, outcomes, runner_id
        FROM unfolded
        WHERE position + 1 < stop
    ),
    coded (batch_id, position, code, leased) AS (
        SELECT batch_id, position,
            coalesce(code, CASE substr(outcomes, position - first + 1, 1) WHEN x'00' THEN 0 ELSE
                -- the byte as a number
                16 * (instr('0123456789ABCDEF',
                    substr(hex(substr(outcomes, position - first + 1, 1)), 1, 1)) - 1)
                + instr('0123456789ABCDEF',
                    substr(hex(substr(outcomes, position - first + 1, 1)), 2, 1)) - 1 END),
            runner_id IS NOT NULL
        FROM unfolded
    )
SELECT coded.batch_id,
    batch.first_id + coded.position,
    CASE batch.kind WHEN 'range' THEN
        replace(replace(batch.url, '{id}', batch.first_id + coded.position),
            '{}', batch.first_id + coded.position) END,
    CASE WHEN outcome.state IS NOT NULL AND retry.runner_id IS NULL THEN outcome.state
        WHEN leased OR retry.runner_id IS NOT NULL THEN 'running' ELSE 'available' END,
    CASE WHEN outcome.reason <> '' THEN outcome.reason
        WHEN outcome.status > 0 THEN CAST(outcome.status AS TEXT) END,
    CASE WHEN coded.code = 0 THEN 0 ELSE retry.attempts END
FROM coded
-- CROSS keeps `coded` outermost, and so a stream: joined plainly, all of it is put in a table first.
CROSS JOIN batch ON batch.id = coded.batch_id
LEFT JOIN outcome ON outcome.code = coded.code
LEFT JOIN retry ON retry.batch_id = coded.batch_id AND retry.position = coded.position;
