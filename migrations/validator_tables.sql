-- What queues have of which some run has kept validators, as of version 18 of the schema. Other queues
-- do not have it: two pages.

-- What servers said in ETag and Last-Modified of completed jobs: of the jobs at 4,096 * page and after
-- it, those that some commits have completed. Each job is in one part at most.
CREATE TABLE IF NOT EXISTS validator (
    batch_id INTEGER NOT NULL,
    page     INTEGER NOT NULL CHECK (page >= 0),
    part     INTEGER NOT NULL CHECK (part BETWEEN 0 AND 63),
    jobs     INTEGER NOT NULL CHECK (jobs > 0),
    bytes    BLOB    NOT NULL,                      -- JobValidators.swift says how
    PRIMARY KEY (batch_id, page, part)
) STRICT;
