/// A segment while outcomes are set in it, and where these are tallied.
extension SQLiteQueue {
    struct WorkingSegment {
        let rowID: Int
        let batch: Int
        let first: Int
        var todo: Int
        var retrying: Int
        let runnerID: Int?
        /// Jobs to do that were put back while a runner leased the segment, which does not know of
        /// them.
        let returned: Int
        var outcomes: [UInt8]
        /// Whether the batch was cancelled; `nil` until somebody asks.
        var isCancelled: Bool?

        /// The position after the last job.
        var end: Int { first + outcomes.count }

        /// Whether the runner that leases the segment has nothing left to do in it, and others have.
        var isLetGo: Bool { runnerID != nil && todo > 0 && todo == returned }

        func holds(_ mark: Mark) -> Bool { mark.batchID == batch && mark.position < end }
    }

    /// Reads the segment that holds a job; `nil` where none does, or all of its jobs are final.
    ///
    /// - Throws: `.damaged` when the segment cannot be.
    func openSegment(holding position: Int, of batch: Batch.ID) throws -> WorkingSegment? {
        let statement = try connection.prepare(
            """
            SELECT first, count, todo, retrying, runner_id, outcomes, rowid, returned FROM segment
            WHERE batch_id = ? AND first <= ? ORDER BY first DESC LIMIT 1
            """)
        try statement.bind([.int(batch), .int(position)])
        guard try statement.step(), statement.int(0) >= 0,
            position - statement.int(0) < statement.int(1),
            statement.int(2) > 0 || statement.int(3) > 0
        else { return nil }
        let count = statement.int(1)
        guard count <= Segment.countMax, statement.byteCount(5) <= count,
            let outcomes = Blob.unpacked(statement.blob(5), count: count)
        else { return nil }
        let segment = WorkingSegment(
            rowID: statement.int(6), batch: batch, first: statement.int(0),
            todo: statement.int(2), retrying: statement.int(3),
            runnerID: statement.isNull(4) ? nil : statement.int(4), returned: statement.int(7),
            outcomes: outcomes)
        guard segment.first <= Int.max - outcomes.count, 0...outcomes.count ~= segment.todo,
            0...outcomes.count ~= segment.retrying, 0...segment.todo ~= segment.returned
        else {
            throw damaged("batch \(segment.batch) has a segment at \(segment.first) that cannot be")
        }
        return segment
    }

    func save(_ segment: WorkingSegment) throws {
        if segment.todo > 0 || segment.retrying > 0 {
            // With nothing left to do but wait, or what the runner does not know of, nobody needs
            // the lease.
            let isLeased = segment.runnerID != nil && segment.todo > segment.returned
            try connection.run(
                """
                UPDATE segment SET todo = ?2, retrying = ?3, runner_id = ?4, outcomes = ?5,
                    returned = ?6
                WHERE rowid = ?1
                """,
                .int(segment.rowID), .int(segment.todo), .int(segment.retrying),
                isLeased ? segment.runnerID.map(Value.int) ?? .null : .null,
                .blob(segment.outcomes), .int(isLeased ? segment.returned : 0))
        } else if let code = segment.outcomes.first, segment.outcomes.allSatisfy({ $0 == code }) {
            try connection.run("DELETE FROM segment WHERE rowid = ?", .int(segment.rowID))
            try insertSpan(
                batch: segment.batch, first: segment.first, count: segment.outcomes.count,
                outcome: code)
        } else {
            try connection.run(
                """
                UPDATE segment SET todo = 0, retrying = 0, runner_id = NULL, returned = 0,
                    outcomes = ?2
                WHERE rowid = ?1
                """,
                .int(segment.rowID), .blob(Blob.packed(segment.outcomes)))
        }
    }

    func add(_ change: Int, toTallyOf batch: Batch.ID, _ code: UInt8) throws {
        if code == 0 { return }  // what has no outcome is not tallied
        if change > 0 {
            try connection.run(
                """
                INSERT INTO tally (batch_id, outcome, count) VALUES (?, ?, ?)
                ON CONFLICT (batch_id, outcome) DO UPDATE SET count = count + excluded.count
                """,
                .int(batch), .int(Int(code)), .int(change))
        } else {
            // Not an upsert: its new row would have to pass the CHECK.
            try connection.run(
                "UPDATE tally SET count = count + ? WHERE batch_id = ? AND outcome = ?",
                .int(change), .int(batch), .int(Int(code)))
        }
    }
}
