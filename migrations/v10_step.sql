-- Ranges with a step: of such a batch, `options` says by `step` how far one ID is from the next.

-- The view tells the IDs of these, too. The URLs of lists' jobs are in packed lines, which no SQL
-- reads.
DROP VIEW job;
-- One row a job, for people.
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
    batch.first_id + batch.step * coded.position,
    CASE batch.kind WHEN 'range' THEN
        replace(replace(batch.url, '{id}', batch.first_id + batch.step * coded.position),
            '{}', batch.first_id + batch.step * coded.position) END,
    CASE WHEN outcome.state IS NOT NULL AND retry.runner_id IS NULL THEN outcome.state
        WHEN leased OR retry.runner_id IS NOT NULL THEN 'running' ELSE 'available' END,
    CASE WHEN outcome.reason <> '' THEN outcome.reason
        WHEN outcome.status > 0 THEN CAST(outcome.status AS TEXT) END,
    CASE WHEN coded.code = 0 THEN 0 ELSE retry.attempts END
FROM coded
-- CROSS keeps `coded` outermost, and so a stream: joined plainly, all of it is put in a table first.
CROSS JOIN (
    SELECT id, kind, url, first_id, coalesce(options ->> 'step', 1) AS step FROM batch
) AS batch ON batch.id = coded.batch_id
LEFT JOIN outcome ON outcome.code = coded.code
LEFT JOIN retry ON retry.batch_id = coded.batch_id AND retry.position = coded.position;
