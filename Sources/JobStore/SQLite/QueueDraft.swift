internal import Glibc

/// A queue while it is made from others: a file that nobody else knows, and that is worth nothing
/// before `finish`.
///
/// - Note: `@unchecked Sendable` holds since one call after the other uses it: who splits or merges
///   awaits each of them.
final class QueueDraft: @unchecked Sendable {
    private let path: String
    /// The queue's name for messages.
    private let name: String
    private var connection: Connection
    /// The codes of the queue that is read, as codes of this one; `nil` where it explains none.
    private var codes = [UInt8?](repeating: nil, count: 256)
    /// The states that this queue's codes stand for.
    private var states = [Outcome.State?](repeating: nil, count: 256)
    private var batch = DraftedBatch()

    /// Makes the file.
    ///
    /// - Throws: `.full`, `.readOnly`, `.io`.
    init(path: String, name: String) throws(QueueError) {
        self.path = path
        self.name = name
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Errno(errno).unmakable("the queue \(name)") }
        _ = close(descriptor)
        do {
            connection = try Connection(path: path, readOnly: false)
            // Nobody needs half of it, and all of it is synced at the end.
            try connection.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
            try Migrator.makeTables(connection)
            try connection.execute("BEGIN IMMEDIATE")
        } catch {
            throw error.queueError(at: name)
        }
    }

    /// Runs statements on the draft.
    func write<Result>(
        _ body: (borrowing Connection) throws(SQLiteError) -> Result
    ) throws(QueueError) -> Result {
        do {
            return try body(connection)
        } catch {
            throw error.queueError(at: name)
        }
    }

    /// Makes the file whole and durable. Nothing may be called afterwards.
    func finish() throws(QueueError) {
        try write { connection throws(SQLiteError) in
            try connection.execute(
                """
                DELETE FROM total;
                INSERT INTO total (outcome, count)
                SELECT outcome, sum(count) FROM tally GROUP BY outcome;
                INSERT INTO total (outcome, count)
                SELECT 0, coalesce(sum(count), 0)
                    - (SELECT coalesce(sum(count), 0) FROM tally) FROM batch;
                COMMIT;
                PRAGMA journal_mode = WAL;
                """)
        }
        connection.close()
        do {
            try Errno.sync(path, O_RDONLY)
        } catch {
            throw error.unmakable("the queue \(name)")
        }
    }

    // MARK: - Outcomes

    /// An outcome as a row of the table has it.
    struct OutcomeRow {
        let code: UInt8
        let state: Outcome.State
        let status: Int
        let reason: String
    }

    /// Learns the outcomes of the queue that is read from now on.
    ///
    /// - Parameter areKept: Whether they keep their codes; else those that this queue knows already
    ///   have others.
    func learn(_ outcomes: [OutcomeRow], areKept: Bool) throws(QueueError) {
        codes = [UInt8?](repeating: nil, count: 256)
        try write { connection throws(SQLiteError) in
            if areKept { try connection.run("DELETE FROM outcome") }
            for outcome in outcomes {
                let code =
                    areKept
                    ? try insert(outcome, connection) : try code(of: outcome, connection)
                codes[Int(outcome.code)] = code
                states[Int(code)] = outcome.state
            }
        }
        codes[0] = 0
    }

    private func insert(
        _ outcome: OutcomeRow, _ connection: borrowing Connection
    ) throws(SQLiteError) -> UInt8 {
        try connection.run(
            "INSERT INTO outcome (code, state, status, reason) VALUES (?, ?, ?, ?)",
            .int(Int(outcome.code)), .text(outcome.state.rawValue), .int(outcome.status),
            .text(outcome.reason))
        return outcome.code
    }

    private func code(
        of outcome: OutcomeRow, _ connection: borrowing Connection
    ) throws(SQLiteError) -> UInt8 {
        try connection.run(
            """
            INSERT INTO outcome (code, state, status, reason)
            SELECT max(code) + 1, ?1, ?2, ?3 FROM outcome HAVING max(code) < 255
            ON CONFLICT DO NOTHING
            """, .text(outcome.state.rawValue), .int(outcome.status), .text(outcome.reason))
        // Past the last code, what is set aside for its state: the lowest one.
        let known = try connection.int(
            """
            SELECT code FROM outcome WHERE state = ?1
            ORDER BY status = ?2 AND reason = ?3 DESC, code LIMIT 1
            """, .text(outcome.state.rawValue), .int(outcome.status), .text(outcome.reason))
        return known.flatMap { UInt8(exactly: $0) } ?? 0
    }
}

