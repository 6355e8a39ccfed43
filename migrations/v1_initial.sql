-- The queue, version 1. docs/ARCHITECTURE.md says how the tables work together.
-- One invariant carries it: the jobs 0..<count of a batch are tiled exactly by its spans and
-- segments, and the tallies are their sums.

-- One row is one `enqueue`. A job is named by (batch_id, position); its ID is first_id + position.
CREATE TABLE batch (
    id            INTEGER PRIMARY KEY,
    kind          TEXT    NOT NULL CHECK (kind IN ('range', 'list')),
    first_id      INTEGER NOT NULL CHECK (first_id >= 0),
    count         INTEGER NOT NULL CHECK (count > 0),
    url           TEXT,                             -- template; NULL where each line has its own
    method        TEXT    NOT NULL DEFAULT 'GET',
    headers       TEXT    NOT NULL DEFAULT '[]',    -- JSON: [["Name", "value"], ...]
    body          BLOB,
    options       TEXT    NOT NULL DEFAULT '{}',    -- JSON
    created_at_us INTEGER NOT NULL
) STRICT;

-- What one byte of a segment means. Code 0 is "no outcome yet" and has no row.
CREATE TABLE outcome (
    code   INTEGER PRIMARY KEY CHECK (code BETWEEN 1 AND 255),
    state  TEXT    NOT NULL CHECK (state IN ('retrying', 'completed', 'failed')),
    status INTEGER NOT NULL DEFAULT 0,              -- HTTP status; 0: none
    reason TEXT    NOT NULL DEFAULT '',             -- why it failed; '': the status says it
    UNIQUE (state, status, reason)
) STRICT;
-- The byte is bounded, the statuses a server may invent are not: past the last free code a new
-- outcome is counted under its state alone.
INSERT INTO outcome (code, state, reason) VALUES
    (1, 'completed', 'other'), (2, 'failed', 'other'), (3, 'retrying', 'other');

-- Jobs all alike: available (outcome 0), or all with one final outcome. Neighbours that are
-- alike are one row.
CREATE TABLE span (
    batch_id INTEGER NOT NULL,
    first    INTEGER NOT NULL CHECK (first >= 0),   -- position
    count    INTEGER NOT NULL CHECK (count > 0),
    outcome  INTEGER NOT NULL CHECK (outcome BETWEEN 0 AND 255),
    PRIMARY KEY (batch_id, first)
) STRICT, WITHOUT ROWID;
CREATE INDEX span_available ON span (batch_id, first) WHERE outcome = 0;

-- At most 4,096 consecutive jobs cut off an available span: what is leased, read in and marked as
-- a whole. `outcomes` holds one byte a job; when all are final and not alike it is deflated, by
-- the convention of SQLite archives (as it is when length(outcomes) = count).
CREATE TABLE segment (
    batch_id  INTEGER NOT NULL,
    first     INTEGER NOT NULL CHECK (first >= 0),
    count     INTEGER NOT NULL CHECK (count BETWEEN 1 AND 4096),
    todo      INTEGER NOT NULL CHECK (todo >= 0),       -- bytes that are 0
    retrying  INTEGER NOT NULL CHECK (retrying >= 0),   -- bytes whose state is retrying
    runner_id INTEGER,                                  -- leased to; NULL: nobody
    outcomes  BLOB    NOT NULL,
    PRIMARY KEY (batch_id, first)
) STRICT;
CREATE INDEX segment_open   ON segment (batch_id, first) WHERE todo > 0;
CREATE INDEX segment_leased ON segment (runner_id) WHERE runner_id IS NOT NULL;

-- How many jobs of a batch have an outcome: what `status` reads instead of counting.
CREATE TABLE tally (
    batch_id INTEGER NOT NULL,
    outcome  INTEGER NOT NULL CHECK (outcome BETWEEN 1 AND 255),
    count    INTEGER NOT NULL CHECK (count >= 0),
    PRIMARY KEY (batch_id, outcome)
) STRICT, WITHOUT ROWID;

-- A job that waits for its next attempt. Bounded: no segment is claimed while it is too long.
CREATE TABLE retry (
    batch_id      INTEGER NOT NULL,
    position      INTEGER NOT NULL,
    attempts      INTEGER NOT NULL CHECK (attempts > 0),    -- made so far
    not_before_us INTEGER NOT NULL,                         -- Unix time
    runner_id     INTEGER,                                  -- being tried by; NULL: waiting
    PRIMARY KEY (batch_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX retry_due ON retry (not_before_us) WHERE runner_id IS NULL;
CREATE INDEX retry_leased ON retry (runner_id) WHERE runner_id IS NOT NULL;

-- For lists: the deflated request lines of at most 4,096 jobs, read only when claimed.
CREATE TABLE source (
    batch_id INTEGER NOT NULL,
    first    INTEGER NOT NULL CHECK (first >= 0),
    count    INTEGER NOT NULL CHECK (count BETWEEN 1 AND 4096),
    lines    BLOB    NOT NULL,
    PRIMARY KEY (batch_id, first)
) STRICT;

-- An output file and how many of its bytes count.
CREATE TABLE output (
    id     INTEGER PRIMARY KEY,
    path   TEXT    NOT NULL UNIQUE,
    format TEXT    NOT NULL,
    bytes  INTEGER NOT NULL DEFAULT 0 CHECK (bytes >= 0),
    sealed INTEGER NOT NULL DEFAULT 0 CHECK (sealed IN (0, 1))
) STRICT;

-- A host told to wait, and until when.
CREATE TABLE host (
    name          TEXT PRIMARY KEY,
    not_before_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A live runner. AUTOINCREMENT: its ID is the epoch every mark is checked against, and never comes again.
CREATE TABLE runner (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    pid            INTEGER NOT NULL,
    workers        INTEGER NOT NULL,
    started_at_us  INTEGER NOT NULL,
    heartbeat_us   INTEGER NOT NULL,
    requests_per_s REAL    NOT NULL DEFAULT 0
) STRICT;

-- One row a job, for people with a `sqlite3` shell; the program never reads it, and nobody should
-- during a run of many jobs: it walks them all (a million in half a second) on one snapshot. `attempts` is
-- NULL once a job is final: it is not kept. sqlar_uncompress is the shell's own function.
CREATE VIEW job (batch_id, id, url, state, outcome, attempts) AS
WITH RECURSIVE
    unfolded (batch_id, position, first, stop, code, outcomes, runner_id) AS (
        SELECT batch_id, first, first, first + count, outcome, NULL, NULL FROM span
        UNION ALL
        SELECT batch_id, first, first, first + count, NULL, sqlar_uncompress(outcomes, count),
            runner_id
        FROM segment
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
    replace(replace(batch.url, '{id}', batch.first_id + coded.position),
        '{}', batch.first_id + coded.position),
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
