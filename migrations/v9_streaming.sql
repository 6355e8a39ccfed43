-- Lists whose jobs are available while they are being added.

-- Of such a list the row of `import` stays beside its batch until the list is complete: it says how
-- far the list was taken. It changes in the transaction that adds the jobs, so that a line is never
-- taken twice, and whoever goes on begins behind the last one.

-- The file that is read, by its name and a hash of its first bytes: the file may grow. NULL: a pipe,
-- or a list that is not a batch before it is complete.
ALTER TABLE import ADD COLUMN list TEXT;
ALTER TABLE import ADD COLUMN list_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE import ADD COLUMN list_hash INTEGER NOT NULL DEFAULT 0;

-- What was taken: rows, the rejected ones included; lines, and bytes when decompressed, up to the
-- end of the last of them.
ALTER TABLE import ADD COLUMN records INTEGER NOT NULL DEFAULT 0;
ALTER TABLE import ADD COLUMN lines INTEGER NOT NULL DEFAULT 0;
ALTER TABLE import ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
