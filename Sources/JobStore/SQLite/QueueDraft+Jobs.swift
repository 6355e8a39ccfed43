/// The batch of a draft that jobs are added to.
struct DraftedBatch {
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
