/// Checks of the set of requests.
extension SQLiteQueue {
    /// Whether the queue's schema has the set.
    func hasHashes() throws -> Bool {
        try connection.int("SELECT 1 FROM sqlite_schema WHERE name = 'hash_run'") == 1
    }

    /// Names of faults, and SQL that counts each. Runs that go with a list are not whole yet.
    static let hashChecks = [
        (
            "pages of hashes of no run",
            "SELECT count(*) FROM hash_page WHERE run_id NOT IN (SELECT id FROM hash_run)"
        ),
        (
            "runs of hashes of no list that is being added",
            """
            SELECT count(*) FROM hash_run
            WHERE batch_id IS NOT NULL AND batch_id NOT IN (SELECT batch_id FROM import)
            """
        ),
        (
            "runs of hashes with more or fewer than they count",
            """
            SELECT count(*) FROM hash_run WHERE batch_id IS NULL AND count * 16 <>
                (SELECT coalesce(sum(length(hashes)), 0) FROM hash_page WHERE run_id = hash_run.id)
            """
        ),
        (
            "pages of hashes that are not in order",
            // The inner query leaves the pages' bytes behind, so that little is kept.
            """
            SELECT count(*) FROM (
                SELECT lowest, head, size, lag(tail) OVER (
                    PARTITION BY run_id ORDER BY lowest) AS before
                FROM (SELECT run_id, lowest, substr(hashes, 1, 16) AS head,
                    substr(hashes, -16) AS tail, length(hashes) AS size FROM hash_page))
            WHERE head IS NOT lowest OR before >= lowest OR size % 16 <> 0
            """
        ),
    ]
}
