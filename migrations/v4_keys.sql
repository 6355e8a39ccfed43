-- Version 4: an enqueue that can be repeated; and what nothing read is gone.

-- The name that the caller of an `enqueue` gave it: repeated with the same key, it adds nothing.
ALTER TABLE batch ADD COLUMN enqueue_key TEXT;
CREATE UNIQUE INDEX batch_key ON batch (enqueue_key) WHERE enqueue_key IS NOT NULL;

DROP TABLE source;
DROP TABLE host;
