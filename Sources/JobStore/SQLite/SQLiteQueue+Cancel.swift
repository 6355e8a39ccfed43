/// Cancelled batches: their jobs that no live runner holds get the outcome `cancelled`, some in each
/// transaction.
extension SQLiteQueue {
    public func cancel(_ id: Batch.ID) async throws(QueueError) -> Cancellation {
        let isNew = try write {
            guard try connection.int("SELECT 1 FROM batch WHERE id = ?", .int(id)) == 1 else {
                throw QueueError(.noBatch, "the queue \(path) has no batch \(id)")
            }
            guard try codes.cancelled(in: connection) != nil else {
                throw QueueError(
                    .noRoom,
                    "the queue \(path) keeps as many kinds of outcomes as it can, so no batch can be cancelled; run it to its end"
                )
            }
            // A list that was taken in part is not to be gone on with.
            try connection.run("DELETE FROM import WHERE batch_id = ?", .int(id))
            // What a runner parks from now on finds the flag.
            try connection.run(CancelStatements.unpark, .int(id))
            return try connection.run(
                "UPDATE batch SET cancelled_at_us = ? WHERE id = ? AND cancelled_at_us IS NULL",
                .int(unixMicros()), .int(id)) == 1
        }
        let cancelled = try await cancelRest(of: id)
        return Cancellation(
            cancelled: cancelled, running: try counts(of: id).running, isNew: isNew)
    }

    /// Takes back what is left of cancelled batches since a call was killed.
    func finishCancellations() async throws(QueueError) {
        let ids = try read {
            let rows = try connection.prepare(
                """
                SELECT id FROM batch WHERE cancelled_at_us IS NOT NULL AND (
                    EXISTS (SELECT 1 FROM span WHERE \(Self.ofBatch) AND outcome = 0)
                    OR EXISTS (SELECT 1 FROM block WHERE batch_id = batch.id)
                    OR EXISTS (SELECT 1 FROM segment WHERE \(Self.ofBatch)
                        AND todo > 0 AND runner_id IS NULL AND not_before_us = 0)
                    OR EXISTS (SELECT 1 FROM retry
                        WHERE batch_id = batch.id AND runner_id IS NULL))
                """)
            try rows.bind([])
            var ids: [Batch.ID] = []
            while try rows.step() { ids.append(rows.int(0)) }
            return ids
        }
        for id in ids { _ = try await cancelRest(of: id) }
    }

    /// - Returns: The number of jobs that were cancelled.
    private func cancelRest(of id: Batch.ID) async throws(QueueError) -> Int {
        var cancelled = 0
        while case let count = try write({ try cancelSome(of: id) }), count > 0 {
            cancelled += count
            // Another writer asks for the lock once a millisecond, and must not ask in vain. A task
            // that was cancelled goes on at once.
            try? await Task.sleep(for: .milliseconds(2))
        }
        return cancelled
    }

    func isCancelled(_ id: Batch.ID) throws -> Bool {
        try connection.int("SELECT cancelled_at_us FROM batch WHERE id = ?", .int(id)) != nil
    }

    // MARK: - One transaction

    // A transaction takes 50 ms at most, since a runner's commits wait for it. Begun segments are the
    // slowest: the bytes of each are deflated.
    private static let spansMax = 1000
    private static let blocksMax = 2000
    private static let segmentsMax = 100

    /// Cancels some of a batch's jobs.
    ///
    /// - Returns: The number of jobs; 0 when a live runner holds all that have no final outcome.
    func cancelSome(of id: Batch.ID) throws -> Int {
        // Seen within the transaction: a runner that comes now gives back what it finds only after.
        if isRunLive == false {
            for sql in CancelStatements.endLeases { try connection.run(sql, .int(id)) }
        }
        var cancelled = try cancelSpans(of: id)
        if cancelled == 0 { cancelled = try cancelBlocks(of: id) }
        for sql in CancelStatements.startsOfWaiting where cancelled == 0 {
            let places = try places(sql, of: id)
            cancelled = try cancelSegments(holding: places)
            guard cancelled > 0 || places.isEmpty else {
                throw damaged("batch \(id) has a segment that counts jobs it does not have")
            }
        }
        return cancelled
    }

    private func places(_ sql: String, of id: Batch.ID) throws -> [LedgerPlace] {
        let rows = try connection.prepare(sql)
        try rows.bind([.int(id), .int(Self.segmentsMax)])
        var places: [LedgerPlace] = []
        while try rows.step() { places.append(LedgerPlace(batchID: id, position: rows.int(0))) }
        return places
    }

    private func cancelSpans(of id: Batch.ID) throws -> Int {
        let rows = try connection.prepare(CancelStatements.spans)
        try rows.bind([.int(id), .int(Self.spansMax)])
        let runs = try runs(in: rows, of: id)
        for run in runs {
            let removed = try connection.run(
                "DELETE FROM span WHERE batch_id = ? AND first = ?", .int(id),
                .int(run.lowerBound))
            guard removed == 1 else { throw damaged("batch \(id) has no jobs at \(run)") }
        }
        return try insertCancelled(runs, of: id)
    }

