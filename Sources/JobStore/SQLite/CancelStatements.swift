/// The statements by which a cancellation finds the jobs of its batch, some in each transaction.
///
/// They walk neither rows of other batches nor those that are done with. The planner knows no
/// numbers of rows and prefers the primary key, by which each transaction would walk all spans and
/// segments of the batch again; so they name their indexes.
enum CancelStatements {
    /// Opens the parked segments of a batch. It walks the batch's segments, once a cancellation:
    /// the index of parked segments has those of all batches.
    static let unpark = """
        UPDATE segment SET not_before_us = 0
        WHERE batch_id = ? AND todo > 0 AND runner_id IS NULL AND not_before_us > 0
        """

    /// End the leases of a runner that is gone. The indexes hold what some runner leases, which is
    /// bounded, and nothing once that is given back.
    static let endLeases = [
        """
        UPDATE segment INDEXED BY segment_leased SET runner_id = NULL, returned = 0
        WHERE runner_id IS NOT NULL AND batch_id = ?
        """,
        """
        UPDATE retry INDEXED BY retry_leased SET runner_id = NULL
        WHERE runner_id IS NOT NULL AND batch_id = ?
        """,
    ]

    /// First positions and counts of available spans. The parameters, here and below, are the batch
    /// and the most rows.
    static let spans = """
        SELECT first, count FROM span INDEXED BY span_available
        WHERE priority = (SELECT priority FROM batch WHERE id = ?1) AND batch_id = ?1
            AND outcome = 0
        ORDER BY first LIMIT ?2
        """

    /// First positions, counts and lanes of blocks.
    static let blocks =
        "SELECT first, count, lane FROM block WHERE batch_id = ? ORDER BY first LIMIT ?"

    /// Positions of jobs that are cancelled with all of their segment that no runner holds: of
    /// segments that are open, and of those that have jobs waiting for a retry.
    static let startsOfWaiting = [
        """
        SELECT first FROM segment INDEXED BY segment_open
        WHERE priority = (SELECT priority FROM batch WHERE id = ?1) AND batch_id = ?1
            AND todo > 0 AND runner_id IS NULL AND not_before_us = 0
        ORDER BY first LIMIT ?2
        """,
        // The plus keeps to the table's own order: by an index all that wait would be sorted.
        """
        SELECT position FROM retry WHERE batch_id = ?1 AND +runner_id IS NULL
        ORDER BY position LIMIT ?2
        """,
    ]
}
