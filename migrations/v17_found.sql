-- Version 17: requests that responses led to. Their other table and index (found_tables.sql) are made
-- in queues alone of which some run has followed what responses lead to.

-- The batch whose jobs' responses named the requests of this one, and those of its own jobs; NULL:
-- it was enqueued.
ALTER TABLE batch ADD COLUMN found_in INTEGER;
