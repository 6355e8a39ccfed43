internal import JobStore

extension PostgresQueue {
    /// The segments that were leased to a runner by one claim.
    struct Leased {
        /// The times that others had written to the runner's log when these were its segments.
        var told = 0
        var segments: [HeldSegment] = []
        /// The batches of these.
        var batches: [Batch.ID: Batch] = [:]
        var next = Claim.Next.now
    }

    /// The numbers of rows that a claim locks at a time. It begins with few, since others pass over
    /// what is locked.
    private static let rowsMax = 1024
    private static func rows(inTurn turn: Int, missing: Int) -> Int {
        let least = (missing - 1) / Segment.countMax + 1
        return min(rowsMax, max(least, 1 << (4 * min(turn, 3))))
    }

    /// Leases segments to a runner, as `RunnerLease.claim` wants them.
    ///
    /// - Parameter number: The number of the claim among those of the runner.
    func claim(
        _ request: ClaimRequest, only batch: Batch.ID?, for runner: Int, _ number: Int
    ) throws(QueueError) -> Leased {
        let scope = Scope(skipped: request.skippedBatches, only: batch)
        // Looking costs no transaction: at the end of a run there is nothing for seconds on end.
        guard try ask({ try priority(in: scope, below: nil) }) != nil else {
            return try nothing(in: scope, for: runner)
        }
        return try write {
            var leased = Leased(told: try lockRunner(runner))
            var missing = request.jobs
            var last: Int?
            // Where all of a priority is being claimed by others, the next one has its turn.
            while missing > 0, let priority = try priority(in: scope, below: last) {
                try take(&leased, &missing) { limit, missing in
                    try leaseOpen(scope, priority, limit: limit, missing: missing, runner, number)
                }
                try take(&leased, &missing) { limit, missing in
                    try leaseNew(scope, priority, limit: limit, missing: missing, runner, number)
                }
                last = priority
            }
            try nameBatches(&leased)
            return leased
        }
    }

    /// Takes segments by more and more rows at a time, until there are enough jobs or no rows left.
    private func take(
        _ leased: inout Leased, _ missing: inout Int,
        _ body: (_ limit: Int, _ missing: Int) throws -> [HeldSegment]
    ) throws {
        var turn = 0
        while missing > 0 {
            let taken = try body(Self.rows(inTurn: turn, missing: missing), missing)
            if taken.isEmpty { return }
            leased.segments += taken
            missing -= taken.reduce(0) { $0 + $1.todo }
            turn += 1
        }
    }

    /// The batches that jobs may be claimed of.
    struct Scope {
        let skipped: Value
        let only: Value

        init(skipped: Set<Batch.ID>, only: Batch.ID?) {
            self.skipped = .ints(skipped.sorted())
            self.only = Value(only)
        }

        /// The condition, with the parameters `$1` and `$2`.
        static let condition = """
            batch_id <> ALL($1::bigint[]) AND ($2::bigint IS NULL OR batch_id = $2)
            """
    }

    /// The highest priority, below one that had its turn, of which something may be available.
    private func priority(in scope: Scope, below last: Int?) throws -> Int? {
        try link.query(
            """
            SELECT greatest(
                (SELECT priority FROM runner.segment
                 WHERE runner_id = 0 AND \(Scope.condition) AND priority < $3
                 ORDER BY priority DESC LIMIT 1),
                (SELECT priority FROM runner.span
                 WHERE outcome = 0 AND \(Scope.condition) AND priority < $3
                 ORDER BY priority DESC LIMIT 1))
            """, scope.skipped, scope.only, .int(last ?? Int(Int32.max))
        ).intIfAny(0, 0)
    }

    /// Keeps the runner's row from being deleted, and others from writing to its log, until the
    /// transaction has ended.
    ///
    /// - Returns: The times that others have written to the log (`told`).
    /// - Throws: `.fenced` when the runner is gone.
    @discardableResult
    func lockRunner(_ runner: Int, alone isAlone: Bool = false) throws -> Int {
        let rows = try link.query(
            "SELECT told FROM runner.runner WHERE id = $1 FOR \(isAlone ? "UPDATE" : "SHARE")",
            .int(runner))
        guard rows.count == 1 else { throw fenced("its runner is no longer registered") }
        return rows.int(0, 0)
    }

    /// The value of `after_seq` when a runner gets a segment: what its log tells of these jobs so far
    /// is of a segment that they were cut out of.
    ///
    /// - Parameter runner: The parameter that the runner is.
    private static func afterSeq(of runner: String) -> String {
        "(SELECT coalesce(max(seq), 0) FROM runner.log WHERE runner_id = \(runner))"
    }

    /// Leases segments that were begun before.
    private func leaseOpen(
        _ scope: Scope, _ priority: Int, limit: Int, missing: Int, _ runner: Int, _ number: Int
    ) throws -> [HeldSegment] {
        let rows = try link.query(
            """
            WITH open AS (
                SELECT batch_id, first, todo FROM runner.segment
                WHERE runner_id = 0 AND priority = $3 AND \(Scope.condition)
                ORDER BY batch_id, first LIMIT $4 FOR UPDATE SKIP LOCKED),
            wanted AS (
                SELECT batch_id, first,
                    sum(todo) OVER (ORDER BY batch_id, first) - todo AS before FROM open)
            UPDATE runner.segment s SET runner_id = $6, claim = $7,
                after_seq = \(Self.afterSeq(of: "$6"))
            FROM wanted w
            WHERE s.batch_id = w.batch_id AND s.first = w.first AND w.before < $5
            RETURNING \(SegmentRows.columnsOfS)
            """,
            scope.skipped, scope.only, .int(priority), .int(limit), .int(missing), .int(runner),
            .int(number))
        return try segments(in: rows)
    }