// MARK: - Jobs

/// The batch of a draft that jobs are added to.
private struct DraftedBatch {
    var id = 0
    var priority = 0
    /// The distance from a job's position in the queue that is read to that in the draft.
    var shift = 0
    /// The last span, which the next one may go on with.
    var span: (positions: Range<Int>, code: UInt8)?
    /// The jobs added, by code.
    var counts = [Int](repeating: 0, count: 256)
    var lanes: [Int: Int] = [:]
    /// Retrying jobs without their row so far.
    var retries = 0
    /// The code of jobs that a dead runner holds, where the batch was cancelled: they become so.
    var cancelled: UInt8?
}

extension QueueDraft {
    /// Begins to add jobs to a batch that has its row.
    ///
    /// - Parameters:
    ///   - row: The batch in the queue that is read.
    ///   - shift: The distance from a job's position there to that in the draft.
    ///   - first: The position in the draft at which the jobs begin.
    func begin(
        _ row: BatchRow, shift: Int, at first: Int = 0
    ) throws(QueueError) {
        let id = row.batch.id
        batch = DraftedBatch(id: id, priority: row.priority, shift: shift)
        if row.cancelledAtMicros != nil {
            batch.cancelled = states.firstIndex(of: .cancelled).flatMap { UInt8(exactly: $0) }
        }
        guard first > 0 else { return }
        // What ends there may go on.
        try write { connection throws(SQLiteError) in
            let last = try connection.prepare(
                """
                SELECT first, count, outcome FROM span
                WHERE batch_id = ? AND first < ? ORDER BY first DESC LIMIT 1
                """)
            try last.bind([.int(id), .int(first)])
            guard try last.step(), last.int(0) + last.int(1) == first else { return }
            batch.span = (last.int(0)..<first, UInt8(truncatingIfNeeded: last.int(2)))
            try connection.run(
                "DELETE FROM span WHERE batch_id = ? AND first = ?", .int(id), .int(last.int(0)))
        }
    }

    /// Adds jobs.
    ///
    /// - Returns: Whether the queue that is read explains all of their codes.
    func add(_ piece: StoredPiece) throws(QueueError) -> Bool {
        let first = piece.positions.lowerBound + batch.shift
        let count = piece.positions.count
        switch piece.content {
        case .span(let code):
            guard let code = self.code(for: code) else { return false }
            batch.counts[Int(code)] += count
            try addSpan(first..<first + count, code)
        case .segment(let others):
            var mapped: [UInt8] = []
            mapped.reserveCapacity(count)
            for code in others {
                guard let code = self.code(for: code) else { return false }
                mapped.append(code)
                batch.counts[Int(code)] += 1
            }
            try addSegment(first, mapped)
        case .block where batch.cancelled != nil:
            return try add(StoredPiece(positions: piece.positions, content: .span(0)))
        case .block(let lane):
            try endSpan()
            batch.counts[0] += count
            batch.lanes[lane, default: 0] += count
            try write { connection throws(SQLiteError) in
                _ = try connection.run(
                    "INSERT INTO block (batch_id, first, count, lane) VALUES (?, ?, ?, ?)",
                    .int(batch.id), .int(first), .int(count), .int(lane))
            }
        }
        return true
    }

