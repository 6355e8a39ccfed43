extension SQLiteQueue {
    public func enqueue(
        _ range: JobRange, request: RequestTemplate
    ) throws(QueueError) -> Batch {
        try write {
            guard !(try jobCount()).addingReportingOverflow(range.count).overflow else {
                throw QueueError(
                    .tooMany,
                    "the queue \(path) would hold more jobs than can be counted; name another file with --queue"
                )
            }
            try connection.run(
                """
                INSERT INTO batch (kind, first_id, count, url, created_at_us)
                VALUES ('range', ?, ?, ?, ?)
                """,
                .int(range.first), .int(range.count), .text(request.url), .int(unixTimeMicros()))
            let id = connection.lastInsertID
            // However many jobs: one row.
            try connection.run(
                "INSERT INTO span (batch_id, first, count, outcome) VALUES (?, 0, ?, 0)",
                .int(id), .int(range.count))
            try add(range.count, toTotalOf: 0)
            return Batch(id: id, range: range, request: request)
        }
    }

    /// Reads a batch.
    ///
    /// - Throws: `QueueError` `.damaged` when the batch is missing or unreadable.
    func batch(_ id: Batch.ID) throws -> Batch {
        let statement = try connection.prepare(
            "SELECT id, first_id, count, url FROM batch WHERE id = ?")
        try statement.bind([.int(id)])
        guard try statement.step() else { throw unreadable(batch: id) }
        return try batch(in: statement)
    }

    /// Reads the batch from a row of its ID, first ID, count and URL.
    ///
    /// - Throws: `.damaged` when the row is unreadable.
    func batch(in row: borrowing Statement) throws(QueueError) -> Batch {
        let (id, first, count) = (row.int(0), row.int(1), row.int(2))
        guard first >= 0, count >= 1, !first.addingReportingOverflow(count).overflow,
            let request = try? RequestTemplate(parsing: row.text(3))
        else {
            throw unreadable(batch: id)
        }
        return Batch(id: id, range: JobRange(first: first, count: count), request: request)
    }

    func unreadable(batch id: Batch.ID) -> QueueError {
        damaged("batch \(id) is missing or unreadable")
    }

    /// Makes the error for a queue that contradicts itself.
    func damaged(_ what: String) -> QueueError {
        QueueError(.damaged, "the queue \(path) is damaged: \(what); restore a copy")
    }
}
