-- Version 1 of a queue in PostgreSQL. Made by the owner, in one transaction.
--
-- The jobs of a batch, 0..<count, are tiled exactly by its spans, segments, mixed rows and blocks. What a
-- runner has marked since it last wrote its segments is in the log. Each statement names the schema:
-- a pooler keeps no search_path. Times are Unix times in µs of the server's clock.
CREATE SCHEMA runner;

CREATE TABLE runner.meta (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    schema_version int NOT NULL,
    queue_id uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO runner.meta (schema_version) VALUES (1);

-- Locked by whoever adds, cancels or puts back jobs, or takes over a runner's: these are rare, and so
-- none of them meets another halfway. Claims and commits do not touch it.
CREATE TABLE runner.control (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    jobs bigint NOT NULL DEFAULT 0                  -- of all batches
);
INSERT INTO runner.control DEFAULT VALUES;

-- Who watches for runners that are gone: one of them, until it is silent itself.
CREATE TABLE runner.duty (
    name text PRIMARY KEY, runner_id bigint NOT NULL DEFAULT 0,
    at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO runner.duty (name) VALUES ('watch');

CREATE TABLE runner.batch (
    id bigint PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('range', 'list')),
    first_id bigint NOT NULL CHECK (first_id >= 0),
    count bigint NOT NULL CHECK (count > 0),
    step bigint NOT NULL CHECK (step > 0),
    url text NOT NULL,
    method text NOT NULL,
    headers jsonb NOT NULL,                         -- an array each: name, value, words
    body bytea,
    body_syntax text NOT NULL,
    fields jsonb,                                   -- of a list: names, key, kept, parts, one_host
    name text UNIQUE,
    priority int NOT NULL,
    enqueue_key text UNIQUE,
    -- Of the call that added the batch: one whose answer was lost is not made twice.
    token text NOT NULL UNIQUE,
    created_us bigint NOT NULL,
    cancelled_us bigint,
    superseded_max bigint NOT NULL DEFAULT 0        -- jobs put back since there is an output
);

-- A byte stands for an outcome; 0 for none. A code, once committed, means the same for ever.
CREATE TABLE runner.outcome (
    code smallint PRIMARY KEY CHECK (code BETWEEN 1 AND 255),
    state text NOT NULL, status int NOT NULL DEFAULT 0, reason text NOT NULL DEFAULT '',
    UNIQUE (state, status, reason)
);
INSERT INTO runner.outcome (code, state, reason) VALUES
    (1, 'completed', 'other'), (2, 'failed', 'other'), (3, 'retrying', 'other'),
    (4, 'cancelled', '');

-- Jobs all alike: available, or all with one final outcome. Keyed by their end: a claim cuts the
-- front off by changing `first`, which is in no index, so that no dead index entries gather at the
-- head of the queue.
CREATE TABLE runner.span (
    batch_id bigint NOT NULL, stop bigint NOT NULL, first bigint NOT NULL,
    outcome smallint NOT NULL, priority int NOT NULL,
    PRIMARY KEY (batch_id, stop), CHECK (first >= 0 AND first < stop)
) WITH (fillfactor = 70);
CREATE INDEX span_available ON runner.span (priority DESC, batch_id, stop) WHERE outcome = 0;

-- Jobs that were begun and are not finished; small and hot. What a fold changes is in no index and
-- in no predicate of one.
CREATE TABLE runner.segment (
    batch_id bigint NOT NULL, first bigint NOT NULL,
    count int NOT NULL CHECK (count BETWEEN 1 AND 4096),
    todo int NOT NULL, tried int NOT NULL DEFAULT 0, retrying int NOT NULL DEFAULT 0,
    priority int NOT NULL,
    runner_id bigint NOT NULL,                      -- 0: nobody
    lane int,                                       -- of a list
    not_before_us bigint NOT NULL DEFAULT 0,        -- nobody claims it before
    -- The number that its runner gave the claim, by which it finds what an answer told that was lost.
    claim bigint NOT NULL DEFAULT 0,
    after_seq bigint NOT NULL DEFAULT 0,            -- the log tells of it after this commit
    outcomes bytea,                                 -- NULL: none; deflated where shorter
    retries bytea,
    returned int NOT NULL DEFAULT 0,                -- of todo: those put back, not its runner's
    PRIMARY KEY (batch_id, first)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
ALTER TABLE runner.segment ALTER outcomes SET STORAGE EXTERNAL, ALTER retries SET STORAGE EXTERNAL;
CREATE INDEX segment_open ON runner.segment (priority DESC, batch_id, first) WHERE runner_id = 0;
CREATE INDEX segment_lane ON runner.segment (batch_id, lane) WHERE lane IS NOT NULL;
CREATE INDEX segment_leased ON runner.segment (runner_id) WHERE runner_id > 0;

-- Finished jobs that are not alike: written once, so that cold bytes share no page with hot ones.
CREATE TABLE runner.mixed (
    batch_id bigint NOT NULL, first bigint NOT NULL,
    count int NOT NULL CHECK (count BETWEEN 1 AND 4096),
    outcomes bytea NOT NULL, PRIMARY KEY (batch_id, first)
);
ALTER TABLE runner.mixed ALTER outcomes SET STORAGE EXTERNAL;

-- The lines of lists, as many of one lane in a row as make a segment; they stay as they are. A block
-- is a row of lines of which nothing was begun.
CREATE TABLE runner.line (
    batch_id bigint NOT NULL, first bigint NOT NULL,
    count int NOT NULL CHECK (count BETWEEN 1 AND 4096), lane int NOT NULL, bytes bytea NOT NULL,
    PRIMARY KEY (batch_id, first)
);
ALTER TABLE runner.line ALTER bytes SET STORAGE EXTERNAL;
CREATE TABLE runner.block (
    batch_id bigint NOT NULL, first bigint NOT NULL, count int NOT NULL, lane int NOT NULL,
    PRIMARY KEY (batch_id, first)
);
CREATE INDEX block_lane ON runner.block (batch_id, lane, first);

-- The lanes of lists: lines of the same hosts. Whoever claims of one locks its row, and looks whether
-- another runner holds segments of it: a host is one machine's business at a time.
CREATE TABLE runner.lane (
    batch_id bigint NOT NULL, lane int NOT NULL, priority int NOT NULL,
    jobs bigint NOT NULL,                           -- in blocks
    PRIMARY KEY (batch_id, lane)
) WITH (fillfactor = 50);
CREATE INDEX lane_available ON runner.lane (priority DESC, batch_id, jobs DESC) WHERE jobs > 0;

-- Lists that are being added: their lines are there, and nobody sees them yet.
CREATE TABLE runner.import (
    batch_id bigint PRIMARY KEY,
    instance text NOT NULL,                         -- as of a runner
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- How many jobs have an outcome: by runner, so that runners do not wait for each other; 0 has those
-- of all that have ended.
CREATE TABLE runner.tally (
    batch_id bigint NOT NULL, outcome smallint NOT NULL, runner_id bigint NOT NULL,
    count bigint NOT NULL, PRIMARY KEY (batch_id, outcome, runner_id)
) WITH (fillfactor = 50);
CREATE TABLE runner.total (
    outcome smallint NOT NULL, runner_id bigint NOT NULL, count bigint NOT NULL,
    PRIMARY KEY (outcome, runner_id)
) WITH (fillfactor = 50);

-- An output folder with its files; 0 is there from the start.
CREATE TABLE runner.site (
    id int PRIMARY KEY, folder text, identity text NOT NULL DEFAULT '',
    identity_before text NOT NULL DEFAULT '', format text NOT NULL DEFAULT '',
    rotate_bytes bigint NOT NULL DEFAULT 1, bodies boolean NOT NULL DEFAULT true,
    failures boolean NOT NULL DEFAULT false, completed_before bigint NOT NULL DEFAULT 0
);
INSERT INTO runner.site (id) VALUES (0);
CREATE TABLE runner.output (
    site_id int NOT NULL, id int NOT NULL, name text NOT NULL, format text NOT NULL,
    bytes bigint NOT NULL, crc32 bigint NOT NULL, records bigint NOT NULL,
    sealed boolean NOT NULL, handed_over boolean NOT NULL DEFAULT false,
    PRIMARY KEY (site_id, id)
) WITH (fillfactor = 50);

-- A live runner; its ID is the epoch. Each commit locks the row and a takeover deletes it, so a
-- runner that was taken for dead records nothing more.
CREATE TABLE runner.runner (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instance text NOT NULL UNIQUE,                  -- the name of its lock file on its machine
    host text NOT NULL, pid int NOT NULL, workers int NOT NULL, site_id int NOT NULL,
    started_us bigint NOT NULL,
    -- How often others have written to its log: what it has not heard of holds its commits up.
    told bigint NOT NULL DEFAULT 0,
    folded_seq bigint NOT NULL DEFAULT 0,           -- the last commit that its segments tell of
    claims bigint NOT NULL DEFAULT 0,               -- the number of its last claim that got something
    beat_us bigint NOT NULL, requests_per_s real NOT NULL DEFAULT 0,
    trouble text NOT NULL DEFAULT '', measures text NOT NULL DEFAULT '',
    wishes_taken bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 25);

-- What a runner has committed since its segments were written: a row a commit. The key makes a commit
-- that is sent again one commit; the newest row is the heartbeat.
CREATE TABLE runner.log (
    runner_id bigint NOT NULL, seq bigint NOT NULL, at_us bigint NOT NULL,
    by_others boolean NOT NULL DEFAULT false,
    requests_per_s real NOT NULL DEFAULT 0, trouble text NOT NULL DEFAULT '', measures text,
    -- The change of numbers: of code 0 jobs held without an outcome, of 256 retries being tried.
    batch_ids bigint[] NOT NULL, codes smallint[] NOT NULL, counts bigint[] NOT NULL,
    has_files boolean NOT NULL, body bytea NOT NULL,
    PRIMARY KEY (runner_id, seq)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
        autovacuum_vacuum_cost_delay = 0);
ALTER TABLE runner.log ALTER body SET STORAGE EXTERNAL;

-- A limit that a live runner was asked to keep to while it goes on.
CREATE TABLE runner.wish (
    runner_id bigint NOT NULL, name text NOT NULL, value text NOT NULL, number bigint NOT NULL,
    PRIMARY KEY (runner_id, name)
);

-- Choices that hold until they are made anew; one of them that the queue is paused.
CREATE TABLE runner.setting (name text PRIMARY KEY, value text NOT NULL);

-- Hosts that push back, for all runners: until when each is left alone, the rate that it takes.
CREATE TABLE runner.host (
    name text PRIMARY KEY, not_before_us bigint NOT NULL, rate double precision,
    seen_us bigint NOT NULL
);
CREATE INDEX host_seen ON runner.host (seen_us);

CREATE TABLE runner.robots (
    origin text PRIMARY KEY, expires_us bigint NOT NULL, status int NOT NULL, body bytea NOT NULL
);

-- A wish to make failed jobs available again, and how far it was carried out: the wish comes before
-- the jobs, so that what was put back in part is put back by whoever comes next.
CREATE TABLE runner.put_back (
    id bigint PRIMARY KEY,
    token text NOT NULL UNIQUE,                     -- of the call, as in batch
    outcomes text,                                  -- '404,5xx,timeout'; NULL: any
    host text,                                      -- 'example.com'; NULL: any
    batch_id bigint,                                -- NULL: any
    first_id bigint, end_id bigint,                 -- IDs from .. to before; NULL: any
    next_batch_id bigint,                           -- NULL: done with
    next_position bigint NOT NULL DEFAULT 0,
    jobs bigint NOT NULL DEFAULT 0                  -- put back so far
);

-- Roles, where somebody has made them: runner_worker works on the queue, runner_reader looks at it.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'runner_worker') THEN
        GRANT USAGE ON SCHEMA runner TO runner_worker;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA runner TO runner_worker;
        REVOKE INSERT, UPDATE, DELETE ON runner.meta FROM runner_worker;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'runner_reader') THEN
        GRANT USAGE ON SCHEMA runner TO runner_reader;
        GRANT SELECT ON ALL TABLES IN SCHEMA runner TO runner_reader;
    END IF;
END
$$;
