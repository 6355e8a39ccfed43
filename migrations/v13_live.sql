-- Version 13: what people ask of a run while it goes on.

-- That a queue is paused is a row of `setting`, 'paused'. Programs of earlier versions would not heed
-- it, nor the limits below.

-- Limits that a live runner was asked to keep to, in place of those it began with. They end with
-- their runner: the next one knows nothing of them.
CREATE TABLE wish (
    runner_id INTEGER NOT NULL,
    name      TEXT    NOT NULL,                     -- 'workers', 'rate', ...
    value     TEXT    NOT NULL,
    number    INTEGER NOT NULL,                     -- rises each time that the runner is asked
    PRIMARY KEY (runner_id, name)
) STRICT, WITHOUT ROWID;

-- The number of the last wish that the runner has taken in.
ALTER TABLE runner ADD COLUMN wishes_taken INTEGER NOT NULL DEFAULT 0;
