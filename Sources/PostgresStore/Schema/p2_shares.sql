-- Version 2 of a queue in PostgreSQL: one rate for all runners.
--
-- The sum of all runners' shares never grows beyond the rate: a runner writes that it has less only
-- once it keeps to less, and that it has more, under a lock on the row of the rate, only as far as the
-- others leave something. What a runner has it has while its row is there, so that nobody compares
-- times.
CREATE TABLE runner.pace (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    rate double precision CHECK (rate > 0)          -- requests a second; NULL: any number
);
INSERT INTO runner.pace DEFAULT VALUES;

-- Requests a second: the most that a runner lets out, and the most that it has a use for. One that
-- knows nothing of rates may send any number.
ALTER TABLE runner.runner
    ADD COLUMN share double precision NOT NULL DEFAULT 'Infinity',
    ADD COLUMN wanted double precision NOT NULL DEFAULT 'Infinity';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'runner_worker') THEN
        GRANT SELECT, UPDATE ON runner.pace TO runner_worker;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'runner_reader') THEN
        GRANT SELECT ON runner.pace TO runner_reader;
    END IF;
END
$$;

UPDATE runner.meta SET schema_version = 2;