    /// Cuts segments off spans that are available.
    private func leaseNew(
        _ scope: Scope, _ priority: Int, limit: Int, missing: Int, _ runner: Int, _ number: Int
    ) throws -> [HeldSegment] {
        let rows = try link.query(
            """
            WITH piece AS (
                SELECT batch_id, stop, first FROM runner.span
                WHERE outcome = 0 AND priority = $3 AND \(Scope.condition)
                ORDER BY batch_id, stop LIMIT $4 FOR UPDATE SKIP LOCKED),
            counted AS (
                SELECT *, sum(stop - first) OVER (ORDER BY batch_id, stop) - (stop - first) AS before
                FROM piece),
            wanted AS (
                SELECT batch_id, stop, first,
                    least(stop - first, (($5 - before::bigint + 4095) / 4096) * 4096) AS jobs
                FROM counted WHERE before < $5),
            cut AS (
                UPDATE runner.span s SET first = w.first + w.jobs FROM wanted w
                WHERE s.batch_id = w.batch_id AND s.stop = w.stop AND w.jobs < w.stop - w.first),
            used AS (
                DELETE FROM runner.span s USING wanted w
                WHERE s.batch_id = w.batch_id AND s.stop = w.stop AND w.jobs = w.stop - w.first)
            INSERT INTO runner.segment (batch_id, first, count, todo, priority, runner_id, claim)
            SELECT batch_id, g, least(4096, first + jobs - g), least(4096, first + jobs - g), $3, $6,
                $7
            FROM wanted, generate_series(first, first + jobs - 1, 4096) g
            RETURNING \(SegmentRows.columns)
            """,
            scope.skipped, scope.only, .int(priority), .int(limit), .int(missing), .int(runner),
            .int(number))
        return try segments(in: rows)
    }

    /// Leases segments of which nothing is left but retries that nobody holds.
    func adoptRetries(
        only batch: Batch.ID?, for runner: Int, _ number: Int
    ) throws(QueueError) -> Leased {
        try write {
            var leased = Leased(told: try lockRunner(runner))
            let rows = try link.query(
                """
                WITH waiting AS (
                    SELECT batch_id, first FROM runner.segment
                    WHERE runner_id = 0 AND todo = 0 AND ($1::bigint IS NULL OR batch_id = $1)
                    ORDER BY priority DESC, batch_id, first LIMIT 64 FOR UPDATE SKIP LOCKED)
                UPDATE runner.segment s SET runner_id = $2, claim = $3,
                    after_seq = \(Self.afterSeq(of: "$2"))
                FROM waiting w WHERE s.batch_id = w.batch_id AND s.first = w.first
                RETURNING \(SegmentRows.columnsOfS)
                """, Value(batch), .int(runner), .int(number))
            leased.segments = try segments(in: rows)
            try nameBatches(&leased)
            return leased
        }
    }

    /// The segments that a claim of a runner has leased, as their rows tell of them. Waits for the
    /// claim where that goes on: its answer was lost.
    func leased(to runner: Int, by number: Int) throws(QueueError) -> Leased {
        try write {
            var leased = Leased(told: try lockRunner(runner, alone: true))
            leased.segments = try segments(of: runner, where: "claim = \(number)")
            try nameBatches(&leased)
            return leased
        }
    }

    /// The segments in rows, by rising batch and position: an UPDATE returns them in any order.
    private func segments(in rows: Rows) throws -> [HeldSegment] {
        let segments = try (0..<rows.count).map { try SegmentRows.segment(in: rows, at: $0) }
        return segments.sorted { ($0.batchID, $0.first) < ($1.batchID, $1.first) }
    }

    private func nameBatches(_ leased: inout Leased) throws {
        let ids = Set(leased.segments.map(\.batchID))
        try readBatches(ids)
        for id in ids { leased.batches[id] = try batch(id) }
    }

    /// The answer where nothing is available: whether others hold what may come back.
    private func nothing(in scope: Scope, for runner: Int) throws(QueueError) -> Leased {
        try watchRunners(for: runner)
        let rows = try ask {
            try link.query(
                """
                SELECT EXISTS (SELECT FROM runner.runner WHERE id = $3),
                    EXISTS (SELECT FROM runner.segment WHERE runner_id = 0 AND \(Scope.condition))
                    OR EXISTS (SELECT FROM runner.span WHERE outcome = 0 AND \(Scope.condition)),
                    EXISTS (SELECT FROM runner.segment
                        WHERE runner_id NOT IN (0, $3) AND \(Scope.condition))
                """, scope.skipped, scope.only, .int(runner))
        }
        guard rows.bool(0, 0) else { throw fenced("its runner is no longer registered") }
        if rows.bool(0, 1) { return Leased(next: .now) }
        // At random, so that runners with nothing to do do not ask together.
        let wait = Duration.milliseconds(Int.random(in: 1000...2000))
        return Leased(next: rows.bool(0, 2) ? .after(wait) : .finished)
    }
}
