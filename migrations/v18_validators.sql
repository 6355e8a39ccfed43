-- Version 18: batches that ask for what has changed since another one. The table of validators
-- (validator_tables.sql) is made in queues alone of which some run has kept any.

-- The batch of whose jobs this one's are copies, position by position: each is asked for by the
-- validators of its like, if that has any. NULL: they are asked for plainly.
ALTER TABLE batch ADD COLUMN conditional_on INTEGER;
