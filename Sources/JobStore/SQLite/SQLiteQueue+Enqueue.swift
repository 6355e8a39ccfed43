extension SQLiteQueue {
    public func enqueue(_ source: BatchSource, key: String?) throws(QueueError) -> Batch {
        switch source {
        case .range(let range, let request):
            try write {
                if let key, let known = try batch(enqueuedAs: key) {
                    guard known.source == source else { throw keyTaken(key, by: known) }
                    return known
                }
                return try add(range, request, key)
            }
        }
    }

    private func add(_ range: JobRange, _ request: RequestTemplate, _ key: String?) throws -> Batch
    {
        guard !(try jobCount()).addingReportingOverflow(range.count).overflow else {
            throw QueueError(
                .tooMany,
                "the queue \(path) would hold more jobs than can be counted",
                remedy: .nameAnotherFile)
        }
        try connection.run(
            """
            INSERT INTO batch (kind, first_id, count, url, method, headers, body, options,
                created_at_us, enqueue_key)
            VALUES ('range', ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            .int(range.first), .int(range.count), .text(request.url),
            .text(request.method.rawValue), .text(try json(of: request.headers)),
            request.body.map { .blob($0.bytes) } ?? .null, .text(try options(of: request)),
            .int(unixMicros()), key.map(Value.text) ?? .null)
        let id = connection.lastInsertID
        // However many jobs: one row.
        try connection.run(
            "INSERT INTO span (batch_id, first, count, outcome) VALUES (?, 0, ?, 0)",
            .int(id), .int(range.count))
        try add(range.count, toTotalOf: 0)
        return Batch(id: id, source: .range(range, request))
    }

    private func batch(enqueuedAs key: String) throws -> Batch? {
        try connection.int("SELECT id FROM batch WHERE enqueue_key = ?", .text(key)).map(batch)
    }

    private func keyTaken(_ key: String, by batch: Batch) -> QueueError {
        QueueError(
            .keyTaken,
            "the key '\(key)' was given to batch \(batch.id) of the queue \(path), which holds other jobs; choose another key"
        )
    }

    func unreadable(batch id: Batch.ID) -> QueueError {
        damaged("batch \(id) is missing or unreadable")
    }

    /// Makes the error for a queue that contradicts itself.
    func damaged(_ what: String) -> QueueError {
        QueueError(.damaged, "the queue \(path) is damaged: \(what); restore a copy")
    }
}
