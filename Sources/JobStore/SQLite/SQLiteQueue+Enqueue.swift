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
            INSERT INTO batch (kind, first_id, count, url, created_at_us, enqueue_key)
            VALUES ('range', ?, ?, ?, ?, ?)
            """,
            .int(range.first), .int(range.count), .text(request.url), .int(unixMicros()),
            key.map(Value.text) ?? .null)
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

    /// Reads a batch.
    ///
    /// - Throws: `QueueError` `.damaged` when the batch is missing or unreadable.
    func batch(_ id: Batch.ID) throws -> Batch {
        let statement = try connection.prepare(
            "SELECT \(Self.batchColumns) FROM batch WHERE id = ?")
        try statement.bind([.int(id)])
        guard try statement.step() else { throw unreadable(batch: id) }
        return try batch(in: statement)
    }

    /// The first columns of a row that `batch(in:)` reads: ID, first ID, count, URL, and whether
    /// this is all that there is to the batch's requests.
    ///
    /// The columns of other methods, headers, bodies and kinds are of the first version of the
    /// schema, and nothing has written to them so far.
    static let batchColumns = """
        batch.id, batch.first_id, batch.count, batch.url,
        batch.kind = 'range' AND batch.method = 'GET' AND batch.headers = '[]'
            AND batch.body IS NULL AND batch.options = '{}'
        """
    /// The number of `batchColumns`.
    static let batchColumnCount: Int32 = 5

    /// Reads the batch from a row of `batchColumns`.
    ///
    /// - Throws: `.damaged` when the row is unreadable; `.newer` when the batch holds requests that
    ///   this version does not know how to make.
    func batch(in row: borrowing Statement) throws(QueueError) -> Batch {
        let (id, first, count) = (row.int(0), row.int(1), row.int(2))
        guard row.int(4) == 1 else {
            throw QueueError(
                .newer,
                "batch \(id) of the queue \(path) holds requests that this runner cannot make (another method, headers, a body or a list)",
                remedy: .upgrade)
        }
        guard first >= 0, count >= 1, !first.addingReportingOverflow(count).overflow,
            let request = try? RequestTemplate(parsing: row.text(3))
        else {
            throw unreadable(batch: id)
        }
        return Batch(id: id, source: .range(JobRange(first: first, count: count), request))
    }

    func unreadable(batch id: Batch.ID) -> QueueError {
        damaged("batch \(id) is missing or unreadable")
    }

    /// Makes the error for a queue that contradicts itself.
    func damaged(_ what: String) -> QueueError {
        QueueError(.damaged, "the queue \(path) is damaged: \(what); restore a copy")
    }
}
