extension SQLiteQueue {
    func commit(
        _ marks: [Mark], _ files: [OutputFile], _ found: [FoundRequests] = [],
        countMax: Int = .max, heartbeat: Heartbeat, for runner: Int
    ) throws(QueueError) -> FoundTally {
        try check(runner)
        let (found, hashes) = try write {
            // Only now: another writer may have kept us waiting.
            let nowMicros = unixMicros()
            let marks = marks.sorted { ($0.batchID, $0.position) < ($1.batchID, $1.position) }
            var tally = OutcomeCounts()
            var total = OutcomeCounts()
            var index = 0
            var letGo: [LedgerPlace] = []
            while index < marks.count {
                var segment = try workingSegment(holding: marks[index])
                while index < marks.count, segment.holds(marks[index]) {
                    try apply(marks[index], at: nowMicros, to: &segment, &tally)
                    index += 1
                }
                try save(segment)
                if segment.isLetGo, try isCancelled(segment.batch) {
                    letGo.append(LedgerPlace(batchID: segment.batch, position: segment.first))
                }
                if index == marks.count || marks[index].batchID != segment.batch {
                    for (code, change) in tally.take() {
                        try add(change, toTallyOf: segment.batch, code)
                        total.add(change, to: code)
                    }
                }
            }
            for (code, change) in total.take() { try add(change, toTotalOf: code) }
            try keepValidators(of: marks)
            _ = try cancelSegments(holding: letGo)
            try save(files)
            try save(heartbeat.hosts, at: nowMicros)
            let changed = try connection.run(
                """
                UPDATE runner SET heartbeat_us = ?, requests_per_s = ?, trouble = ?,
                    measures = coalesce(?, measures)
                WHERE id = ?
                """,
                .int(nowMicros), .real(heartbeat.requestsPerSecond),
                .text(heartbeat.trouble ?? ""), heartbeat.measures.map(Value.text) ?? .null,
                .int(ourID()))
            guard changed == 1 else { throw fenced("its runner is no longer registered") }
            var foundTally = FoundTally()
            let hashes = try add(found, countMax: countMax, &foundTally)
            return (foundTally, hashes)
        }
        remember(hashes)
        // The commit stands. What fails now is tried again after the next one.
        try? sealFoundHashes()
        return found
    }

    private func workingSegment(holding mark: Mark) throws -> WorkingSegment {
        guard let segment = try openSegment(holding: mark.position, of: mark.batchID) else {
            throw fenced(
                "job \(mark.position) of batch \(mark.batchID) is final, or was never claimed")
        }
        return segment
    }

    private func apply(
        _ mark: Mark, at nowMicros: Int, to segment: inout WorkingSegment,
        _ tally: inout OutcomeCounts
    ) throws {
        let offset = mark.position - segment.first
        let old = segment.outcomes[offset]
        let outcome = try outcomeToKeep(mark, in: &segment)
        let new =
            outcome.state == .cancelled
            ? try cancelledCode() : try codes.code(for: outcome, in: connection)
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
        try moveRetry(mark, isRetrying: outcome.state == .retrying, at: nowMicros)
        if outcome.state == .retrying { segment.retrying += 1 }
        segment.outcomes[offset] = new
        tally.add(-1, to: old)
        tally.add(1, to: new)
    }

    /// The outcome of a mark, but that no job of a cancelled batch is tried again.
    private func outcomeToKeep(_ mark: Mark, in segment: inout WorkingSegment) throws -> Outcome {
        guard mark.outcome.state == .retrying else { return mark.outcome }
        let isCancelled = try segment.isCancelled ?? isCancelled(mark.batchID)
        segment.isCancelled = isCancelled
        return isCancelled ? .cancelled : mark.outcome
    }

    /// Keeps the row in `retry` in step with the mark, and refuses the mark of a retry when this
    /// runner does not hold the row.
    private func moveRetry(_ mark: Mark, isRetrying: Bool, at nowMicros: Int) throws {
        let changed: Int
        switch (isRetrying, mark.attempt) {
        case (false, 1):
            return
        case (true, 1):
            changed = try connection.run(
                """
                INSERT INTO retry (batch_id, position, attempts, not_before_us, excused, since_us)
                VALUES (?, ?, 1, ?, ?, ?)
                """,
                .int(mark.batchID), .int(mark.position), .int(notBefore(mark, nowMicros)),
                .int(mark.isExcused ? 1 : 0), .int(nowMicros))
        case (true, _):
            changed = try connection.run(
                """
                UPDATE retry SET attempts = ?3, not_before_us = ?4, runner_id = NULL,
                    excused = excused + ?6
                WHERE batch_id = ?1 AND position = ?2 AND runner_id = ?5
                """,
                .int(mark.batchID), .int(mark.position), .int(mark.attempt),
                .int(notBefore(mark, nowMicros)), .int(ourID()),
                .int(mark.isExcused ? 1 : 0))
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

    func fenced(_ why: String) -> QueueError {
        QueueError(
            .fenced,
            "a result was refused by the queue \(path): \(why); another runner may have taken over. Nothing is lost: run again"
        )
    }
}
