-- Version 15: sealed output files are handed to a command.

-- Whether a command has ended well for the file. Set after that, so that a kill between the two makes
-- the next run hand the file over once more.
ALTER TABLE output ADD COLUMN handed_over INTEGER NOT NULL DEFAULT 0 CHECK (handed_over IN (0, 1));
