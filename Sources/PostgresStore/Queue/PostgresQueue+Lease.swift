internal import JobStore

/// The statements that lease segments to a runner: within a transaction that has locked the runner.
extension PostgresQueue {
    /// The condition on a row `s` of `segment` that it may be claimed by now. One set aside further
    /// ahead than ever happens was so before the clock was set back.
    var isReady: String {
        """
        s.runner_id = 0 AND (s.not_before_us = 0 OR s.not_before_us <= \(clock.stableSQL)
            OR s.not_before_us > \(clock.stableSQL) + \(Retry.aheadMax.microseconds))
        """
    }

    /// The value of `after_seq` when a runner gets a segment: what its log tells of these jobs so far
    /// is of a segment that they were cut out of.
    ///
    /// - Parameter runner: The parameter that the runner is.
    static func afterSeq(of runner: String) -> String {
        "(SELECT coalesce(max(seq), 0) FROM runner.log WHERE runner_id = \(runner))"
    }

    /// Leases segments of ranges that were begun before.
    func leaseOpen(
        _ scope: ClaimScope, _ priority: Int, limit: Int, missing: Int
    ) throws -> [HeldSegment] {
        try leaseOpen(scope, priority, limit: limit, missing: missing, where: "s.lane IS NULL")
    }

    /// Leases segments of lists that were begun before, of lanes that no other runner works on.
    func leaseOpenOfLists(
        _ scope: ClaimScope, _ priority: Int, limit: Int, missing: Int
    ) throws -> [HeldSegment] {
        // In one statement after the lock: what others did with the lane before is seen by it.
        guard
            let lanes = try lockLanes(
                scope, priority, limit: limit,
                where: """
                    \(ClaimScope.condition) AND (l.batch_id, l.lane) IN (
                        SELECT s.batch_id, s.lane FROM runner.segment s
                        WHERE s.lane IS NOT NULL AND s.priority = $7 AND \(isReady))
                    """, order: "batch_id, lane")
        else { return [] }
        return try leaseOpen(
            scope, priority, limit: limit, missing: missing,
            where: """
                (s.batch_id, s.lane) IN (SELECT * FROM unnest($10::bigint[], $11::int[]))
                AND \(ClaimScope.isFree("s"))
                """, lanes)
    }

    private func leaseOpen(
        _ scope: ClaimScope, _ priority: Int, limit: Int, missing: Int, where condition: String,
        _ values: [Value] = []
    ) throws -> [HeldSegment] {
        let rows = try link.query(
            """
            WITH open AS (
                SELECT batch_id, first, todo FROM runner.segment s
                WHERE \(isReady) AND priority = $7 AND \(ClaimScope.condition) AND \(condition)
                ORDER BY batch_id, first LIMIT $8 FOR UPDATE SKIP LOCKED),
            wanted AS (
                SELECT batch_id, first,
                    sum(todo) OVER (ORDER BY batch_id, first) - todo AS before FROM open)
            UPDATE runner.segment s SET runner_id = $5, claim = $6, not_before_us = 0,
                after_seq = \(Self.afterSeq(of: "$5"))
            FROM wanted w
            WHERE s.batch_id = w.batch_id AND s.first = w.first AND w.before < $9
            RETURNING \(SegmentRows.columnsOfS)
            """, scope.values + [.int(priority), .int(limit), .int(missing)] + values)
        return try segments(in: rows)
    }

    /// Locks lanes that no other runner works on, as far as can be seen before they are locked.
    ///
    /// - Returns: The lanes as two parameters, batches and numbers; `nil` when there are none.
    private func lockLanes(
        _ scope: ClaimScope, _ priority: Int, limit: Int, where condition: String, order: String
    ) throws -> [Value]? {
        let rows = try link.query(
            """
            SELECT batch_id, lane FROM runner.lane l
            WHERE priority = $7 AND \(condition) AND \(ClaimScope.isFree("l"))
            ORDER BY \(order) LIMIT $8 FOR UPDATE SKIP LOCKED
            """, scope.values + [.int(priority), .int(limit)])
        guard rows.count > 0 else { return nil }
        return [
            .ints((0..<rows.count).map { rows.int($0, 0) }),
            .ints((0..<rows.count).map { rows.int($0, 1) }),
        ]
    }

