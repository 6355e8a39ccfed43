internal import JobStore

/// The locks of a transaction that changes segments of others: on rows of segments that nobody holds,
/// and on the runners of the others.
///
/// A runner may let a segment go, and another may claim it, between a look at the segments and the
/// lock. So they are looked at and locked in turn, until one look has found nothing that is not
/// locked: from then on none of these changes hands.
struct SegmentLocks {
    private var open: Set<Int> = []
    private(set) var runners: Set<Int> = []

    /// Locks what is not locked yet of the segments that one look has found.
    ///
    /// - Parameter segments: The first job of each, and its runner; 0 for none.
    /// - Returns: Whether all was locked before; otherwise the caller looks again.
    mutating func cover(
        _ segments: [(first: Int, runner: Int)], of batch: Batch.ID, _ link: Link
    ) throws(PostgresError) -> Bool {
        let firsts = segments.filter { $0.runner == 0 && !open.contains($0.first) }.map(\.first)
        let holders = Set(segments.map(\.runner)).subtracting(runners).subtracting([0])
        if firsts.isEmpty, holders.isEmpty { return true }
        if !holders.isEmpty {
            // Waits for a commit in progress. The next ones find that they have not heard of this.
            try link.query(
                """
                WITH holder AS (
                    SELECT id FROM runner.runner WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE)
                UPDATE runner.runner r SET told = told + 1 FROM holder h WHERE r.id = h.id
                """, .ints(holders.sorted()))
            runners.formUnion(holders)
        }
        if !firsts.isEmpty {
            // Those that are claimed meanwhile are somebody's, as the next look finds.
            let rows = try link.query(
                """
                SELECT first FROM runner.segment
                WHERE batch_id = $1 AND runner_id = 0 AND first = ANY($2::bigint[])
                ORDER BY first FOR UPDATE
                """, .int(batch), .ints(firsts))
            open.formUnion((0..<rows.count).map { rows.int($0, 0) })
        }
        return false
    }
}
