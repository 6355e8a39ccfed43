public import JobStore

extension PostgresQueue {
    public func cancel(_ batch: Batch.ID) throws(QueueError) -> Cancellation {
        _ = try takeOverGone()
        let now = try ask { try clockReading() }
        return try change {
            let known = try link.query(
                "SELECT cancelled_us FROM runner.batch WHERE id = $1", .int(batch))
            guard known.count == 1 else {
                throw QueueError(.noBatch, "there is no batch \(batch) in the queue \(name)")
            }
            // By the time this call has written where its answer was lost.
            let isNew = known.isNull(0, 0) || known.int(0, 0) == now
            if isNew {
                try link.query(
                    "UPDATE runner.batch SET cancelled_us = $2 WHERE id = $1", .int(batch),
                    .int(now))
            }
            let cancelled = try takeBack(batch)
            let numbers = try numbers(in: batch...batch, gone: [])[batch] ?? [:]
            let running =
                (numbers[TallyChange.Kind.held.code] ?? 0)
                + (numbers[TallyChange.Kind.tried.code] ?? 0)
            return Cancellation(cancelled: cancelled, running: running, isNew: isNew)
        }
    }

    /// Cancels the jobs of a batch without a final outcome that no live runner holds.
    ///
    /// - Returns: The number of jobs.
    func takeBack(_ batch: Batch.ID) throws -> Int {
        var tally = TallyChange()
        // Waits for a claim that cuts one of them just now; nobody claims of the batch after.
        let spans = try link.query(
            """
            WITH changed AS (
                UPDATE runner.span SET outcome = $2 WHERE batch_id = $1 AND outcome = 0
                RETURNING stop - first AS count)
            SELECT coalesce(sum(count), 0) FROM changed
            """, .int(batch), .int(Int(CodeBook.cancelled)))
        // In the order of a claim, which locks lanes before it takes their blocks.
        try link.query(
            "SELECT FROM runner.lane WHERE batch_id = $1 ORDER BY lane FOR UPDATE", .int(batch))
        let blocks = try link.query(
            """
            WITH gone AS (
                DELETE FROM runner.block WHERE batch_id = $1 RETURNING batch_id, first, count),
            lanes AS (UPDATE runner.lane SET jobs = 0 WHERE batch_id = $1 AND jobs > 0),
            changed AS (
                INSERT INTO runner.span (batch_id, stop, first, outcome, priority)
                SELECT g.batch_id, g.first + g.count, g.first, $2, b.priority
                FROM gone g JOIN runner.batch b ON b.id = g.batch_id
                RETURNING stop - first AS count)
            SELECT coalesce(sum(count), 0) FROM changed
            """, .int(batch), .int(Int(CodeBook.cancelled)))
        var cancelled = spans.int(0, 0) + blocks.int(0, 0)
        tally.add(cancelled, to: .ended(CodeBook.cancelled), of: batch)
        let holders = try lockSegments(of: batch)
        cancelled += try cancelOpen(batch, &tally)
        try SegmentRows.add(tally, of: 0, link)
        return cancelled + (try cancelRetriesHeld(batch, by: holders))
    }

    private func clockReading() throws -> Int { try link.query("SELECT \(clock.sql)").int(0, 0) }

    /// Keeps all segments of a batch from changing hands until the transaction has ended.
    ///
    /// - Returns: The runners that hold some of them.
    private func lockSegments(of batch: Batch.ID) throws -> Set<Int> {
        var locks = SegmentLocks()
        while true {
            let rows = try link.query(
                "SELECT first, runner_id FROM runner.segment WHERE batch_id = $1", .int(batch))
            let segments = (0..<rows.count).map { (rows.int($0, 0), rows.int($0, 1)) }
            if try locks.cover(segments, of: batch, link) { return locks.runners }
        }
    }

    /// Cancels the jobs of segments that no runner holds.
    private func cancelOpen(_ batch: Batch.ID, _ tally: inout TallyChange) throws -> Int {
        let rows = try link.query(
            """
            SELECT \(SegmentRows.columns) FROM runner.segment
            WHERE runner_id = 0 AND batch_id = $1
            """, .int(batch))
        var segments = try (0..<rows.count).map { try SegmentRows.segment(in: rows, at: $0) }
        let count = segments.reduce(0) { $0 + $1.todo + $1.retries.count }
        for index in segments.indices { try segments[index].cancel(&tally) }
        guard try SegmentRows.save(segments, of: 0, to: 0, link) else {
            throw damaged("a segment of batch \(batch) is gone that was locked")
        }
        return count
    }

    /// Cancels the retries that wait in segments of live runners, by writing to the logs of these.
    private func cancelRetriesHeld(
        _ batch: Batch.ID, by holders: Set<Int>
    ) throws -> Int {
        var count = 0
        for runner in holders {
            var table = SegmentTable(
                try segments(of: runner, where: "batch_id = \(batch)"))
            try RunnerLog.read(of: runner, link).apply(to: &table)
            let entries = table.all.flatMap { segment in
                segment.retries.filter { !$0.value.isTried }.keys.sorted().map { offset in
                    LogBody.Entry(
                        batchID: batch, position: segment.first + offset,
                        change: .ended(CodeBook.cancelled))
                }
            }
            try write(entries, intoLogOf: runner, &table)
            count += entries.count
        }
        return count
    }

    /// Adds a row to the log of a live runner, whose row this transaction has locked.
    func write(
        _ entries: [LogBody.Entry], intoLogOf runner: Int, _ table: inout SegmentTable
    ) throws {
        guard !entries.isEmpty else { return }
        var tally = TallyChange()
        for entry in entries { try table.change(entry, atMicros: 0, &tally) }
        try write(entries, tally, intoLogOf: runner)
    }

    /// Adds a row to the log of a live runner, whose row this transaction has locked.
    func write(
        _ entries: [LogBody.Entry], _ tally: TallyChange, intoLogOf runner: Int
    ) throws {
        let (now, changes) = (try clockReading(), tally.all)
        try link.query(
            """
            INSERT INTO runner.log (runner_id, seq, at_us, by_others, batch_ids, codes, counts,
                has_files, body)
            SELECT id, greatest(folded_seq,
                    (SELECT max(seq) FROM runner.log WHERE runner_id = $1)) + 1,
                $2, true, $3::bigint[], $4::smallint[], $5::bigint[], false, $6::bytea
            FROM runner.runner WHERE id = $1
            """,
            .int(runner), .int(now), .ints(changes.map(\.batch)), .ints(changes.map(\.kind.code)),
            .ints(changes.map(\.count)), .bytes(LogBody(entries: entries).bytes))
    }
}