    private func cancelBlocks(of id: Batch.ID) throws -> Int {
        let rows = try connection.prepare(CancelStatements.blocks)
        try rows.bind([.int(id), .int(Self.blocksMax)])
        var jobsOfLanes: [Int: Int] = [:]
        let runs = try runs(in: rows, of: id) { row, run in
            jobsOfLanes[row.int(2), default: 0] += run.count
        }
        guard let last = runs.last else { return 0 }
        let removed = try connection.run(
            "DELETE FROM block WHERE batch_id = ? AND first <= ?", .int(id),
            .int(last.lowerBound))
        guard removed == runs.count else {
            throw damaged("batch \(id) has other blocks than those it lists")
        }
        for (lane, jobs) in jobsOfLanes {
            try add(-jobs, toLane: ListLane(batchID: id, number: lane))
        }
        return try insertCancelled(runs, of: id)
    }

    /// Reads the jobs of rows that begin with a first position and a count.
    private func runs(
        in rows: borrowing Statement, of id: Batch.ID,
        each: (borrowing Statement, Range<Int>) -> Void = { _, _ in }
    ) throws -> [Range<Int>] {
        var (runs, sum): ([Range<Int>], Int) = ([], 0)
        while try rows.step() {
            let (first, count) = (rows.int(0), rows.int(1))
            let (more, isTooLarge) = sum.addingReportingOverflow(count)
            guard first >= 0, count >= 1, first <= Int.max - count, !isTooLarge else {
                throw damaged("batch \(id) has \(count) jobs at \(first)")
            }
            sum = more
            runs.append(first..<first + count)
            each(rows, first..<first + count)
        }
        return runs
    }

    /// Inserts spans of cancelled jobs that had no outcome.
    ///
    /// - Returns: The number of jobs.
    private func insertCancelled(_ runs: [Range<Int>], of id: Batch.ID) throws -> Int {
        guard !runs.isEmpty else { return 0 }
        let code = try cancelledCode()
        var joined: Range<Int>?
        for run in runs {
            // Neighbours become one here: each row costs a few statements.
            if let known = joined, known.upperBound == run.lowerBound {
                joined = known.lowerBound..<run.upperBound
                continue
            }
            if let known = joined { try insertCancelled(known, of: id, code) }
            joined = run
        }
        if let joined { try insertCancelled(joined, of: id, code) }
        let count = runs.reduce(0) { $0 + $1.count }
        var change = OutcomeCounts()
        change.add(-count, to: 0)
        change.add(count, to: code)
        try tally(&change, of: id)
        return count
    }

    private func insertCancelled(_ run: Range<Int>, of id: Batch.ID, _ code: UInt8) throws {
        try insertSpan(batch: id, first: run.lowerBound, count: run.count, outcome: code)
    }

    // MARK: - Segments

    /// Cancels all jobs that no runner holds of the segments that hold some places.
    ///
    /// - Returns: The number of jobs that were cancelled.
    func cancelSegments(holding places: [LedgerPlace]) throws -> Int {
        guard !places.isEmpty else { return 0 }
        let code = try cancelledCode()
        var cancelled = 0
        var change = OutcomeCounts()
        var last: WorkingSegment?
        for place in places.sorted(by: { ($0.batchID, $0.position) < ($1.batchID, $1.position) }) {
            if let last, last.batch == place.batchID, place.position < last.end { continue }
            if let last, last.batch != place.batchID { try tally(&change, of: last.batch) }
            guard var segment = try openSegment(holding: place.position, of: place.batchID) else {
                throw damaged(
                    "job \(place.position) of batch \(place.batchID) is open in no segment")
            }
            cancelled += try cancelJobs(of: &segment, code, &change)
            try save(segment)
            last = segment
        }
        if let last { try tally(&change, of: last.batch) }
        return cancelled
    }

    /// Cancels the jobs of a segment that nobody leases and those that wait for a retry.
    private func cancelJobs(
        of segment: inout WorkingSegment, _ code: UInt8, _ change: inout OutcomeCounts
    ) throws -> Int {
        var cancelled = 0
        func take(_ offset: Int) {
            change.add(-1, to: segment.outcomes[offset])
            change.add(1, to: code)
            segment.outcomes[offset] = code
            cancelled += 1
        }
        if segment.runnerID == nil, segment.todo > 0 {
            for offset in segment.outcomes.indices where segment.outcomes[offset] == 0 {
                take(offset)
            }
            segment.todo = 0
        }
        let waiting = "batch_id = ? AND position >= ? AND position < ? AND runner_id IS NULL"
        let window = [segment.batch, segment.first, segment.end].map(Value.int)
        let rows = try connection.prepare("SELECT position FROM retry WHERE \(waiting)")
        try rows.bind(window)
        var retries = 0
        while try rows.step() {
            let offset = rows.int(0) - segment.first
            guard retries < segment.retrying,
                try codes.state(of: segment.outcomes[offset], in: connection) == .retrying
            else {
                throw damaged(
                    "job \(rows.int(0)) of batch \(segment.batch) waits for a retry, and is not retrying"
                )
            }
            take(offset)
            retries += 1
        }
        guard retries > 0 else { return cancelled }
        segment.retrying -= retries
        try connection.run("DELETE FROM retry WHERE \(waiting)", window[0], window[1], window[2])
        return cancelled
    }

    func cancelledCode() throws -> UInt8 {
        guard let code = try codes.cancelled(in: connection) else {
            throw damaged("no outcome says that jobs were cancelled")
        }
        return code
    }

    /// Adds changes to the tallies of a batch and to the totals; they are zero afterwards.
    private func tally(_ change: inout OutcomeCounts, of batch: Batch.ID) throws {
        for (code, count) in change.take() {
            try add(count, toTallyOf: batch, code)
            try add(count, toTotalOf: code)
        }
    }
}
