extension SQLiteQueue {
    public func enqueue(
        _ range: JobRange, request: RequestTemplate
    ) throws(QueueError) -> Batch {
        try write {
            let total = try connection.int("SELECT sum(count) FROM batch") ?? 0
            guard !total.addingReportingOverflow(range.count).overflow else {
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
            return Batch(id: id, range: range, request: request)
        }
    }

    /// - Throws: `QueueError` `.damaged` when a leased job's batch is not there or does not read.
    func batch(_ id: Batch.ID) throws -> Batch {
        let statement = try connection.prepare(
            "SELECT first_id, count, url FROM batch WHERE id = ?")
        try statement.bind([.int(id)])
        guard try statement.step(), statement.int(1) > 0,
            let request = try? RequestTemplate(parsing: statement.text(2))
        else {
            throw QueueError(
                .damaged,
                "the queue \(path) is damaged: batch \(id) is missing or unreadable; restore a copy"
            )
        }
        return Batch(
            id: id, range: JobRange(first: statement.int(0), count: statement.int(1)),
            request: request)
    }
}
