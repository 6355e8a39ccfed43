extension SQLiteQueue {
    func claim(
        _ request: ClaimRequest, only batch: Batch.ID?, for runner: Int
    ) throws(QueueError) -> Claim {
        try check(runner)
        try unpark(early: request.includesParked)
        let others = try OtherBatches(
            than: request.skippedBatches, request.skippedLanes, only: batch.map(onlyBatch))
        // Looking costs no transaction: at the end of a run there is nothing for seconds on end.
        guard try read({ try firstPriority(in: others) }) != nil else {
            // No other runner holds anything: what there is was parked.
            return Claim(segments: [], next: try read { try nextParked() })
        }
        return try write {
            var claimed = ClaimedSegments(
                jobsMin: request.jobs, pagesMax: validatorPages.added + Self.validatorPagesMax)
            try lookForValidators()
            while !claimed.isEnough, let priority = try firstPriority(in: others) {
                let before = claimed.segments.count
                let turn = ClaimTurn(others, priority)
                try claimOpen(in: turn, &claimed)
                try claimNew(in: turn, &claimed)
                try claimBlocks(in: turn, &claimed)
                guard claimed.segments.count > before else {
                    throw damaged("jobs of priority \(priority) are open, and none can be claimed")
                }
            }
            return Claim(segments: claimed.segments, next: .now)
        }
    }

    /// A batch that alone is looked at, with its priority.
    private func onlyBatch(_ id: Batch.ID) throws(QueueError) -> (id: Batch.ID, priority: Int) {
        let priority = try read {
            try connection.int("SELECT priority FROM batch WHERE id = ?", .int(id))
        }
        return (id, priority ?? 0)
    }

    func claimRetries(
        limit: Int, only batch: Batch.ID?, for runner: Int
    ) throws(QueueError) -> RetryClaim {
        try check(runner)
        let nowMicros = unixMicros()
        let aheadMicros = Retry.aheadMax.microseconds
        // Of all, or of one batch: each has an index.
        let waiting = "runner_id IS NULL" + (batch.map { " AND batch_id = \($0)" } ?? "")
        let due =
            "\(waiting) AND (not_before_us <= ?1 OR not_before_us > ?1 + \(aheadMicros))"
        // Two looks at the ends of an index: with OR it would be walked while nothing is due.
        let isAnyDue = try read {
            try connection.int(
                """
                SELECT (SELECT min(not_before_us) FROM retry WHERE \(waiting)) <= ?1
                    OR (SELECT max(not_before_us) FROM retry WHERE \(waiting))
                        > ?1 + \(aheadMicros)
                """, .int(nowMicros)) == 1
        }
        let jobs: [DueRetry] =
            try !isAnyDue
            ? []
            : write {
                let statement = try connection.prepare(
                    """
                    UPDATE retry SET runner_id = ?3
                    WHERE (batch_id, position) IN (
                        SELECT batch_id, position FROM retry WHERE \(due)
                        ORDER BY not_before_us LIMIT ?2)
                    RETURNING batch_id, position, attempts, excused, since_us
                    """)
                try lookForValidators()
                let limit = try retryLimit(limit, where: due, atMicros: nowMicros)
                try statement.bind([.int(nowMicros), .int(limit), .int(ourID())])
                var jobs: [ClaimedRetry] = []
                while try statement.step() {
                    jobs.append(
                        ClaimedRetry(
                            batch: statement.int(0), position: statement.int(1),
                            attempts: statement.int(2), excused: statement.int(3),
                            sinceMicros: statement.int(4)))
                }
                jobs.sort { ($0.batch, $0.position) < ($1.batch, $1.position) }
                var lines = LastLines()
                var batches: [Int: Batch] = [:]
                return try jobs.map { job in
                    let batch = try batches[job.batch] ?? self.batch(job.batch)
                    batches[job.batch] = batch
                    guard 0..<batch.count ~= job.position, 1..<Int.max ~= job.attempts,
                        0...job.attempts ~= job.excused
                    else {
                        throw damaged(
                            "job \(job.position) of batch \(job.batch) waits after \(job.attempts) attempts, \(job.excused) of them excused"
                        )
                    }
                    return DueRetry(
                        batch: batch, position: job.position, attempts: job.attempts,
                        excused: job.excused, age: Self.age(job.sinceMicros, at: nowMicros),
                        block: try lines.block(of: job.position, in: batch, self),
                        validators: try conditions(
                            of: [job.position..<job.position + 1], in: batch.id))
                }
            }
        let next = try read {
            try connection.int("SELECT min(not_before_us) FROM retry WHERE \(waiting)")
        }
        // Not as of the time above: another writer may have kept us waiting since.
        return RetryClaim(
            jobs: jobs, nextDue: next.map { Self.wait(until: $0, from: unixMicros()) })
    }

    /// - Returns: The time until a retry is due; none where the retry lies too far ahead, since the
    ///   clock was set back.
    static func wait(
        until dueMicros: Int, from nowMicros: Int, aheadMax: Duration = Retry.aheadMax
    ) -> Duration {
        let (waitMicros, isTooMuch) = dueMicros.subtractingReportingOverflow(nowMicros)
        let isAhead = isTooMuch || waitMicros > aheadMax.microseconds
        return isAhead ? .zero : .microseconds(max(0, waitMicros))
    }

    /// A row of `retry` that was claimed.
    private struct ClaimedRetry {
        let batch: Int
        let position: Int
        let attempts: Int
        let excused: Int
        let sinceMicros: Int
    }

    /// The time since a moment of the store's clock; none where the clock was set back since.
    private static func age(_ sinceMicros: Int, at nowMicros: Int) -> Duration {
        let (age, isTooMuch) = nowMicros.subtractingReportingOverflow(sinceMicros)
        return isTooMuch ? .zero : .microseconds(max(0, age))
    }

    /// Gives back segments until a wait is over.
    func park(_ starts: [LedgerPlace], for wait: Duration, _ runner: Int) throws(QueueError) {
        try check(runner)
        try write {
            let dueMicros = unixMicros() + min(wait, Retry.waitMax).microseconds
            let parked = try connection.prepare(
                """
                UPDATE segment SET runner_id = NULL, returned = 0, not_before_us = ?
                WHERE batch_id = ? AND first = ? AND runner_id = ?
                """)
            var cancelled: [LedgerPlace] = []
            for start in starts {
                try parked.run(
                    .int(dueMicros), .int(start.batchID), .int(start.position), .int(ourID()))
                if connection.changes == 1, try isCancelled(start.batchID) {
                    cancelled.append(start)
                }
            }
            _ = try cancelSegments(holding: cancelled)
        }
    }

    /// Lets parked segments be claimed whose wait is over, or lies further ahead than any wait does
    /// since the clock was set back.
    ///
    /// - Parameter isEarly: Whether a few of those go with them whose wait ends next.
    private func unpark(early isEarly: Bool) throws(QueueError) {
        if isEarly, try read({ try nextParked() }) != .finished {
            _ = try write {
                try connection.run(
                    """
                    UPDATE segment SET not_before_us = 0 WHERE rowid IN (
                        SELECT rowid FROM segment
                        WHERE todo > 0 AND runner_id IS NULL AND not_before_us > 0
                        ORDER BY not_before_us LIMIT ?)
                    """, .int(Self.earlyMax))
            }
        }
        let now = unixMicros()
        let ahead = now + Retry.aheadMax.microseconds
        let isAnyDue = try read {
            try connection.int(
                """
                SELECT (SELECT min(not_before_us) FROM segment
                        WHERE todo > 0 AND runner_id IS NULL AND not_before_us > 0) <= ?1
                    OR (SELECT max(not_before_us) FROM segment
                        WHERE todo > 0 AND runner_id IS NULL AND not_before_us > 0) > ?2
                """, .int(now), .int(ahead)) == 1
        }
        guard isAnyDue else { return }
        _ = try write {
            try connection.run(
                """
                UPDATE segment SET not_before_us = 0
                WHERE todo > 0 AND runner_id IS NULL AND not_before_us > 0
                    AND (not_before_us <= ?1 OR not_before_us > ?2)
                """, .int(now), .int(ahead))
        }
    }

    /// The most segments that one claim takes before their wait is over.
    private static let earlyMax = 16

    private func nextParked() throws -> Claim.Next {
        let dueMicros = try connection.int(
            """
            SELECT min(not_before_us) FROM segment
            WHERE todo > 0 AND runner_id IS NULL AND not_before_us > 0
            """)
        guard let dueMicros else { return .finished }
        // Not for all of the wait: jobs may be enqueued meanwhile.
        return .after(min(.microseconds(max(0, dueMicros - unixMicros())), .seconds(1)))
    }

    /// The highest priority of what can be claimed; `nil` when nothing can.
    private func firstPriority(in others: OtherBatches) throws -> Int? {
        let (condition, values) = (others.conditionWithPriority, others.valuesWithPriority)
        let open = """
            SELECT priority FROM segment
            WHERE todo > 0 AND runner_id IS NULL AND not_before_us = 0 \(condition)
            """
        let available = "SELECT priority FROM span WHERE outcome = 0 \(condition)"
        let listed = """
            SELECT priority FROM lane
            WHERE EXISTS (SELECT 1 FROM batch WHERE id = batch_id) \(others.laneCondition) \(condition)
            """
        var first: Int?
        for (sql, values) in [
            (open, values), (available, values), (listed, others.laneValues + values),
        ] {
            let rows = try connection.prepare(sql + " ORDER BY priority DESC LIMIT 1")
            try rows.bind(values)
            if try rows.step() { first = max(first ?? .min, rows.int(0)) }
        }
        return first
    }

    /// Leases segments that an earlier run began.
    private func claimOpen(in turn: ClaimTurn, _ claimed: inout ClaimedSegments) throws {
        // All are read before the first is written: rows must not change under a statement that
        // reads them.
        let known = claimed.segments.count
        var firsts: [Int] = []
        let open = try connection.prepare(
            """
            SELECT \(Self.batchColumns), batch_id, first, segment.count, outcomes
            FROM segment LEFT JOIN batch ON batch.id = batch_id
            WHERE todo > 0 AND runner_id IS NULL AND not_before_us = 0 AND segment.priority = ?
                \(turn.condition)
            ORDER BY batch_id, first
            """)
        try open.bind(turn.values)
        while !claimed.isEnough, try open.step() {
            let batch = try joinedBatch(in: open, like: claimed.segments.last?.batch)
            let jobs = try positions(
                open.int(Self.batchColumnCount + 1), open.int(Self.batchColumnCount + 2), of: batch)
            let packed = open.blob(Self.batchColumnCount + 3)
            let outcomes =
                jobs.count <= Segment.countMax && packed.count <= jobs.count
                ? Blob.unpacked(packed, count: jobs.count) : nil
            let todo = Self.runs(ofZeroIn: outcomes ?? [], from: jobs.lowerBound)
            guard outcomes != nil, !todo.isEmpty else {
                throw damaged("jobs \(jobs) of batch \(batch.id) are open, and none is to do")
            }
            firsts.append(jobs.lowerBound)
            try add(
                todo, of: batch, to: &claimed,
                try block(startingAt: jobs.lowerBound, of: batch, count: jobs.count))
        }
        let lease = try connection.prepare(
            "UPDATE segment SET runner_id = ? WHERE batch_id = ? AND first = ?")
        for (segment, first) in zip(claimed.segments[known...], firsts) {
            try lease.run(.int(ourID()), .int(segment.batch.id), .int(first))
        }
    }

    /// Cuts segments off the first available spans.
    private func claimNew(in turn: ClaimTurn, _ claimed: inout ClaimedSegments) throws {
        let known = claimed.segments.count
        var cuts: [(batch: Batch.ID, span: Range<Int>, count: Int)] = []
        let spans = try connection.prepare(
            """
            SELECT \(Self.batchColumns), batch_id, first, span.count
            FROM span LEFT JOIN batch ON batch.id = batch_id
            WHERE outcome = 0 AND span.priority = ? \(turn.condition)
            ORDER BY batch_id, first
            """)
        try spans.bind(turn.values)
        while !claimed.isEnough, try spans.step() {
            let batch = try joinedBatch(in: spans, like: claimed.segments.last?.batch)
            let span = try positions(
                spans.int(Self.batchColumnCount + 1), spans.int(Self.batchColumnCount + 2),
                of: batch)
            var end = span.lowerBound
            while !claimed.isEnough && end < span.upperBound {
                let first = end
                end = min(span.upperBound, first + Segment.countMax)
                try add([first..<end], of: batch, to: &claimed)
            }
            cuts.append((batch.id, span, end - span.lowerBound))
        }
        for cut in cuts {
            if cut.count == cut.span.count {
                try connection.run(
                    "DELETE FROM span WHERE batch_id = ? AND first = ?",
                    .int(cut.batch), .int(cut.span.lowerBound))
            } else {
                try connection.run(
                    "UPDATE span SET first = first + ?3, count = count - ?3 WHERE batch_id = ?1 AND first = ?2",
                    .int(cut.batch), .int(cut.span.lowerBound), .int(cut.count))
            }
        }
        let insert = try connection.prepare(
            """
            INSERT INTO segment (batch_id, first, count, todo, retrying, runner_id, priority, outcomes)
            VALUES (?1, ?2, ?3, ?3, 0, ?4, ?5, zeroblob(?3))
            """)
        for segment in claimed.segments[known...] {
            try insert.run(
                .int(segment.batch.id), .int(segment.todo[0].lowerBound), .int(segment.count),
                .int(ourID()), .int(turn.priority))
        }
    }

    /// Leases blocks of lists: of the lane with the most jobs first, of each lane those that come
    /// first.
    private func claimBlocks(in turn: ClaimTurn, _ claimed: inout ClaimedSegments) throws {
        while !claimed.isEnough {
            let lanes = try connection.prepare(
                """
                SELECT batch_id, lane FROM lane
                WHERE EXISTS (SELECT 1 FROM batch WHERE id = batch_id) \(turn.laneCondition)
                    AND priority = ? \(turn.condition)
                ORDER BY batch_id, jobs DESC, lane LIMIT 1
                """)
            try lanes.bind(turn.laneValues + turn.values)
            guard try lanes.step() else { return }
            try claimBlock(
                of: ListLane(batchID: lanes.int(0), number: lanes.int(1)), in: turn, &claimed)
        }
    }

    private func claimBlock(
        of lane: ListLane, in turn: ClaimTurn, _ claimed: inout ClaimedSegments
    ) throws {
        let batch =
            try claimed.segments.last.map(\.batch).flatMap { $0.id == lane.batchID ? $0 : nil }
            ?? batch(lane.batchID)
        let first = try connection.int(
            "SELECT min(first) FROM block WHERE batch_id = ? AND lane = ?", .int(lane.batchID),
            .int(lane.number))
        guard let first, let block = try block(startingAt: first, of: batch) else {
            throw damaged(
                "lane \(lane.number) of batch \(lane.batchID) counts jobs it does not have")
        }
        try connection.run(
            "DELETE FROM block WHERE batch_id = ? AND first = ?", .int(lane.batchID), .int(first))
        try add(-block.count, toLane: lane)
        try connection.run(
            """
            INSERT INTO segment (batch_id, first, count, todo, retrying, runner_id, priority, outcomes)
            VALUES (?1, ?2, ?3, ?3, 0, ?4, ?5, zeroblob(?3))
            """,
            .int(batch.id), .int(first), .int(block.count), .int(ourID()), .int(turn.priority))
        try add([block.positions], of: batch, to: &claimed, block)
    }

    private func add(
        _ todo: [Range<Int>], of batch: Batch, to claimed: inout ClaimedSegments,
        _ block: ListBlock? = nil
    ) throws {
        claimed.add(
            Segment(
                batch: batch, todo: todo, block: block,
                validators: try conditions(of: todo, in: batch.id)))
        claimed.pages = validatorPages.added
    }

    /// Returns the batch that a row was joined with. The first columns of the row are
    /// `batchColumns`; the next is the batch ID that the join was made by.
    ///
    /// - Parameter last: The batch of the row before, which is often the same.
    private func joinedBatch(
        in row: borrowing Statement, like last: Batch?
    ) throws -> Batch {
        let id = row.int(Self.batchColumnCount)
        if let last, !row.isNull(0), last.id == id { return last }
        guard !row.isNull(0) else { throw unreadable(batch: id) }
        return try batch(in: row)
    }

    /// Returns the positions of a run of jobs as read from the file.
    ///
    /// - Throws: `.damaged` when the batch has no such positions.
    private func positions(
        _ first: Int, _ count: Int, of batch: Batch
    ) throws(QueueError) -> Range<Int> {
        guard first >= 0, count >= 1, count <= batch.count - first else {
            throw damaged(
                "batch \(batch.id) has \(count) jobs at \(first), and it cannot have them")
        }
        return first..<first + count
    }

    private static func runs(ofZeroIn outcomes: [UInt8], from first: Int) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        var start: Int?
        for (offset, outcome) in outcomes.enumerated() {
            if outcome == 0 {
                start = start ?? offset
            } else if let begun = start {
                runs.append(first + begun..<first + offset)
                start = nil
            }
        }
        if let start { runs.append(first + start..<first + outcomes.count) }
        return runs
    }
}

/// The segments of a claim while they are gathered, until there are enough.
private struct ClaimedSegments {
    /// The value of `pages` at which there are enough.
    let pagesMax: Int
    /// The pages of validators that were unpacked, before and for the claim.
    var pages = 0
    /// The most segments in one claim: batches of a few jobs each must not make a long transaction.
    static let countMax = 4096

    let jobsMin: Int
    private(set) var segments: [Segment] = []
    private var jobs = 0
    private var blockBytes = 0
    /// The most bytes of lines, packed, and of validators in one claim.
    private static let blockBytesMax = 2 << 20

    init(jobsMin: Int, pagesMax: Int) {
        self.jobsMin = jobsMin
        self.pagesMax = pagesMax
    }

    var isEnough: Bool {
        jobs >= jobsMin || segments.count >= Self.countMax || blockBytes >= Self.blockBytesMax
            || pages >= pagesMax
    }

    mutating func add(_ segment: Segment) {
        segments.append(segment)
        blockBytes += segment.block?.bytes.count ?? 0
        blockBytes += segment.validators?.byteCount ?? 0
        jobs += segment.count
    }
}
