internal import JobStore

extension PostgresQueue {
    /// The segments that were leased to a runner by one claim.
    struct Leased {
        /// The times that others had written to the runner's log when these were its segments.
        var told = 0
        var segments: [HeldSegment] = []
        /// The lines of those that are of lists.
        var blocks: [LedgerPlace: ListBlock] = [:]
        var blockBytes = 0
        /// The batches of the segments.
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

    /// The most bytes of lines, packed, in one claim.
    private static let blockBytesMax = 2 << 20

    /// Leases segments to a runner, as `RunnerLease.claim` wants them.
    ///
    /// - Parameters:
    ///   - number: The number of the claim among those of the runner.
    ///   - taken: That of the last one whose segments the runner has.
    ///   - pause: The time after which to ask again, where others hold all that is left.
    /// - Throws: `.fenced` when the runner is gone, or the server has lost that claim.
    func claim(
        _ request: ClaimRequest, only batch: Batch.ID?, for runner: Int, _ number: Int,
        after taken: Int, pause: Duration
    ) throws(QueueError) -> Leased {
        let scope = ClaimScope(request, only: batch, runner, number)
        if request.includesParked { try unpark(in: scope) }
        // Looking costs no transaction: at the end of a run there is nothing for seconds on end.
        guard let first = try ask({ try priority(in: scope, below: nil) }) else {
            return try nothing(in: scope, pause: pause)
        }
        return try write {
            var leased = Leased(told: try lockRunner(runner))
            var missing = request.jobs
            var turn: (priority: Int, hasLists: Bool)? = first
            while let (priority, hasLists) = turn {
                try take(&leased, &missing) { limit, missing in
                    try leaseOpen(scope, priority, limit: limit, missing: missing)
                }
                if hasLists {
                    try take(&leased, &missing) { limit, missing in
                        try leaseOpenOfLists(scope, priority, limit: limit, missing: missing)
                    }
                }
                try take(&leased, &missing) { limit, missing in
                    try leaseNew(scope, priority, limit: limit, missing: missing)
                }
                if hasLists {
                    try take(&leased, &missing) { limit, missing in
                        try leaseBlocks(scope, priority, limit: limit, missing: missing)
                    }
                }
                // Where all of a priority is being claimed by others, the next one has its turn.
                turn = missing > 0 ? try self.priority(in: scope, below: priority) : nil
            }
            try complete(&leased)
            try note(leased, in: scope, after: taken)
            return leased
        }
    }

    /// Notes that a claim of its runner got something: not in the runner's row, or its commits would
    /// wait for the end of the transaction. The claim that the runner knows of must be there: a commit
    /// looks at the last one alone, which is this one from now on.
    private func note(_ leased: Leased, in scope: ClaimScope, after taken: Int) throws {
        guard !leased.segments.isEmpty else { return }
        let noted = try link.query(
            """
            INSERT INTO runner.claimed (runner_id, number)
            SELECT $1::bigint, $2::bigint WHERE $3::bigint <= coalesce(
                (SELECT number FROM runner.claimed WHERE runner_id = $1::bigint), 0)
            ON CONFLICT (runner_id) DO UPDATE SET number = greatest(claimed.number, excluded.number)
            """, .int(scope.runner), .int(scope.claim), .int(taken))
        guard noted.touched == 1 else { throw forgotten }
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
            let lines = try blocks(of: taken)
            leased.blocks.merge(lines) { _, new in new }
            leased.blockBytes += lines.values.reduce(0) { $0 + $1.bytes.count }
            if leased.blockBytes >= Self.blockBytesMax { missing = 0 }
            missing -= taken.reduce(0) { $0 + $1.todo }
            turn += 1
        }
    }

    /// The highest priority, below one that had its turn, of which something may be available, and
    /// whether there are lists.
    private func priority(
        in scope: ClaimScope, below last: Int?
    ) throws -> (priority: Int, hasLists: Bool)? {
        let rows = try link.query(
            """
            SELECT greatest(
                (SELECT priority FROM runner.segment s
                 WHERE \(isReady) AND \(ClaimScope.condition) AND priority < $7
                    AND (s.lane IS NULL OR \(ClaimScope.isFree("s")))
                 ORDER BY priority DESC LIMIT 1),
                (SELECT priority FROM runner.span
                 WHERE outcome = 0 AND \(ClaimScope.condition) AND priority < $7
                 ORDER BY priority DESC LIMIT 1),
                (SELECT priority FROM runner.lane l
                 WHERE \(ClaimScope.hasBlocks) AND priority < $7 AND \(ClaimScope.isFree("l"))
                 ORDER BY priority DESC LIMIT 1)),
                EXISTS (SELECT FROM runner.lane)
            """, scope.values + [.int(last ?? Int(Int32.max))])
        return rows.intIfAny(0, 0).map { ($0, rows.bool(0, 1)) }
    }

