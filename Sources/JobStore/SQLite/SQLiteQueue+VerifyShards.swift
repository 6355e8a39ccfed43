extension SQLiteQueue {
    /// Names of faults of shards, and of queues that were merged from them, and SQL that counts each.
    static let shardChecks = [
        (
            "batches that are pieces of none",
            """
            SELECT count(*) FROM batch WHERE (whole_first IS NULL) <> (whole_count IS NULL)
                OR whole_first < 0 OR whole_count < count OR whole_first > whole_count - count
            """
        ),
        (
            "pieces of batches in a queue that is no shard",
            """
            SELECT count(*) FROM batch
            WHERE whole_first IS NOT NULL AND NOT EXISTS (SELECT 1 FROM shard)
            """
        ),
        (
            "shards that cannot be",
            """
            SELECT count(*) FROM shard
            WHERE number < 0 OR number >= count OR completed_before < 0 OR unrecorded < 0
            """
        ),
        (
            "files of no output folder",
            "SELECT count(*) FROM site_output WHERE site_id NOT IN (SELECT id FROM site)"
        ),
        (
            "numbers of merged jobs that cannot be",
            "SELECT count(*) FROM merged WHERE completed < 0 OR unrecorded < 0"
        ),
    ]

    /// The same of a queue that was never cut.
    static let wholeChecks = [
        (
            "pieces of batches in a queue that is no shard",
            """
            SELECT count(*) FROM batch WHERE whole_first IS NOT NULL OR whole_count IS NOT NULL
            """
        )
    ]
}
