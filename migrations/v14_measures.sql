-- Version 14: the measurements of a run while it goes on.

-- Requests, times and the workers' time so far, as JSON, written with the heartbeat; '': none yet.
ALTER TABLE runner ADD COLUMN measures TEXT NOT NULL DEFAULT '';
