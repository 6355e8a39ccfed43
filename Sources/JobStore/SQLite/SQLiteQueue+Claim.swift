extension SQLiteQueue {
    public func claim(limit: Int) throws(QueueError) -> [Segment] {
        // Looking costs no transaction: at the end of a run there is nothing for seconds on end.
        guard try read({ try hasAvailable() }) else { return [] }
        return try write {
            var segments = try claimOpen(limit: limit)
            while segments.count < limit, let segment = try claimNew() { segments.append(segment) }
            return segments
        }
    }

    public func claimRetries(dueAt nowMicros: Int, limit: Int) throws(QueueError) -> RetryClaim {
        let due =
            "runner_id IS NULL AND (not_before_us <= ?1 OR not_before_us > ?1 + \(Retry.maximumWaitMicros))"
        let isAnyDue = try read {
            try connection.int("SELECT 1 FROM retry WHERE \(due) LIMIT 1", .int(nowMicros)) != nil
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
                    RETURNING batch_id, position, attempts
                    """)
                try statement.bind([.int(nowMicros), .int(limit), .int(ourID())])
                var jobs: [(batch: Int, position: Int, attempts: Int)] = []
                while try statement.step() {
                    jobs.append((statement.int(0), statement.int(1), statement.int(2)))
                }
                var batches: [Int: Batch] = [:]
                return try jobs.map { job in
                    let batch = try batches[job.batch] ?? self.batch(job.batch)
                    batches[job.batch] = batch
                    return DueRetry(batch: batch, position: job.position, attempts: job.attempts)
                }
            }
        let next = try read {
            try connection.int("SELECT min(not_before_us) FROM retry WHERE runner_id IS NULL")
        }
        return RetryClaim(jobs: jobs, nextDueMicros: next)
    }

    private func hasAvailable() throws -> Bool {
        try connection.int(
            """
            SELECT EXISTS (SELECT 1 FROM segment WHERE todo > 0 AND runner_id IS NULL)
                OR EXISTS (SELECT 1 FROM span WHERE outcome = 0)
            """) == 1
    }

    /// Segments an earlier run began.
    private func claimOpen(limit: Int) throws -> [Segment] {
        var found: [(batch: Int, first: Int, outcomes: [UInt8])] = []
        let open = try connection.prepare(
            """
            SELECT batch_id, first, count, outcomes FROM segment
            WHERE todo > 0 AND runner_id IS NULL ORDER BY batch_id, first LIMIT ?
            """)
        try open.bind([.int(limit)])
        while try open.step() {
            found.append((open.int(0), open.int(1), open.blob(3)))
        }
        let ourID = ourID()
        return try found.map { batchID, first, outcomes in
            try connection.run(
                "UPDATE segment SET runner_id = ? WHERE batch_id = ? AND first = ?",
                .int(ourID), .int(batchID), .int(first))
            return Segment(
                batch: try batch(batchID), todo: Self.runs(ofZeroIn: outcomes, from: first))
        }
    }

    /// Cuts a segment off the first available span.
    private func claimNew() throws -> Segment? {
        let span = try connection.prepare(
            "SELECT batch_id, first, count FROM span WHERE outcome = 0 ORDER BY batch_id, first LIMIT 1"
        )
        try span.bind([])
        guard try span.step() else { return nil }
        let (batchID, first, available) = (span.int(0), span.int(1), span.int(2))
        let count = min(available, Segment.maximumCount)
        if count == available {
            try connection.run(
                "DELETE FROM span WHERE batch_id = ? AND first = ?", .int(batchID), .int(first))
        } else {
            try connection.run(
                "UPDATE span SET first = first + ?3, count = count - ?3 WHERE batch_id = ?1 AND first = ?2",
                .int(batchID), .int(first), .int(count))
        }
        try connection.run(
            """
            INSERT INTO segment (batch_id, first, count, todo, retrying, runner_id, outcomes)
            VALUES (?1, ?2, ?3, ?3, 0, ?4, zeroblob(?3))
            """,
            .int(batchID), .int(first), .int(count), .int(ourID()))
        return Segment(batch: try batch(batchID), todo: [first..<first + count])
    }

    func ourID() -> Int {
        guard let runnerID else {
            preconditionFailure("claims and marks are for a runner that has attached")
        }
        return runnerID
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