    /// Leases blocks of lists, the first of each lane: of the lanes with the most jobs first.
    func leaseBlocks(
        _ scope: ClaimScope, _ priority: Int, limit: Int, missing: Int
    ) throws -> [HeldSegment] {
        guard
            let lanes = try lockLanes(
                scope, priority, limit: min(limit, Self.lanesMax), where: ClaimScope.hasBlocks,
                order: "batch_id, jobs DESC, lane")
        else { return [] }
        let rows = try link.query(
            """
            WITH lane AS (
                SELECT * FROM unnest($1::bigint[], $2::int[]) WITH ORDINALITY
                    AS lane(batch_id, lane, place)
                WHERE \(ClaimScope.isFree("lane"))),
            front AS (
                SELECT b.batch_id, b.first,
                    sum(b.count) OVER (ORDER BY lane.place) - b.count AS before
                FROM lane, LATERAL (
                    SELECT batch_id, first, count FROM runner.block x
                    WHERE x.batch_id = lane.batch_id AND x.lane = lane.lane
                    ORDER BY first LIMIT 1) b),
            taken AS (
                DELETE FROM runner.block b USING front f
                WHERE b.batch_id = f.batch_id AND b.first = f.first AND f.before < $3
                RETURNING b.batch_id, b.first, b.count, b.lane),
            less AS (
                UPDATE runner.lane l SET jobs = l.jobs - t.jobs
                FROM (SELECT batch_id, lane, sum(count) AS jobs FROM taken GROUP BY 1, 2) t
                WHERE l.batch_id = t.batch_id AND l.lane = t.lane)
            INSERT INTO runner.segment (batch_id, first, count, todo, priority, runner_id, claim, lane)
            SELECT batch_id, first, count, count, $4::int, $5::bigint, $6::bigint, lane FROM taken
            RETURNING \(SegmentRows.columns)
            """,
            lanes + [.int(missing), .int(priority), .int(scope.runner), .int(scope.claim)])
        return try segments(in: rows)
    }

    /// The most blocks that are leased at a time: lines may be long.
    private static let lanesMax = 64

    /// Cuts segments off spans that are available.
    func leaseNew(
        _ scope: ClaimScope, _ priority: Int, limit: Int, missing: Int
    ) throws -> [HeldSegment] {
        let rows = try link.query(
            """
            WITH piece AS (
                SELECT batch_id, stop, first FROM runner.span
                WHERE outcome = 0 AND priority = $7 AND \(ClaimScope.condition)
                ORDER BY batch_id, stop LIMIT $8 FOR UPDATE SKIP LOCKED),
            counted AS (
                SELECT *, sum(stop - first) OVER (ORDER BY batch_id, stop) - (stop - first) AS before
                FROM piece),
            wanted AS (
                SELECT batch_id, stop, first,
                    least(stop - first, (($9 - before::bigint + $10 - 1) / $10) * $10) AS jobs
                FROM counted WHERE before < $9),
            cut AS (
                UPDATE runner.span s SET first = w.first + w.jobs FROM wanted w
                WHERE s.batch_id = w.batch_id AND s.stop = w.stop AND w.jobs < w.stop - w.first),
            used AS (
                DELETE FROM runner.span s USING wanted w
                WHERE s.batch_id = w.batch_id AND s.stop = w.stop AND w.jobs = w.stop - w.first)
            INSERT INTO runner.segment (batch_id, first, count, todo, priority, runner_id, claim)
            SELECT batch_id, g, least($10, first + jobs - g), least($10, first + jobs - g), $7, $5,
                $6
            FROM wanted, generate_series(first, first + jobs - 1, $10::bigint) g
            RETURNING \(SegmentRows.columns)
            """,
            scope.values + [
                .int(priority), .int(limit), .int(missing), .int(scope.segmentJobsMax),
            ])
        return try segments(in: rows)
    }

    /// The segments in rows, by rising batch and position: an UPDATE returns them in any order.
    func segments(in rows: Rows) throws -> [HeldSegment] {
        let segments = try (0..<rows.count).map { try SegmentRows.segment(in: rows, at: $0) }
        return segments.sorted { ($0.batchID, $0.first) < ($1.batchID, $1.first) }
    }
}