    /// The most segments that one claim takes before their wait is over.
    private static let earlyMax = 16

    /// Lets some segments be claimed that were set aside, those whose wait ends next.
    private func unpark(in scope: ClaimScope) throws(QueueError) {
        try rewrite {
            try link.query(
                """
                UPDATE runner.segment s SET not_before_us = 0
                WHERE (batch_id, first) IN (
                    SELECT batch_id, first FROM runner.segment s
                    WHERE s.runner_id = 0 AND s.not_before_us > 0 AND \(ClaimScope.condition)
                        AND (s.lane IS NULL OR \(ClaimScope.isFree("s")))
                    ORDER BY not_before_us LIMIT $7 FOR UPDATE SKIP LOCKED)
                """, scope.values + [.int(Self.earlyMax)])
        }
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

    /// Leases segments of which nothing is left but retries that nobody holds.
    func adoptRetries(
        only batch: Batch.ID?, for runner: Int, _ number: Int, after taken: Int
    ) throws(QueueError) -> Leased {
        let scope = ClaimScope(ClaimRequest(jobs: 1), only: batch, runner, number)
        return try write {
            var leased = Leased(told: try lockRunner(runner))
            // No lane is locked for a few retries: another runner may begin with the lane just now.
            let rows = try link.query(
                """
                WITH waiting AS (
                    SELECT batch_id, first FROM runner.segment s
                    WHERE \(isReady) AND todo = 0 AND \(ClaimScope.condition)
                        AND (s.lane IS NULL OR \(ClaimScope.isFree("s")))
                    ORDER BY priority DESC, batch_id, first LIMIT 64 FOR UPDATE SKIP LOCKED)
                UPDATE runner.segment s SET runner_id = $5, claim = $6, not_before_us = 0,
                    after_seq = \(Self.afterSeq(of: "$5"))
                FROM waiting w WHERE s.batch_id = w.batch_id AND s.first = w.first
                RETURNING \(SegmentRows.columnsOfS)
                """, scope.values)
            leased.segments = try segments(in: rows)
            try complete(&leased)
            try note(leased, in: scope, after: taken)
            return leased
        }
    }

    /// The segments that a claim of a runner has leased, as their rows tell of them. Waits for the
    /// claim where that goes on: its answer was lost.
    func leased(to runner: Int, by number: Int) throws(QueueError) -> Leased {
        try write {
            var leased = Leased(told: try lockRunner(runner, alone: true))
            leased.segments = try segments(of: runner, where: "claim = \(number)")
            try complete(&leased)
            return leased
        }
    }

    /// Reads the batches of what was leased, and the lines that are missing.
    private func complete(_ leased: inout Leased) throws {
        let lineless = leased.segments.filter { leased.blocks[$0.place] == nil }
        leased.blocks.merge(try blocks(of: lineless)) { _, new in new }
        let ids = Set(leased.segments.map(\.batchID))
        try readBatches(ids)
        for id in ids { leased.batches[id] = try batch(id) }
    }

    /// The answer where nothing is available: whether others hold what may come back.
    private func nothing(in scope: ClaimScope, pause: Duration) throws(QueueError) -> Leased {
        if SystemClock.monotonicMicros() >= nextWatchMicros { try watchRunners(for: scope.runner) }
        let rows = try ask {
            try link.query(
                """
                SELECT EXISTS (SELECT FROM runner.runner WHERE id = $5),
                    EXISTS (SELECT FROM runner.segment WHERE runner_id <> $5 AND \(ClaimScope.condition))
                    OR EXISTS (SELECT FROM runner.span WHERE outcome = 0 AND \(ClaimScope.condition))
                    OR EXISTS (SELECT FROM runner.lane l WHERE \(ClaimScope.hasBlocks)),
                    (SELECT min(not_before_us) - \(clock.stableSQL) FROM runner.segment s
                     WHERE runner_id = 0 AND not_before_us > \(clock.stableSQL)
                        AND \(ClaimScope.condition)
                        AND (s.lane IS NULL OR \(ClaimScope.isFree("s"))))
                """, scope.values)
        }
        guard rows.bool(0, 0) else { throw fenced("its runner is no longer registered") }
        guard rows.bool(0, 1) else { return Leased(next: .finished) }
        // No longer than the wait of what was set aside.
        let parked = rows.intIfAny(0, 2).map { Duration.microseconds(max(1000, $0)) }
        return Leased(next: .after(min(parked ?? pause, pause)))
    }
}
