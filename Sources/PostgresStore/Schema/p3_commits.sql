-- Version 3 of a queue in PostgreSQL: commits and folds as functions.
--
-- Their statements are long, and come often: a session reads and plans those of a function once,
-- whoever calls it, so that a pooler may stand between. Without scans of whole tables, since a plan
-- is kept from a time when there was next to nothing in them.

-- The number of a runner's last claim that got something. In a row of its own: commits lock the
-- runner's, and are not to wait for the end of a claim.
CREATE TABLE runner.claimed (
    runner_id bigint PRIMARY KEY, number bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO runner.claimed (runner_id, number) SELECT id, claims FROM runner.runner;

-- Adds a row to the log of a runner.
--
-- The lock keeps a takeover waiting. Whoever writes to the log of another runner counts `told` up
-- under a lock on this row; after waiting for that, the row is looked at again, and the log only
-- then. The commit before must be there, and the claims: a standby may have lost them. A row that was
-- sent before may come in as late as after it was sent again and folded: the one it would conflict
-- with is gone then.
--
-- Gives the time of the commit; NULL where nothing was added.
CREATE FUNCTION runner.commit(
    runner_ bigint, told_ bigint, seq_ bigint, claims_ bigint,
    now_us_ bigint,                                 -- NULL: the server's clock
    requests_per_s_ real, trouble_ text, measures_ text,
    batch_ids_ bigint[], codes_ smallint[], counts_ bigint[], has_files_ boolean, body_ bytea
) RETURNS bigint LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    folded_ bigint;
    at_us_ bigint;
BEGIN
    SELECT folded_seq INTO folded_ FROM runner.runner
    WHERE id = runner_ AND told = told_ AND folded_seq < seq_ FOR SHARE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO runner.log (runner_id, seq, at_us, requests_per_s, trouble, measures, batch_ids,
        codes, counts, has_files, body)
    SELECT runner_, seq_,
        coalesce(now_us_, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint),
        requests_per_s_, trouble_, measures_, batch_ids_, codes_, counts_, has_files_, body_
    WHERE greatest(folded_, (SELECT max(seq) FROM runner.log
            WHERE runner_id = runner_ AND seq >= seq_ - 1)) = seq_ - 1
        AND (claims_ = 0
            OR claims_ <= (SELECT number FROM runner.claimed WHERE runner_id = runner_))
    ON CONFLICT (runner_id, seq) DO NOTHING RETURNING at_us INTO at_us_;
    RETURN at_us_;
END
$$;

-- Writes down what the log of a runner tells of, and empties it: the segments that are begun, those
-- that are finished (with a code where all their jobs have one, and bytes where not), the numbers of
-- jobs, and files.
--
-- Gives whether the runner has heard of all that others wrote; otherwise nothing was done.
CREATE FUNCTION runner.fold(
    runner_ bigint, told_ bigint, seq_ bigint, folded_ bigint,
    batch_ids_ bigint[], firsts_ bigint[], todos_ int[], trieds_ int[], retryings_ int[],
    outcomes_ bytea[], retries_ bytea[], runners_ bigint[], returneds_ int[],
    ended_batch_ids_ bigint[], ended_firsts_ bigint[], ended_codes_ int[],
    ended_outcomes_ bytea[],
    tally_batch_ids_ bigint[], tally_codes_ int[], tally_counts_ bigint[],
    total_codes_ int[], total_counts_ bigint[],
    site_ int, file_ids_ int[], file_names_ text[], file_formats_ text[], file_bytes_ bigint[],
    file_crc32s_ bigint[], file_records_ bigint[], file_sealeds_ boolean[]
) RETURNS boolean LANGUAGE plpgsql
    SET enable_seqscan = off SET plan_cache_mode = force_generic_plan SET lock_timeout = '5s' AS $$
DECLARE
    count_ bigint;
BEGIN
    UPDATE runner.runner r SET folded_seq = seq_, beat_us = greatest(beat_us, l.at_us),
        requests_per_s = coalesce(l.requests_per_s, r.requests_per_s),
        trouble = coalesce(l.trouble, r.trouble),
        measures = coalesce((SELECT measures FROM runner.log
            WHERE runner_id = runner_ AND seq > folded_ AND measures IS NOT NULL
            ORDER BY seq DESC LIMIT 1), r.measures)
    FROM (VALUES (1)) AS one LEFT JOIN (
        SELECT at_us, requests_per_s, trouble FROM runner.log
        WHERE runner_id = runner_ AND seq > folded_ AND NOT by_others
        ORDER BY seq DESC LIMIT 1) l ON true
    WHERE r.id = runner_ AND r.told = told_ AND r.folded_seq = folded_;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- With a lower bound: what was deleted before is not walked again.
    DELETE FROM runner.log WHERE runner_id = runner_ AND seq > folded_ AND seq <= seq_;
    IF cardinality(firsts_) > 0 THEN
        UPDATE runner.segment s SET todo = u.todo, tried = u.tried, retrying = u.retrying,
            outcomes = u.outcomes, retries = u.retries, runner_id = u.runner_id,
            returned = u.returned
        FROM unnest(batch_ids_, firsts_, todos_, trieds_, retryings_, outcomes_, retries_,
            runners_, returneds_)
            AS u(batch_id, first, todo, tried, retrying, outcomes, retries, runner_id, returned)
        WHERE s.batch_id = u.batch_id AND s.first = u.first AND s.runner_id = runner_;
        GET DIAGNOSTICS count_ = ROW_COUNT;
        IF count_ < cardinality(firsts_) THEN
            RAISE EXCEPTION 'a segment is no longer this runner''s' USING ERRCODE = 'RN001';
        END IF;
    END IF;
    IF cardinality(ended_firsts_) > 0 THEN
        WITH gone AS (
            DELETE FROM runner.segment s
            USING unnest(ended_batch_ids_, ended_firsts_, ended_codes_, ended_outcomes_)
                AS u(batch_id, first, code, outcomes)
            WHERE s.batch_id = u.batch_id AND s.first = u.first AND s.runner_id = runner_
            RETURNING s.batch_id, s.first, s.count, s.priority, u.code, u.outcomes),
        alike AS (
            INSERT INTO runner.span (batch_id, stop, first, outcome, priority)
            SELECT batch_id, first + count, first, code, priority FROM gone WHERE code > 0),
        mixed AS (
            INSERT INTO runner.mixed (batch_id, first, count, outcomes)
            SELECT batch_id, first, count, outcomes FROM gone WHERE code = 0)
        SELECT count(*) INTO count_ FROM gone;
        IF count_ < cardinality(ended_firsts_) THEN
            RAISE EXCEPTION 'a segment is no longer this runner''s' USING ERRCODE = 'RN001';
        END IF;
    END IF;
    IF cardinality(tally_codes_) > 0 THEN
        INSERT INTO runner.tally AS t (batch_id, outcome, runner_id, count)
        SELECT b, c, runner_, n FROM unnest(tally_batch_ids_, tally_codes_, tally_counts_)
            AS u(b, c, n)
        ON CONFLICT (batch_id, outcome, runner_id) DO UPDATE SET count = t.count + excluded.count;
        INSERT INTO runner.total AS t (outcome, runner_id, count)
        SELECT c, runner_, n FROM unnest(total_codes_, total_counts_) AS u(c, n)
        ON CONFLICT (outcome, runner_id) DO UPDATE SET count = t.count + excluded.count;
    END IF;
    IF cardinality(file_ids_) > 0 THEN
        INSERT INTO runner.output (site_id, id, name, format, bytes, crc32, records, sealed)
        SELECT site_, u.* FROM unnest(file_ids_, file_names_, file_formats_, file_bytes_,
            file_crc32s_, file_records_, file_sealeds_) AS u
        ON CONFLICT (site_id, id) DO UPDATE SET bytes = excluded.bytes, crc32 = excluded.crc32,
            records = excluded.records, sealed = excluded.sealed;
    END IF;
    RETURN true;
END
$$;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'runner_worker') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON runner.claimed TO runner_worker;
        GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA runner TO runner_worker;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'runner_reader') THEN
        GRANT SELECT ON runner.claimed TO runner_reader;
    END IF;
END
$$;

UPDATE runner.meta SET schema_version = 3;
