extension SQLiteQueue {
    func commit(
        _ marks: [Mark], _ files: [OutputFile], heartbeat: Heartbeat, for runner: Int
    ) throws(QueueError) {
        try check(runner)
        try write {
            // Only now: another writer may have kept us waiting.
            let nowMicros = unixMicros()
            let marks = marks.sorted { ($0.batchID, $0.position) < ($1.batchID, $1.position) }
            var tally = OutcomeCounts()
            var total = OutcomeCounts()
            var index = 0
            while index < marks.count {
                var segment = try workingSegment(holding: marks[index])
                while index < marks.count, segment.holds(marks[index]) {
                    try apply(marks[index], at: nowMicros, to: &segment, &tally)
                    index += 1
                }
                try save(segment)
                if index == marks.count || marks[index].batchID != segment.batch {
                    for (code, change) in tally.take() {
                        try add(change, toTallyOf: segment.batch, code)
                        total.add(change, to: code)
                    }
                }
            }
            for (code, change) in total.take() { try add(change, toTotalOf: code) }
            try save(files)
            let changed = try connection.run(
                """
                UPDATE runner SET heartbeat_us = ?, requests_per_s = ?, trouble = ? WHERE id = ?
                """,
                .int(nowMicros), .real(heartbeat.requestsPerSecond),
                .text(heartbeat.trouble ?? ""), .int(ourID()))
            guard changed == 1 else { throw fenced("its runner is no longer registered") }
        }
    }

    /// A segment while marks are applied to it.
    private struct WorkingSegment {
        let rowID: Int
        let batch: Int
        let first: Int
        var todo: Int
        var retrying: Int
        let runnerID: Int?
        var outcomes: [UInt8]

        func holds(_ mark: Mark) -> Bool {
            mark.batchID == batch && mark.position < first + outcomes.count
        }
    }

    private func workingSegment(holding mark: Mark) throws -> WorkingSegment {
        let statement = try connection.prepare(
            """
            SELECT first, count, todo, retrying, runner_id, outcomes, rowid FROM segment
            WHERE batch_id = ? AND first <= ? ORDER BY first DESC LIMIT 1
            """)
        try statement.bind([.int(mark.batchID), .int(mark.position)])
        guard try statement.step(), statement.int(0) >= 0,
            mark.position - statement.int(0) < statement.int(1)
        else {
            throw fenced("no segment holds job \(mark.position) of batch \(mark.batchID)")
        }
        let outcomes = statement.blob(5)
        guard outcomes.count == statement.int(1) else {
            throw fenced("job \(mark.position) of batch \(mark.batchID) is final")
        }
        let segment = WorkingSegment(
            rowID: statement.int(6), batch: mark.batchID, first: statement.int(0),
            todo: statement.int(2), retrying: statement.int(3),
            runnerID: statement.isNull(4) ? nil : statement.int(4), outcomes: outcomes)
        guard segment.first <= Int.max - outcomes.count, 0...outcomes.count ~= segment.todo,
            0...outcomes.count ~= segment.retrying
        else {
            throw damaged("batch \(segment.batch) has a segment at \(segment.first) that cannot be")
        }
        return segment
    }

    private func apply(
        _ mark: Mark, at nowMicros: Int, to segment: inout WorkingSegment,
        _ tally: inout OutcomeCounts
    ) throws {
        let offset = mark.position - segment.first
        let old = segment.outcomes[offset]
        let new = try codes.code(for: mark.outcome, in: connection)
        if mark.attempt == 1 {
            guard old == 0, segment.runnerID == ourID() else {
                throw fenced("job \(mark.position) of batch \(mark.batchID) is not ours")
            }
            segment.todo -= 1
        } else {
            guard try codes.state(of: old, in: connection) == .retrying else {
                throw fenced(
                    "job \(mark.position) of batch \(mark.batchID) is not waiting for a retry")
            }
            segment.retrying -= 1
        }
        try moveRetry(mark, at: nowMicros)
        if mark.outcome.state == .retrying { segment.retrying += 1 }
        segment.outcomes[offset] = new
        tally.add(-1, to: old)
        tally.add(1, to: new)
    }

    /// Keeps the row in `retry` in step with the mark, and refuses the mark of a retry when this
    /// runner does not hold the row.
    private func moveRetry(_ mark: Mark, at nowMicros: Int) throws {
        let changed: Int
        switch (mark.outcome.state == .retrying, mark.attempt) {
        case (false, 1):
            return
        case (true, 1):
            changed = try connection.run(
                "INSERT INTO retry (batch_id, position, attempts, not_before_us) VALUES (?, ?, 1, ?)",
                .int(mark.batchID), .int(mark.position), .int(notBefore(mark, nowMicros)))
        case (true, _):
            changed = try connection.run(
                """
                UPDATE retry SET attempts = ?3, not_before_us = ?4, runner_id = NULL
                WHERE batch_id = ?1 AND position = ?2 AND runner_id = ?5
                """,
                .int(mark.batchID), .int(mark.position), .int(mark.attempt),
                .int(notBefore(mark, nowMicros)), .int(ourID()))
        case (false, _):
            changed = try connection.run(
                "DELETE FROM retry WHERE batch_id = ? AND position = ? AND runner_id = ?",
                .int(mark.batchID), .int(mark.position), .int(ourID()))
        }
        guard changed == 1 else {
            throw fenced("the retry of job \(mark.position) of batch \(mark.batchID) is not ours")
        }
    }

    /// The Unix time in µs before which the job of a mark is not tried again.
    private func notBefore(_ mark: Mark, _ nowMicros: Int) -> Int {
        nowMicros + min(mark.wait, Retry.waitMax).microseconds
    }

    private func save(_ segment: WorkingSegment) throws {
        if segment.todo > 0 || segment.retrying > 0 {
            // With nothing left to do but wait, nobody needs the lease.
            try connection.run(
                """
                UPDATE segment SET todo = ?2, retrying = ?3, runner_id = ?4, outcomes = ?5
                WHERE rowid = ?1
                """,
                .int(segment.rowID), .int(segment.todo), .int(segment.retrying),
                segment.todo > 0 ? segment.runnerID.map(Value.int) ?? .null : .null,
                .blob(segment.outcomes))
        } else if let code = segment.outcomes.first, segment.outcomes.allSatisfy({ $0 == code }) {
            try connection.run("DELETE FROM segment WHERE rowid = ?", .int(segment.rowID))
            try insertSpan(
                batch: segment.batch, first: segment.first, count: segment.outcomes.count,
                outcome: code)
        } else {
            try connection.run(
                """
                UPDATE segment SET todo = 0, retrying = 0, runner_id = NULL, outcomes = ?2
                WHERE rowid = ?1
                """,
                .int(segment.rowID), .blob(Blob.packed(segment.outcomes)))
        }
    }

    private func add(_ change: Int, toTallyOf batch: Batch.ID, _ code: UInt8) throws {
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

    func fenced(_ why: String) -> QueueError {
        QueueError(
            .fenced,
            "a result was refused by the queue \(path): \(why); another runner may have taken over. Nothing is lost: run again"
        )
    }
}