    /// The code that a job gets, by that in the queue that is read; `nil` where it explains none.
    private func code(for other: UInt8) -> UInt8? {
        guard let code = codes[Int(other)] else { return nil }
        guard let cancelled = batch.cancelled, code == 0 || states[Int(code)] == .retrying else {
            return code
        }
        return cancelled
    }

    private func addSpan(_ positions: Range<Int>, _ code: UInt8) throws(QueueError) {
        if let last = batch.span, last.code == code {
            batch.span = (last.positions.lowerBound..<positions.upperBound, code)
        } else {
            try endSpan()
            batch.span = (positions, code)
        }
    }

    private func endSpan() throws(QueueError) {
        guard let (positions, code) = batch.span else { return }
        batch.span = nil
        try write { connection throws(SQLiteError) in
            _ = try connection.run(
                """
                INSERT INTO span (batch_id, first, count, outcome, priority)
                VALUES (?, ?, ?, ?, ?)
                """,
                .int(batch.id), .int(positions.lowerBound), .int(positions.count),
                .int(Int(code)), .int(code == 0 ? batch.priority : 0))
        }
    }

    private func addSegment(_ first: Int, _ codes: [UInt8]) throws(QueueError) {
        let todo = codes.count { $0 == 0 }
        let retrying = codes.count { states[Int($0)] == .retrying }
        batch.retries += retrying
        let isFinal = todo == 0 && retrying == 0
        if isFinal, let code = codes.first, codes.allSatisfy({ $0 == code }) {
            // Part of a segment that was cut.
            return try addSpan(first..<first + codes.count, code)
        }
        try endSpan()
        try write { connection throws(SQLiteError) in
            _ = try connection.run(
                """
                INSERT INTO segment (batch_id, first, count, todo, retrying, outcomes, priority)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
                .int(batch.id), .int(first), .int(codes.count), .int(todo), .int(retrying),
                .blob(isFinal ? Blob.packed(codes) : codes), .int(batch.priority))
        }
    }

    /// Adds a row of `retry`, all of its columns from the position on.
    func addRetry(at position: Int, _ columns: [Value]) throws(QueueError) {
        guard batch.cancelled == nil else { return }
        batch.retries -= 1
        try write { connection throws(SQLiteError) in
            let row = try connection.prepare(
                """
                INSERT INTO retry (batch_id, position, attempts, not_before_us, excused, since_us)
                VALUES (?, ?, ?, ?, ?, ?)
                """)
            try row.bind([.int(batch.id), .int(position + batch.shift)] + columns)
            while try row.step() {}
        }
    }

    func addLines(_ block: ListBlock) throws(QueueError) {
        try write { connection throws(SQLiteError) in
            _ = try connection.run(
                "INSERT INTO line (batch_id, first, count, lane, bytes) VALUES (?, ?, ?, ?, ?)",
                .int(batch.id), .int(block.first + batch.shift), .int(block.count),
                .int(block.lane), .blob(block.bytes))
        }
    }

    /// Ends the batch that jobs were added to.
    ///
    /// - Returns: Whether each retrying job had its row, and no other job.
    func end() throws(QueueError) -> Bool {
        try endSpan()
        try write { connection throws(SQLiteError) in
            for (code, count) in batch.counts.enumerated() where code > 0 && count > 0 {
                try connection.run(
                    """
                    INSERT INTO tally (batch_id, outcome, count) VALUES (?, ?, ?)
                    ON CONFLICT (batch_id, outcome) DO UPDATE SET count = count + excluded.count
                    """, .int(batch.id), .int(code), .int(count))
            }
            for (lane, count) in batch.lanes {
                try connection.run(
                    """
                    INSERT INTO lane (batch_id, lane, jobs, priority) VALUES (?, ?, ?, ?)
                    ON CONFLICT (batch_id, lane) DO UPDATE SET jobs = jobs + excluded.jobs
                    """, .int(batch.id), .int(lane), .int(count), .int(batch.priority))
            }
        }
        return batch.retries == 0
    }
}
